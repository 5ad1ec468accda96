//! The threads that the run's runtime started.

use std::sync::Mutex;
use std::thread::ThreadId;

use super::lock;
use crate::source::threads::{self, Tid};

/// One thread of the runtime: a worker, or one of the blocking pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeThread {
    pub(crate) id: ThreadId,
    /// The system's id; `None` where it is not known.
    pub(crate) tid: Option<Tid>,
    pub(crate) name: String,
}

/// The runtime's threads that have started and not ended.
#[derive(Debug, Default)]
pub(crate) struct RuntimeThreads(Mutex<Vec<RuntimeThread>>);

impl RuntimeThreads {
    /// Writes down the calling thread.
    pub(crate) fn begin(&self) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        lock(&self.0).push(RuntimeThread { id: thread.id(), tid: threads::own_tid(), name });
    }

    /// Forgets the calling thread, which is about to end.
    pub(crate) fn end(&self) {
        let own = std::thread::current().id();
        lock(&self.0).retain(|thread| thread.id != own);
    }

    /// Returns the threads that run now, oldest first.
    pub(crate) fn alive(&self) -> Vec<RuntimeThread> {
        lock(&self.0).clone()
    }
}
