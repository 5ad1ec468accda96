//! Delays a task without touching it: its cooperative budget is used up before a poll, so that the next tokio leaf that it comes to
//! (mpsc, oneshot, watch, broadcast, semaphore, mutex, timer, `JoinHandle`, socket) returns pending, and the task goes to the back of
//! the queue. This is delay-bounded scheduling (Emmi, Qadeer and Rakamaric 2011) on the real runtime.
//!
//! What it cannot do: `Notify` takes no part in budgets, nor do leaves of other crates or what is under `unconstrained`; only the
//! first tokio leaf of a poll is delayed; a `Mutex` or `Semaphore` may be taken before it says that it is not (tokio#8371).

use std::mem;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::poll_proceed;

/// Uses up the budget of the poll that is about to begin.
pub(crate) fn use_up_budget() {
    let mut cx = Context::from_waker(Waker::noop());
    // A budget has less than 256 units; where there is none, nothing can be used up.
    for _ in 0..=u8::MAX {
        match poll_proceed(&mut cx) {
            // Dropped it would give the unit back.
            Poll::Ready(unit) => mem::forget(unit),
            Poll::Pending => return,
        }
    }
}
