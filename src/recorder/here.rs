//! The run of the calling thread.

use std::cell::Cell;

use super::table::{NO_RUN, RunNumber};

/// Nobody has said yet whose this thread is.
pub(crate) const UNKNOWN: RunNumber = RunNumber::MAX;
/// It is no run's, under the gate; nobody has asked for its name yet.
pub(crate) const UNNAMED: RunNumber = RunNumber::MAX - 1;

thread_local! {
    /// It has no destructor, and so is there until the thread's very end.
    static RUN: Cell<RunNumber> = const { Cell::new(UNKNOWN) };
}

/// Returns the run of the calling thread.
pub(crate) fn here() -> RunNumber {
    RUN.get()
}

/// Makes the calling thread one of a run's; returns whose it was.
pub(crate) fn enter(run: RunNumber) -> RunNumber {
    RUN.replace(run)
}

/// Does something whose allocations are nobody's.
pub(crate) fn unrecorded<R>(act: impl FnOnce() -> R) -> R {
    let run = enter(NO_RUN);
    let result = act();
    enter(run);
    result
}

/// Returns a number that no other run has had.
pub(crate) fn fresh_run() -> RunNumber {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(NO_RUN + 1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
