//! temporal-sdk-rust#59: a worker that is shut down twice panics.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(DoubleClose, shut_down_twice);

struct Worker {
    /// `None` once somebody waits for it.
    polling: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<Notify>,
}

impl Worker {
    fn start() -> Self {
        let stop = Arc::new(Notify::new());
        let stopped = stop.clone();
        let polling = tokio::spawn(async move { stopped.notified().await });
        Self { polling: Mutex::new(Some(polling)), stop }
    }

    async fn shutdown(&self, form: Form) {
        let polling = self.polling.lock().expect("nobody panics with it").take();
        if form == Form::Fixed && polling.is_none() {
            return;
        }
        self.stop.notify_one();
        // task-panic: somebody else has shut it down.
        polling.expect("the worker runs").await.expect("it only waits");
    }
}

async fn shut_down_twice(form: Form) {
    let worker = Arc::new(Worker::start());
    for _ in 0..2 {
        let worker = worker.clone();
        let _ = tokio::spawn(async move { worker.shutdown(form).await }).await;
    }
}
