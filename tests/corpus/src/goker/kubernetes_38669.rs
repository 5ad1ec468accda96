//! kubernetes#38669: a watcher sends its initial events with nobody reading, and stop closes only its input.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, watch_and_stop);

/// What a watcher's owner holds of it, and its task too.
#[derive(Default)]
struct Watcher {
    results: Channel<u32>,
    stopped: CancellationToken,
}

impl Watcher {
    /// Passes on what was there before, then what comes in.
    async fn process(&self, form: Form, initial: [u32; 2], mut input: mpsc::Receiver<u32>) {
        for event in initial {
            match form {
                Form::Buggy => self.results.send(event).await,
                Form::Fixed if self.stopped.run_until_cancelled(self.results.send(event)).await.is_none() => return,
                Form::Fixed => {}
            }
        }
        while let Some(event) = input.recv().await {
            self.results.send(event).await;
        }
    }
}

async fn watch_and_stop(form: Form) {
    let watcher = Arc::new(Watcher::default());
    let (feed, input) = mpsc::channel(1);
    let processor = watcher.clone();
    // leaked-task: it has not come to its input, whose end would stop it.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { processor.process(form, [1, 2], input).await });
    tokio::task::yield_now().await;
    drop(feed);
    watcher.stopped.cancel();
}
