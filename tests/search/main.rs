//! The tests of the search, a module a topic. They have a binary of their own, and run one after the other: a signal reaches every
//! listener of the process.

#[cfg(all(unix, tokio_unstable))]
#[path = "../it/again.rs"]
mod again;
#[cfg(all(unix, tokio_unstable))]
mod bodies;
#[path = "../it/claims.rs"]
#[expect(dead_code, reason = "these tests claim less of a report than those that it is made for")]
mod claims;
#[cfg(all(unix, tokio_unstable))]
mod cores;
#[cfg(all(unix, tokio_unstable))]
mod delays;
#[cfg(all(unix, tokio_unstable))]
mod draws;
#[cfg(all(unix, tokio_unstable))]
mod isolated;
mod plans;
#[cfg(all(unix, tokio_unstable))]
mod rehearsals;
#[cfg(all(unix, tokio_unstable))]
mod replays;
#[cfg(unix)]
mod signals;
#[cfg(all(unix, tokio_unstable))]
mod sweeps;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps the other tests of this process waiting.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
