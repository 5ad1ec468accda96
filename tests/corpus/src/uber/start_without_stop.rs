//! Uber's study: something is started in a constructor, and its stop is not called.

use std::time::Duration;

use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(NoExit, use_a_client);

/// A client that reports its metrics in the background.
struct Client {
    stop: CancellationToken,
}

impl Client {
    fn start() -> Self {
        let stop = CancellationToken::new();
        // leaked-task: it reports until somebody calls stop.
        // waits for a timer.
        // waits for `CancellationToken::new()`, held by itself.
        tokio::spawn(report(stop.clone()));
        Self { stop }
    }

    fn stop(self) {
        self.stop.cancel();
    }
}

async fn report(stop: CancellationToken) {
    let mut ticks = interval(Duration::from_secs(1));
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {}
}

async fn use_a_client(form: Form) {
    let client = Client::start();
    if form == Form::Fixed {
        client.stop();
    }
}
