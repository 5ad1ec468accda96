//! moby#30408: the error path of a plugin's activation never signals those who wait for it.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, use_a_plugin);

/// A plugin that is activated once, whoever asks first.
#[derive(Default)]
struct Plugin {
    activated: Notify,
}

impl Plugin {
    fn activate(&self, form: Form) -> Result<(), &'static str> {
        if form == Form::Buggy {
            shake_hands()?;
            self.activated.notify_waiters();
            return Ok(());
        }
        let activated = shake_hands();
        self.activated.notify_waiters();
        activated
    }
}

fn shake_hands() -> Result<(), &'static str> {
    Err("the plugin does not answer")
}

async fn use_a_plugin(form: Form) {
    let plugin = Arc::new(Plugin::default());
    let waiter = plugin.clone();
    // leaked-task: the activation failed without a word.
    // waits for `Plugin::default()`, held by itself.
    tokio::spawn(async move { waiter.activated.notified().await });
    tokio::task::yield_now().await;
    assert!(plugin.activate(form).is_err());
}
