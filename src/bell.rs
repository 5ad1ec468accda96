//! Wakes a run's root future from outside: when a deadline has passed, and when a task has ended while settle waits.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use crate::lock::lock;

/// Rung by anyone, heard by the root future.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    /// How often time was called; each listener counts from its own beginning.
    calls: AtomicU32,
    /// Whether the end of a task is worth a wake-up.
    minding_ends: AtomicBool,
    /// The root future's waker; `None` before its first poll.
    root: Mutex<Option<Waker>>,
}

impl Bell {
    /// Makes the future that is being polled the one that is woken.
    pub(crate) fn listen(&self, cx: &Context<'_>) {
        *lock(&self.root) = Some(cx.waker().clone());
    }

    /// Forgets the root future, whose waker would keep its runtime allocated.
    pub(crate) fn rest(&self) {
        *lock(&self.root) = None;
    }

    /// Says that time is up.
    pub(crate) fn ring(&self) {
        self.calls.fetch_add(1, Ordering::Release);
        self.wake();
    }

    /// Wakes the root future, which may be needed for something.
    pub(crate) fn nudge(&self) {
        self.wake();
    }

    /// Returns how often time was called.
    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Acquire)
    }

    /// Returns `Ready` once time was called more often than `before`.
    pub(crate) fn poll_rung(&self, cx: &Context<'_>, before: u32) -> Poll<()> {
        self.listen(cx);
        if self.calls() != before { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Says whether ends of tasks should wake the root future; off while the body runs, which costs the body nothing.
    pub(crate) fn mind_ends(&self, mind: bool) {
        self.minding_ends.store(mind, Ordering::Release);
    }

    /// Tells that a task has ended.
    #[cfg_attr(all(not(tokio_unstable), not(test)), expect(dead_code, reason = "only hooks tell of single tasks"))]
    pub(crate) fn task_ended(&self) {
        if self.minding_ends.load(Ordering::Acquire) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(root) = lock(&self.root).as_ref() {
            root.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio_test::{assert_pending, assert_ready, task};

    use super::Bell;

    #[test]
    fn ring_wakes_the_listener_once_it_listens() {
        let bell = Bell::default();
        let mut listener = task::spawn(poll_fn(|cx| bell.poll_rung(cx, 0)));
        assert_pending!(listener.poll());
        assert!(!listener.is_woken());
        bell.ring();
        assert!(listener.is_woken());
        assert_ready!(listener.poll());
    }

    #[test]
    fn ring_before_the_first_poll_is_not_lost() {
        let bell = Bell::default();
        bell.ring();
        let mut listener = task::spawn(poll_fn(|cx| bell.poll_rung(cx, 0)));
        assert_ready!(listener.poll());
    }

    #[test]
    fn end_of_a_task_wakes_only_who_minds() {
        let bell = Bell::default();
        let mut listener = task::spawn(poll_fn(|cx| bell.poll_rung(cx, 0)));
        assert_pending!(listener.poll());
        bell.task_ended();
        assert!(!listener.is_woken());
        bell.mind_ends(true);
        bell.task_ended();
        assert!(listener.is_woken());
        assert_pending!(listener.poll());
    }

    #[test]
    fn bell_at_rest_wakes_nobody() {
        let bell = Bell::default();
        let mut listener = task::spawn(poll_fn(|cx| bell.poll_rung(cx, 0)));
        assert_pending!(listener.poll());
        bell.rest();
        bell.ring();
        assert!(!listener.is_woken());
    }
}
