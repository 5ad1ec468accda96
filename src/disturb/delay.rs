//! Delays a task without touching it: its cooperative budget is used up before a poll, so that the next tokio leaf that it comes to
//! (mpsc, oneshot, watch, broadcast, semaphore, mutex, timer, `JoinHandle`, socket) returns pending, and the task goes to the back of
//! the queue. This is delay-bounded scheduling (Emmi, Qadeer and Rakamaric 2011) on the real runtime.
//!
//! What it cannot do: `Notify` takes no part in budgets, nor do leaves of other crates or what is under `unconstrained`; only the
//! first tokio leaf of a poll is delayed; a `Mutex` or `Semaphore` may be taken before it says that it is not (tokio#8371).
//!
//! To take the units one by one is most of what a small run costs. So a thread keeps the last unit that it took: dropped, a unit sets the
//! budget back to what it was before that, which is one.

use std::cell::Cell;
use std::mem;
use std::task::{Context, Poll, Waker};

use tokio::task::coop::{RestoreOnPending, poll_proceed};

thread_local! {
    /// The last unit of a budget; `None` before one was used up.
    static LAST: Cell<Option<RestoreOnPending>> = const { Cell::new(None) };
}

/// Uses up the budget of the poll that is about to begin; call it where tokio has given it one, as it has before each.
pub(crate) fn use_up_budget() {
    let mut cx = Context::from_waker(Waker::noop());
    drop(LAST.take());
    let mut last = None;
    // A budget has less than 256 units; where there is none, nothing can be used up.
    for _ in 0..=u8::MAX {
        match poll_proceed(&mut cx) {
            // Dropped it would give the unit back.
            Poll::Ready(unit) => mem::forget(last.replace(unit)),
            Poll::Pending => {
                LAST.set(last);
                return;
            }
        }
    }
    mem::forget(last);
}
