//! serving#5865: a watcher of a revision ends by itself, and its manager still sends updates to it.

use tokio::sync::mpsc;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(UseAfterClose, update_endpoints);

/// Watches until the revision is gone, which is at once here.
fn watch_revision() -> mpsc::Sender<u32> {
    let (destinations, mut updated) = mpsc::channel(1);
    tokio::spawn(async move {
        updated.close();
    });
    destinations
}

async fn update_endpoints(form: Form) {
    let watcher = watch_revision();
    tokio::task::yield_now().await;
    let manager = tokio::spawn(async move {
        let sent = watcher.send(1).await;
        if form == Form::Buggy {
            // task-panic: the watcher has left.
            sent.expect("the watcher runs");
        }
    });
    let _ = manager.await;
}
