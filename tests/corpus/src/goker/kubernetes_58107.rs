//! kubernetes#58107: a worker sleeps under its read lock, a writer waits for it, and who would wake it reads behind the writer.

use std::sync::Arc;

use tokio::sync::{Notify, RwLock};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(QueuedWriter, work_and_resync);

/// A controller of quotas: its second queue feeds the first.
#[derive(Default)]
struct Controller {
    quotas: RwLock<u32>,
    queued: Notify,
}

impl Controller {
    /// Waits for something in the first queue.
    async fn work(&self, form: Form) {
        let quotas = self.quotas.read().await;
        if form == Form::Fixed {
            drop(quotas);
        }
        self.queued.notified().await;
    }

    /// Recalculates all quotas.
    async fn resync(&self) {
        *self.quotas.write().await += 1;
    }

    /// Takes something from the second queue, and puts it into the first.
    async fn feed(&self) {
        let _quotas = self.quotas.read().await;
        self.queued.notify_one();
    }
}

async fn work_and_resync(form: Form) {
    let controller = Arc::new(Controller::default());
    let (working, resyncing) = (controller.clone(), controller.clone());
    // leaked-task: nothing comes into its queue.
    // waits for `Controller::default()`, held by task 3.
    tokio::spawn(async move { working.work(form).await });
    // leaked-task: it waits for the worker's read lock.
    // waits for `Controller::default()`, held by task 1.
    tokio::spawn(async move { resyncing.resync().await });
    // leaked-task: it reads behind the writer.
    // waits for `Controller::default()`, held by task 2.
    tokio::spawn(async move { controller.feed().await });
}
