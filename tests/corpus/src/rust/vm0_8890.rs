//! vm0#8890: a future that is no longer polled, and not dropped either, holds the lock that shutdown needs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, run_and_drain);

#[derive(Default)]
struct Provider {
    jobs: Mutex<u32>,
}

impl Provider {
    /// Polls for jobs until there is one.
    async fn discover(&self) {
        let mut jobs = self.jobs.lock().await;
        loop {
            sleep(Duration::from_secs(1)).await;
            *jobs += 1;
        }
    }

    async fn shutdown(&self) {
        *self.jobs.lock().await = 0;
    }
}

async fn run(form: Form, provider: Arc<Provider>, draining: CancellationToken) {
    let mut discovery = Box::pin(provider.discover());
    tokio::select! {
        () = &mut discovery => {}
        () = draining.cancelled() => {}
    }
    if form == Form::Fixed {
        drop(discovery);
        return provider.shutdown().await;
    }
    provider.shutdown().await;
}

async fn run_and_drain(form: Form) {
    let draining = CancellationToken::new();
    // leaked-task: its own discovery, which it does not poll, has the lock.
    // waits for `Arc::default()`, held by itself.
    tokio::spawn(run(form, Arc::default(), draining.clone()));
    tokio::task::yield_now().await;
    draining.cancel();
}
