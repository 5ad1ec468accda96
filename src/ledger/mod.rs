//! What one run knows to be alive. Sources write here and read nothing; the ledger knows nobody above it.

pub(crate) mod channel;
pub(crate) mod closable;
#[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only events tell of components"))]
pub(crate) mod component;
pub(crate) mod panic;
mod place;
#[cfg_attr(all(not(tokio_unstable), not(test)), expect(dead_code, reason = "only hooks write single tasks down"))]
pub(crate) mod table;
pub(crate) mod thread;
pub(crate) mod ticket;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};

use tokio::runtime::RuntimeMetrics;
use tokio::time::Instant;

use crate::allow::Allow;
use crate::bell::Bell;
use crate::disturb::inject::Raised;
use crate::finding::Ending;
use crate::lock::lock;
use crate::recorder::{self, RunNumber};
use crate::system::dye::{self, Dye};
use crate::system::threads::Tid;

use channel::ChannelKind;
use closable::Closables;
use component::Components;
use panic::Panicked;
use table::{First, Tasks};
use thread::{RuntimeThreads, Sleeper};
use ticket::Tickets;

/// Whether a run has all that its runtime can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Staging {
    Full,
    /// The driver of sockets, processes and signals is left out, which is most of what a small run costs. What goes wrong then may be due
    /// to that: nothing is told of it, and the run is made once more in full.
    Rehearsal,
}

/// Everything that one run knows.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// What the recorder knows the run by; no two runs of a process have the same, but for those that it is not to look at.
    number: RunNumber,
    staging: Staging,
    /// Whether code has panicked, be it caught or not.
    has_panicked: AtomicBool,
    /// What marks the threads of this run; `None` where the system has nothing that threads inherit.
    dye: Option<Dye>,
    /// The tasks that the runtime's hooks told of; empty without hooks.
    pub(crate) tasks: Tasks,
    /// The subscriber that reads events and task names; unset before it is made.
    #[cfg(feature = "tracing")]
    pub(crate) reader: OnceLock<tracing_core::Dispatch>,
    /// The names that `tokio::task::Builder::name` gave, by task id; empty unless the names are read.
    pub(crate) names: Mutex<BTreeMap<u64, String>>,
    /// The things that end once.
    pub(crate) closables: Closables,
    /// What tracing events tell of components.
    pub(crate) components: Components,
    /// Whether events may have gone past their reader, to a subscriber that the body has set.
    pub(crate) events_missed: AtomicBool,
    /// The work that was accepted; tickets share it, and may outlive the run.
    pub(crate) tickets: Arc<Tickets>,
    /// Panics on threads of the run, in the order in which they happened.
    pub(crate) panics: Mutex<Vec<Panicked>>,
    /// The threads that the run's runtime started.
    pub(crate) threads: RuntimeThreads,
    /// The kinds of channels that the check, or the body itself, was told of.
    pub(crate) kinds: Mutex<Vec<ChannelKind>>,
    /// Rules that the body itself gave.
    pub(crate) granted: Mutex<Vec<Allow>>,
    /// Wakes the run's root future.
    pub(crate) bell: Bell,
    /// The system's id of the thread that the body runs on; unset before it runs, and where it is not known.
    body_thread: OnceLock<Tid>,
    /// Inverted, the address on that thread's stack below which there is nothing but the run's and its runtime's own; unset before it
    /// runs.
    body_base: OnceLock<usize>,
    /// How many worker threads the runtime has; 0 where tasks run on the body's thread.
    workers: AtomicUsize,
    /// How often a worker has woken up.
    wakes: AtomicUsize,
    clock: Clock,
    /// How the body ended; unset before that.
    ending: OnceLock<Ending>,
    /// The runtime's own counters; `None` before it is built and after it was stopped, since they keep it allocated.
    runtime: Mutex<Option<RuntimeMetrics>>,
}

