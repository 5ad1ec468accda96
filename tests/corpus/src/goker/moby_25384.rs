//! moby#25384: a wait for all plugins stands inside the loop that starts them.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, restore_plugins);

/// Restores plugins side by side; each adds one to a semaphore when it is ready.
async fn restore(form: Form, plugins: u32) {
    let ready = Arc::new(Semaphore::new(0));
    for _plugin in 0..plugins {
        let plugin = ready.clone();
        tokio::spawn(async move { plugin.add_permits(1) });
        if form == Form::Buggy {
            wait_for_all(&ready, plugins).await;
        }
    }
    wait_for_all(&ready, plugins).await;
}

async fn wait_for_all(ready: &Semaphore, plugins: u32) {
    drop(ready.acquire_many(plugins).await.expect("nobody closes it"));
}

async fn restore_plugins(form: Form) {
    // leaked-task: it waits for two, and has started one.
    // waits for `Semaphore::new(0)`, held by itself.
    tokio::spawn(restore(form, 2));
}
