//! kubernetes#25331: stop cancels a watch, but the send of its result has no branch for that.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, watch_and_stop);

/// A watch on a key, as its client holds it.
#[derive(Default)]
struct Watch {
    results: Channel<&'static str>,
    cancel: CancellationToken,
}

impl Watch {
    async fn run(&self, form: Form) {
        for event in ["added", "modified"] {
            match form {
                Form::Buggy if self.cancel.is_cancelled() => return,
                Form::Buggy => self.results.send(event).await,
                Form::Fixed => drop(self.cancel.run_until_cancelled(self.results.send(event)).await),
            }
        }
    }

    fn stop(&self) {
        self.cancel.cancel();
    }
}

async fn watch_and_stop(form: Form) {
    let watch = Arc::new(Watch::default());
    let running = watch.clone();
    // leaked-task: it was sending its second result when the watch was stopped.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { running.run(form).await });
    tokio::task::yield_now().await;
    watch.stop();
}