impl Ledger {
    /// Opens the ledger of a new run.
    pub(crate) fn open(number: RunNumber, kinds: &[ChannelKind], staging: Staging, first: First) -> Arc<Self> {
        OPEN.fetch_add(1, Ordering::Relaxed);
        Arc::new_cyclic(|own: &Weak<Self>| Self {
            number,
            staging,
            has_panicked: AtomicBool::new(false),
            dye: runs::register(own.clone()),
            tasks: Tasks::new(first),
            #[cfg(feature = "tracing")]
            reader: OnceLock::new(),
            names: Mutex::default(),
            closables: Closables::new(),
            components: Components::default(),
            events_missed: AtomicBool::new(false),
            tickets: Arc::new(Tickets::new()),
            panics: Mutex::default(),
            threads: RuntimeThreads::new(),
            kinds: Mutex::new(kinds.to_vec()),
            granted: Mutex::default(),
            bell: Bell::default(),
            body_thread: OnceLock::new(),
            body_base: OnceLock::new(),
            workers: AtomicUsize::new(0),
            wakes: AtomicUsize::new(0),
            clock: Clock::default(),
            ending: OnceLock::new(),
            runtime: Mutex::default(),
        })
    }

    /// Returns what the recorder knows the run by.
    pub(crate) fn number(&self) -> RunNumber {
        self.number
    }

    /// Returns whether the run has all that its runtime can wait for.
    pub(crate) fn staging(&self) -> Staging {
        self.staging
    }

    /// Returns whether code has panicked, be it caught or not.
    pub(crate) fn has_panicked(&self) -> bool {
        self.has_panicked.load(Ordering::Relaxed)
    }

    /// Writes down that code has panicked.
    pub(crate) fn panics(&self) {
        self.has_panicked.store(true, Ordering::Relaxed);
    }

    /// Returns whether no probe and no event has told anything.
    pub(crate) fn is_untold(&self) -> bool {
        self.closables.is_empty() && self.tickets.is_empty() && self.components.is_empty()
    }

    /// Makes the calling thread one of this run's, and so every thread that it starts.
    pub(crate) fn adopt_thread(self: &Arc<Self>) {
        recorder::enter(self.number);
        HERE.with(|here| *here.borrow_mut() = Some(self.clone()));
        if let Some(dye) = self.dye {
            dye.set();
        }
    }

    /// Makes the calling thread, which the system knows by this id, the one that the body runs on; below `base` its stack is the run's.
    pub(crate) fn adopt_body_thread(self: &Arc<Self>, tid: Option<Tid>, base: usize) {
        self.adopt_thread();
        if let Some(tid) = tid {
            self.body_thread.get_or_init(|| tid);
            self.body_base.get_or_init(|| !base);
        }
    }

    /// Returns the thread that the body ran on, with where its own part of the stack begins.
    pub(crate) fn body_sleeper(&self) -> Option<Sleeper> {
        Some(Sleeper { tid: self.body_thread()?, base: *self.body_base.get()? })
    }

    /// Returns how often a worker has woken up.
    pub(crate) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Acquire)
    }

    /// Returns how many workers run tasks; 0 where the body's thread does.
    pub(crate) fn workers(&self) -> usize {
        self.workers.load(Ordering::Acquire)
    }

    pub(crate) fn body_thread(&self) -> Option<Tid> {
        self.body_thread.get().copied()
    }

    /// Returns the mark of this run's threads.
    pub(crate) fn dye(&self) -> Option<Dye> {
        self.dye
    }

    /// Returns how the body ended; `None` before that.
    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending.get().cloned()
    }

    /// Writes down that the body has ended.
    pub(crate) fn body_ended(&self, ending: Ending) {
        // Only the run's own thread writes it, once.
        let _ = self.ending.set(ending);
    }

    /// Begins to watch the runtime that was built; `workers` is 0 where tasks run on the body's thread.
    pub(crate) fn start(&self, metrics: RuntimeMetrics, workers: usize) {
        *lock(&self.runtime) = Some(metrics);
        self.workers.store(workers, Ordering::Release);
        if workers == 0 {
            // Here the body's own thread runs the tasks.
            self.threads.seat(self.body_thread());
        }
    }

    /// Tells that a worker goes to sleep: it has nothing to run.
    pub(crate) fn falls_asleep(&self) {
        self.threads.show_asleep(true);
    }

    /// Tells that a worker has woken up, and brings the clock up to date.
    pub(crate) fn wakes_up(&self) {
        self.wakes.fetch_add(1, Ordering::AcqRel);
        self.threads.show_asleep(false);
        self.stamp();
    }

    /// Returns whether tasks run on workers, and not on the body's thread.
    pub(crate) fn has_workers(&self) -> bool {
        self.workers.load(Ordering::Acquire) > 0
    }

    /// Returns whether no worker has anything to run. One that is awake may be busy, or may wait for a processor of a loaded
    /// machine: what it would run has then not had its turn.
    pub(crate) fn is_asleep(&self) -> bool {
        self.threads.asleep() >= self.workers.load(Ordering::Acquire).min(thread::DESKS)
    }

    /// Lets go of the runtime, which a counter would otherwise keep allocated.
    pub(crate) fn release_runtime(&self) {
        self.tickets.stop();
        *lock(&self.runtime) = None;
    }

    /// Returns how many tasks the runtime counts; `None` before it was built and after it was stopped.
    pub(crate) fn counted(&self) -> Option<usize> {
        lock(&self.runtime).as_ref().map(RuntimeMetrics::num_alive_tasks)
    }

    /// Returns the runtime's own counters; `None` before it was built and after it was stopped.
    pub(crate) fn counters(&self) -> Option<RuntimeMetrics> {
        lock(&self.runtime).clone()
    }

    /// Brings the run's clock up to date; threads of the runtime call it when they wake up, so that a spawn need not read a
    /// clock: in between, time passes only as far as code runs.
    pub(crate) fn stamp(&self) {
        self.clock.stamp();
    }

    /// Wakes the root future if a signal was raised, so that a paused clock does not jump while its listener is woken.
    pub(crate) fn heed(&self, raised: Raised) {
        if raised == Raised::Yes {
            self.bell.nudge();
        }
    }

    /// Returns the time since the start, in milliseconds of the run's clock, as of the last stamp.
    pub(crate) fn now(&self) -> u32 {
        self.clock.now.load(Ordering::Relaxed)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
        if let Some(dye) = self.dye {
            runs::forget(dye);
        }
    }
}

