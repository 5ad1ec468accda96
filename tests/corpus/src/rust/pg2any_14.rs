//! pg2any#14: `select!` takes the cancel branch, and a message that was ready is dropped.

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LostWork, apply_and_cancel);

/// A change that was taken over, and where to say that it is applied.
type Change = oneshot::Sender<()>;

async fn apply_changes(form: Form, mut changes: mpsc::Receiver<Change>, cancel: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => break,
            Some(change) = changes.recv() => drop(change.send(())),
        }
    }
    if form == Form::Fixed {
        changes.close();
        while let Some(change) = changes.recv().await {
            let _ = change.send(());
        }
    }
}

async fn apply_and_cancel(form: Form) {
    let cancel = CancellationToken::new();
    let (changes, taken) = mpsc::channel(4);
    let applier = tokio::spawn(apply_changes(form, taken, cancel.clone()));
    let source = tokio::spawn(async move {
        let (change, applied) = oneshot::channel();
        changes.send(change).await.expect("the applier runs");
        cancel.cancel();
        // task-panic: the change was taken over, and lost.
        applied.await.expect("what was taken over is applied");
    });
    let _ = tokio::join!(applier, source);
}
