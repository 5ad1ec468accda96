//! kubernetes#11298: an abort wakes those who wait, and one who is about to wait is not among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, serve_and_abort);

#[derive(Default)]
struct Notifier {
    aborted: AtomicBool,
    changed: Notify,
}

impl Notifier {
    async fn service_loop(&self) {
        while !self.aborted.load(Ordering::SeqCst) {
            // Something is done between the look and the wait.
            tokio::task::yield_now().await;
            self.changed.notified().await;
        }
    }

    fn abort(&self, form: Form) {
        self.aborted.store(true, Ordering::SeqCst);
        match form {
            Form::Buggy => self.changed.notify_waiters(),
            Form::Fixed => self.changed.notify_one(),
        }
    }
}

async fn serve_and_abort(form: Form) {
    let notifier = Arc::new(Notifier::default());
    let serving = notifier.clone();
    // leaked-task: it looked before the abort, and waits after it.
    // waits for `Notifier::default()`, held by itself.
    tokio::spawn(async move { serving.service_loop().await });
    tokio::task::yield_now().await;
    notifier.abort(form);
}
