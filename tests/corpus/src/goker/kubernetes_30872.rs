//! kubernetes#30872: a handler runs under its queue's lock and asks the informer, which asks the queue under its own lock.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockOrder, synchronise);

/// An informer over clusters, and the queue of changes to them.
#[derive(Default)]
struct Informer {
    clusters: Mutex<Vec<u32>>,
    queue: Mutex<Vec<u32>>,
}

impl Informer {
    /// Handles the next change, which the queue counts as pending until it is handled.
    async fn handle(&self, form: Form) {
        let mut queue = self.queue.lock().await;
        let Some(added) = queue.pop() else { return };
        if form == Form::Fixed {
            drop(queue);
        }
        tokio::task::yield_now().await;
        self.clusters.lock().await.push(added);
    }

    async fn is_synchronised(&self) -> bool {
        let clusters = self.clusters.lock().await;
        self.queue.lock().await.is_empty() && !clusters.is_empty()
    }
}

async fn synchronise(form: Form) {
    let informer = Arc::new(Informer::default());
    informer.queue.lock().await.push(1);
    let handler = informer.clone();
    // leaked-task: it has the queue, and waits for the clusters.
    // waits for `Informer::default()`, held by task 2.
    tokio::spawn(async move { handler.handle(form).await });
    // leaked-task: it has the clusters, and waits for the queue.
    // waits for `Informer::default()`, held by task 1.
    tokio::spawn(async move { informer.is_synchronised().await });
}
