//! Libraries that manage shutdown, as they are published: what their documentation promises, under the search.
//!
//! A promise that holds is a test with `#[lightsout::test]`. One that does not is a claim about the very finding, and stands in
//! `FINDINGS.md` with the way to see it.
#![cfg(unix)]

mod async_nats;
mod axum;
#[path = "../../../it/claims.rs"]
#[expect(dead_code, reason = "these tests claim less of a report than those that it is made for")]
mod claims;
mod tokio_graceful_shutdown;
mod tokio_util;

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on, and returns a future that ends with the first SIGTERM or SIGINT.
fn stop_requested() -> impl Future<Output = ()> + Send + 'static {
    let (mut term, mut int) = (signal(SignalKind::terminate()).unwrap(), signal(SignalKind::interrupt()).unwrap());
    async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    }
}

/// Keeps the other checks of this process waiting that send signals in it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