/// The time of a run: virtual where its runtime's clock is paused.
#[derive(Debug, Default)]
struct Clock {
    /// Unset before the first stamp.
    zero: OnceLock<Instant>,
    /// Milliseconds since `zero` at the last stamp.
    now: AtomicU32,
}

impl Clock {
    fn stamp(&self) {
        let now = Instant::now();
        let since = now.saturating_duration_since(*self.zero.get_or_init(|| now));
        self.now.store(u32::try_from(since.as_millis()).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

thread_local! {
    /// The run that this thread belongs to.
    static HERE: RefCell<Option<Arc<Ledger>>> = const { RefCell::new(None) };
}

/// Returns the run that the calling thread belongs to: one of its runtime's threads, or a descendant of one.
pub(crate) fn current() -> Option<Arc<Ledger>> {
    HERE.try_with(|here| here.try_borrow().ok()?.clone())
        .ok()
        .flatten()
        .or_else(|| runs::by_dye(dye::of_this_thread()?))
}

/// How many runs of this process there are.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Calls `act` with the run that the calling thread belongs to, and does nothing outside one; cheap on the threads of a runtime, and
/// where the process has no run at all.
pub(crate) fn with_current<R>(act: impl FnOnce(&Ledger) -> R) -> Option<R> {
    if OPEN.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let mut act = Some(act);
    let own = HERE.try_with(|here| {
        let here = here.try_borrow().ok()?;
        let ledger = here.as_deref()?;
        act.take().map(|act| act(ledger))
    });
    own.ok().flatten().or_else(|| {
        let ledger = runs::by_dye(dye::of_this_thread()?)?;
        act.take().map(|act| act(&ledger))
    })
}

/// The runs of this process, by what marks their threads.
mod runs {
    use super::{Arc, Dye, Ledger, Mutex, Weak, lock};
    use crate::recorder::unrecorded;

    /// What it allocates is nobody's: the allocator would ask here whose it is.
    static RUNS: Mutex<Vec<(Dye, Weak<Ledger>)>> = Mutex::new(Vec::new());

    pub(super) fn register(ledger: Weak<Ledger>) -> Option<Dye> {
        unrecorded(|| {
            let mut runs = lock(&RUNS);
            let dye = Dye::fresh(|dye| runs.iter().all(|(of, _)| *of != dye))?;
            runs.push((dye, ledger));
            Some(dye)
        })
    }

    pub(super) fn forget(dye: Dye) {
        unrecorded(|| lock(&RUNS).retain(|(of, _)| *of != dye));
    }

    pub(super) fn by_dye(dye: Dye) -> Option<Arc<Ledger>> {
        lock(&RUNS).iter().find(|(of, _)| *of == dye)?.1.upgrade()
    }
}
