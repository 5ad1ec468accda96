//! The run of the calling thread.

use std::cell::Cell;

use super::format::ORDINARY;
use super::table::{NO_RUN, RunNumber};

/// Nobody has said yet whose this thread is.
pub(crate) const UNKNOWN: RunNumber = RunNumber::MAX;
/// It is no run's, under the gate; nobody has asked for its name yet.
pub(crate) const UNNAMED: RunNumber = RunNumber::MAX - 1;

/// It takes notes of our own, which lead to nothing of a run's.
pub(crate) const OURS: RunNumber = RunNumber::MAX - 2;

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
    within(NO_RUN, act)
}

/// Does something whose allocations are notes of our own. What is kept of it must not point to anything of a run's.
pub(crate) fn noting<R>(act: impl FnOnce() -> R) -> R {
    within(OURS, act)
}

/// Does something whose allocations are another run's.
pub(crate) fn within<R>(other: RunNumber, act: impl FnOnce() -> R) -> R {
    let run = enter(other);
    let result = act();
    enter(run);
    result
}

/// Marks a number as that of a run's runtime, which is no part of the run: of its allocations nobody asks where.
const OF_RUNTIME: RunNumber = 1 << 30;

/// Returns the number that the allocations of a run's runtime bear.
pub(crate) fn of_runtime(run: RunNumber) -> RunNumber {
    if run == NO_RUN { NO_RUN } else { run | OF_RUNTIME }
}

/// Returns whether a number is that of a run's runtime.
pub(crate) fn is_of_runtime(run: RunNumber) -> bool {
    (OF_RUNTIME..2 * OF_RUNTIME).contains(&run)
}

/// Returns whether a number is that of a checked run, or of its runtime.
#[inline]
pub(crate) fn is_checked(run: RunNumber) -> bool {
    (NO_RUN + 1..ORDINARY).contains(&run)
}

/// Returns a number that no other run has had.
pub(crate) fn fresh_run() -> RunNumber {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(NO_RUN + 1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
