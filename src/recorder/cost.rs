//! What recording takes: some steps are timed, and stand for the others.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use super::record;

/// Nobody asks under the gate.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// Of each thread so many steps are all timed: the first ones take longer, and many programs have few.
const FIRST: u32 = 64;
/// Then one of so many.
const EVERY: u32 = 64;

thread_local! {
    /// How many steps this thread has done. It has no destructor, and so is there until the thread's very end.
    static STEPS: Cell<u32> = const { Cell::new(0) };
}

/// Begins to time steps.
#[expect(dead_code, reason = "the library that is preloaded needs it")]
pub(crate) fn ask() {
    record::learn_clock();
    IS_ASKED.store(true, Ordering::Relaxed);
}

/// Does a step, and perhaps times it.
#[inline]
pub(super) fn timed(act: impl FnOnce()) {
    if !IS_ASKED.load(Ordering::Relaxed) {
        return act();
    }
    let step = STEPS.get();
    STEPS.set(step.wrapping_add(1));
    match step {
        ..FIRST => record::time(1, act),
        _ if step.is_multiple_of(EVERY) => record::time(EVERY, act),
        _ => act(),
    }
}
