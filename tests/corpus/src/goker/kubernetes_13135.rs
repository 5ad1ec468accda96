//! kubernetes#13135: a cacher locks itself, then its watch cache, which calls back with its own lock held.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockOrder, start_caching);

#[derive(Default)]
struct Cacher {
    ready: Mutex<bool>,
    watch_cache: Mutex<Vec<u32>>,
}

impl Cacher {
    /// Fills the watch cache from a list that has to be fetched.
    async fn start(&self) {
        let mut ready = self.ready.lock().await;
        tokio::task::yield_now().await;
        self.watch_cache.lock().await.extend([1, 2]);
        *ready = true;
    }

    /// Adds an event, and dispatches it to those who watch.
    async fn process_event(&self, form: Form, event: u32) {
        let mut watch_cache = self.watch_cache.lock().await;
        watch_cache.push(event);
        if form == Form::Fixed {
            drop(watch_cache);
        }
        let _ready = self.ready.lock().await;
    }
}

async fn start_caching(form: Form) {
    let cacher = Arc::new(Cacher::default());
    let starting = cacher.clone();
    // leaked-task: it has the cacher, and waits for the watch cache.
    // waits for `Cacher::default()`, held by task 2.
    tokio::spawn(async move { starting.start().await });
    // leaked-task: it has the watch cache, and waits for the cacher.
    // waits for `Cacher::default()`, held by task 1.
    tokio::spawn(async move { cacher.process_event(form, 3).await });
}
