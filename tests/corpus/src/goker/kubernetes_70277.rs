//! kubernetes#70277: a wait is over at the first success, and does not tell its poller, which polls on.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(NoExit, wait_for_a_condition);

/// Ticks until it is told that it is done. A tick that nobody takes is dropped.
async fn poll(ticks: mpsc::Sender<()>, done: CancellationToken) {
    let mut interval = interval(Duration::from_millis(1));
    while done.run_until_cancelled(interval.tick()).await.is_some() {
        let _ = ticks.try_send(());
    }
}

async fn wait_for(form: Form, condition: impl Fn() -> bool) {
    let done = CancellationToken::new();
    let _over = (form == Form::Fixed).then(|| done.clone().drop_guard());
    let (ticks, mut ticked) = mpsc::channel(1);
    // leaked-task: it ticks for ever, and nobody takes the ticks.
    // waits for a timer.
    // waits for `CancellationToken::new()`, held by itself.
    tokio::spawn(poll(ticks, done));
    while ticked.recv().await.is_some() {
        if condition() {
            return;
        }
    }
}

async fn wait_for_a_condition(form: Form) {
    wait_for(form, || true).await;
}
