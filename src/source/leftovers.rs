//! What tokio has in its own thread-locals. With its feature `taskdump` the place for a trace is written again at each leaf that is
//! polled, and where there is no trace, what comes with the word for that is whatever lay on the stack: a pointer to the task that was
//! polled, often.

use std::pin::pin;
use std::task::{Context, Waker};

use tokio::sync::Semaphore;

use crate::recorder;
use crate::system::stack;

/// Has no permit for anybody.
static NONE: Semaphore = Semaphore::const_new(0);

/// Writes over it, where the wait graph is asked for: on a clean stack a leaf is polled that is nobody's.
pub(crate) fn overwrite() {
    if recorder::is_whole() {
        stack::clear_below();
        let polled = pin!(NONE.acquire()).poll(&mut Context::from_waker(Waker::noop()));
        debug_assert!(polled.is_pending());
    }
}
