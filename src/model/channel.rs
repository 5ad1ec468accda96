//! A channel, in a model.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::engine::{Condvar, Mutex, step, wait};
use super::fault::Board;
use super::resource::Resource;
use crate::finding::{Kind, Site};
use crate::report::words;

/// A channel without a limit, which somebody closes, as in Go: a send after that is a fault, and so is a message that nobody reads.
/// Clones are handles to the same channel, and either end.
pub struct Channel<T>(Arc<Inner<T>>);

struct Inner<T> {
    name: String,
    made: Site,
    board: Arc<Board>,
    /// Its end.
    end: Resource,
    queue: Mutex<Queue<T>>,
    changed: Condvar,
}

struct Queue<T> {
    messages: VecDeque<T>,
    closed: bool,
}

impl<T> Channel<T> {
    pub(super) fn new(name: &str, made: Site, board: Arc<Board>) -> Self {
        let end = Resource::new(name, made.clone(), board.clone());
        let queue = Mutex::new(Queue { messages: VecDeque::new(), closed: false });
        Self(Arc::new(Inner { name: name.to_owned(), made, board, end, queue, changed: Condvar::new() }))
    }

    /// Says that it must have been closed when every actor has ended.
    #[must_use = "it is the same channel"]
    pub fn must_end(self) -> Self {
        let _ = self.0.end.clone().must_end();
        self
    }

    /// Sends a message. After the close that is a fault.
    #[track_caller]
    pub fn send(&self, message: T) {
        let mut queue = self.0.queue.lock().expect("a model ends with the first panic");
        step(Location::caller(), || format!("sends to `{}`", self.0.name));
        if queue.closed {
            drop(queue);
            self.0.end.touch();
        } else {
            queue.messages.push_back(message);
            drop(queue);
            self.0.changed.notify_one();
        }
    }

    /// Waits for a message; `None` once it is closed and empty.
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        let caller = Location::caller();
        let mut queue = self.0.queue.lock().expect("a model ends with the first panic");
        loop {
            if let Some(message) = queue.messages.pop_front() {
                step(caller, || format!("receives from `{}`", self.0.name));
                return Some(message);
            }
            if queue.closed {
                step(caller, || format!("sees the end of `{}`", self.0.name));
                return None;
            }
            let woken = wait("waits for a message", caller, || self.0.changed.wait(queue));
            queue = woken.expect("a model ends with the first panic");
        }
    }

    /// Closes it. A second close is a fault.
    #[track_caller]
    pub fn close(&self) {
        self.0.queue.lock().expect("a model ends with the first panic").closed = true;
        self.0.end.close();
        self.0.changed.notify_all();
    }

    /// Looks whether it has ended as it must; every actor has.
    pub(super) fn check_end(&self) {
        self.0.end.check_end();
        let unread = self.0.queue.lock().expect("a model ends with the first panic").messages.len();
        if unread > 0 {
            let summary = words::unread(&self.0.name, unread);
            self.0.board.fault(Kind::LostWork, summary, vec![self.0.made.clone()]);
        }
    }
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.0.name).finish_non_exhaustive()
    }
}
