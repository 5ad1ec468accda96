//! The threads that the run's runtime started, and what those that run tasks have in hand.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread::ThreadId;

use crate::lock::lock;
use crate::system::threads::{self, Tid};

/// One thread of the runtime: a worker, or one of the blocking pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeThread {
    pub(crate) id: ThreadId,
    /// The system's id; `None` where it is not known.
    pub(crate) tid: Option<Tid>,
    pub(crate) name: String,
}

/// What one thread has in hand.
#[derive(Debug, Default)]
struct Desk {
    /// The task that was polled last, or `BODY`.
    task: AtomicU64,
    /// Whether the thread sleeps, and so has nothing in hand.
    asleep: AtomicBool,
    /// The system's id of the thread; 0 before it is seated, and where it is not known.
    tid: AtomicU32,
    /// Inverted, the address on its stack below which there is nothing but the runtime's own; all ones before it is seated.
    base: AtomicUsize,
}

/// A desk on a cache line of its own, where several threads write at each poll.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Apart(Desk);

/// A thread of the runtime that has nothing in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sleeper {
    pub(crate) tid: Tid,
    /// Inverted, the address on its stack below which there is nothing but the runtime's own.
    pub(crate) base: usize,
}

/// Stands for the body where a task's number is asked for: no task has it.
pub(crate) const BODY: u64 = 0;

/// How many threads have a desk. Workers start before all others and so have one each; a task on a further one is not told as
/// running.
pub(crate) const DESKS: usize = 32;

thread_local! {
    /// Which desk is this thread's. A thread belongs to one run.
    static DESK: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The runtime's threads that have started and not ended.
#[derive(Debug)]
pub(crate) struct RuntimeThreads {
    alive: Mutex<Vec<RuntimeThread>>,
    /// How many threads were given a desk.
    seated: AtomicUsize,
    /// The desk of the first thread, which is the only one where tasks run on the body's.
    first: Desk,
    /// Those of the others; unset before there is one.
    others: OnceLock<Box<[Apart; DESKS - 1]>>,
}

impl RuntimeThreads {
    pub(crate) fn new() -> Self {
        Self { alive: Mutex::default(), seated: AtomicUsize::new(0), first: Desk::default(), others: OnceLock::new() }
    }

    /// Writes down the calling thread.
    pub(crate) fn begin(&self) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed").to_owned();
        let tid = threads::own_tid();
        lock(&self.alive).push(RuntimeThread { id: thread.id(), tid, name });
        self.seat(tid);
    }

    /// Gives the calling thread, which the system knows by this id, a desk.
    pub(crate) fn seat(&self, tid: Option<Tid>) {
        let seat = self.seated.fetch_add(1, Ordering::Relaxed);
        DESK.set(seat);
        if seat > 0 {
            self.others.get_or_init(Box::default);
        }
        if let Some(desk) = self.desk(seat) {
            desk.base.store(!std::ptr::from_ref(&seat).addr(), Ordering::Relaxed);
            desk.tid.store(tid.unwrap_or(0), Ordering::Release);
        }
    }

    fn desk(&self, seat: usize) -> Option<&Desk> {
        match seat.checked_sub(1) {
            None => Some(&self.first),
            Some(other) => self.others.get()?.get(other).map(|apart| &apart.0),
        }
    }

    fn desks(&self) -> impl Iterator<Item = &Desk> {
        std::iter::once(&self.first)
            .chain(self.others.get().into_iter().flat_map(|others| others.iter().map(|apart| &apart.0)))
    }

    /// Returns the threads that ran tasks and are asleep.
    pub(crate) fn sleepers(&self) -> Vec<Sleeper> {
        let asleep = self.desks().filter(|desk| desk.asleep.load(Ordering::Acquire));
        let sleeper =
            |desk: &Desk| Sleeper { tid: desk.tid.load(Ordering::Acquire), base: desk.base.load(Ordering::Relaxed) };
        asleep.map(sleeper).filter(|sleeper| sleeper.tid != 0).collect()
    }

    /// Forgets the calling thread, which is about to end.
    pub(crate) fn end(&self) {
        let own = std::thread::current().id();
        lock(&self.alive).retain(|thread| thread.id != own);
    }

    /// Returns the threads that run now, oldest first.
    pub(crate) fn alive(&self) -> Vec<RuntimeThread> {
        lock(&self.alive).clone()
    }

    /// Tells that the calling thread polls this task, or the `BODY`.
    pub(crate) fn show(&self, task: u64) {
        if let Some(desk) = self.desk(DESK.get()) {
            desk.task.store(task, Ordering::Relaxed);
        }
    }

    /// Tells whether the calling thread sleeps.
    pub(crate) fn show_asleep(&self, asleep: bool) {
        if let Some(desk) = self.desk(DESK.get()) {
            desk.asleep.store(asleep, Ordering::Release);
        }
    }

    /// Returns the tasks that threads have in hand which are awake.
    pub(crate) fn in_hand(&self) -> Vec<u64> {
        let awake = self.desks().filter(|desk| !desk.asleep.load(Ordering::Acquire));
        awake.map(|desk| desk.task.load(Ordering::Relaxed)).filter(|task| *task != BODY).collect()
    }

    /// Returns how many threads that ran tasks are asleep.
    pub(crate) fn asleep(&self) -> usize {
        self.desks().filter(|desk| desk.asleep.load(Ordering::Acquire)).count()
    }
}
