//! istio#8967: the guard against a second close takes the done channel away, and a reader waits for one that is not there.

use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, start_and_stop);

/// A source of files. `None` after `stop`, so that a second one does nothing.
struct Source {
    done: Mutex<Option<CancellationToken>>,
}

impl Source {
    fn done(&self) -> Option<CancellationToken> {
        self.done.lock().expect("nobody panics with it").clone()
    }

    /// Reads until it is stopped.
    async fn read(&self, form: Form) {
        match (self.done(), form) {
            (Some(done), _) => done.cancelled().await,
            // As a receive from a nil channel does in Go.
            (None, Form::Buggy) => std::future::pending().await,
            (None, Form::Fixed) => {}
        }
    }

    fn stop(&self) {
        if let Some(done) = self.done.lock().expect("nobody panics with it").take() {
            done.cancel();
        }
    }
}

async fn start_and_stop(form: Form) {
    let source = Arc::new(Source { done: Mutex::new(Some(CancellationToken::new())) });
    let reading = source.clone();
    // leaked-task: it first looks at the done channel when that has been taken away.
    // waits for nothing.
    tokio::spawn(async move { reading.read(form).await });
    source.stop();
    source.stop();
}
