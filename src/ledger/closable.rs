//! What ends once: who closed it, and what was done to it after that.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::finding::Site;
use crate::ledger::Ledger;
use crate::ledger::place::PlaceCell;
use crate::lock::lock;
use crate::source::hooks;

/// Stands for acts that no run saw.
pub(crate) const NO_LEDGER: u64 = 0;

/// The things of one run that end once.
#[derive(Debug)]
pub(crate) struct Closables {
    /// No other ledger of the process has the same number; never `NO_LEDGER`.
    number: u64,
    /// In the order in which the run came to know them. One that several runs share may stand here twice.
    known: Mutex<Vec<Arc<Record>>>,
}

/// One thing that ends once. It outlives its handles, so that its end is still known when the run is judged.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: Cow<'static, str>,
    /// Where it was made.
    pub(crate) made: Site,
    /// When, among the acts of the process.
    pub(crate) since: u64,
    /// The number of the ledger that came to know it last, or `NO_LEDGER`.
    home: AtomicU64,
    /// The beginning of its end; unset before that, and where nobody tells of it.
    begun: OnceLock<Act>,
    /// One more than the number of the act that closed it; 0 while it is open.
    closed: AtomicU64,
    /// That act, in words that cost little to write.
    by: Words,
    /// That act, where an event told of it.
    told: OnceLock<Act>,
    /// What was done to it after its end.
    misuses: Mutex<Vec<Misuse>>,
}

/// An act, taken apart.
#[derive(Debug, Default)]
struct Words {
    /// Set last.
    at: PlaceCell,
    ledger: AtomicU64,
    /// One more than the task's number; 0 for none.
    task: AtomicU64,
    spawned: PlaceCell,
}

/// Something that was done, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) at: Site,
    /// Acts of one process count up in the order in which they began.
    pub(crate) tick: u64,
    /// The number of the ledger of the run that it was done in, or `NO_LEDGER`.
    ledger: u64,
    /// The task that did it; `None` for the body, and for threads that run no task.
    pub(crate) task: Option<u64>,
    /// Where that task was spawned; `None` as well where no hook tells.
    pub(crate) spawned: Option<&'static Location<'static>>,
}

/// What was done after the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Misused {
    /// It was closed once more.
    Closed,
    /// It was used.
    Used,
}

/// One thing that was done after the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misuse {
    pub(crate) how: Misused,
    pub(crate) act: Act,
}

/// Returns the next number of an act.
fn tick() -> u64 {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    TICKS.fetch_add(1, Ordering::Relaxed)
}

impl Closables {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(NO_LEDGER + 1);
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), known: Mutex::default() }
    }

    /// Returns whether nothing was closed, used or told of in this run.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.known).is_empty()
    }

    /// Returns the things that this run knows, each once, in the order in which it came to know them.
    pub(crate) fn known(&self) -> Vec<Arc<Record>> {
        let mut known = lock(&self.known).clone();
        let mut seen = BTreeSet::new();
        known.retain(|record| seen.insert(Arc::as_ptr(record).addr()));
        known
    }

    /// Returns what was done in this run after a thing's end.
    pub(crate) fn misuses(&self, record: &Record) -> Vec<Misuse> {
        lock(&record.misuses).iter().filter(|misuse| misuse.act.ledger == self.number).cloned().collect()
    }

    /// Returns the first thing that was done to end a thing, if that was in this run.
    pub(crate) fn first_end(&self, record: &Record) -> Option<Act> {
        record.first_end().filter(|act| act.ledger == self.number)
    }

    /// Comes to know a thing.
    fn meet(&self, record: &Arc<Record>) {
        if record.home.load(Ordering::Relaxed) != self.number
            && record.home.swap(self.number, Ordering::Relaxed) != self.number
        {
            lock(&self.known).push(record.clone());
        }
    }
}

impl Record {
    /// Makes a thing that is open, for the run that the calling thread belongs to.
    pub(crate) fn open(name: Cow<'static, str>, made: Site) -> Arc<Self> {
        let record = Arc::new(Self {
            name,
            made,
            since: tick(),
            home: AtomicU64::new(NO_LEDGER),
            begun: OnceLock::new(),
            closed: AtomicU64::new(0),
            by: Words::default(),
            told: OnceLock::new(),
            misuses: Mutex::default(),
        });
        super::with_current(|ledger| ledger.closables.meet(&record));
        record
    }

    /// Closes it.
    pub(crate) fn close(self: &Arc<Self>, at: &'static Location<'static>) {
        let (tick, ledger, task, spawned) = self.act();
        if self.claim(tick) {
            self.by.write(at, ledger, task, spawned);
        } else {
            self.misused(Misused::Closed, Act { at: Site::of(at), tick, ledger, task, spawned });
        }
    }

    /// Closes it, as an event tells.
    pub(crate) fn close_told(self: &Arc<Self>, at: Site) {
        let act = self.act_at(at);
        if self.claim(act.tick) {
            self.told.get_or_init(|| act);
        } else {
            self.misused(Misused::Closed, act);
        }
    }

    /// Returns whether the act with this number is the one that closes it.
    fn claim(&self, tick: u64) -> bool {
        self.closed.compare_exchange(0, tick + 1, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Begins to close it.
    pub(crate) fn begin(self: &Arc<Self>, at: Site) {
        let act = self.act_at(at);
        if self.is_closed() {
            self.misused(Misused::Closed, act);
        } else if let Err(again) = self.begun.set(act) {
            self.misused(Misused::Closed, again);
        }
    }

    /// Ends a closing that has begun; one that was a misuse has been told by then.
    pub(crate) fn end_begun(self: &Arc<Self>, at: Site) {
        let act = self.act_at(at);
        if self.claim(act.tick) {
            self.told.get_or_init(|| act);
        }
    }

    /// Uses it.
    #[inline]
    pub(crate) fn touch(self: &Arc<Self>, at: impl FnOnce() -> Site) {
        if self.is_closed() {
            self.misused(Misused::Used, self.act_at(at()));
        }
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) != 0
    }

    /// Returns its end; `None` while it is open.
    pub(crate) fn end(&self) -> Option<Act> {
        let tick = self.closed.load(Ordering::Acquire).checked_sub(1)?;
        self.by.read(tick).or_else(|| self.told.get().cloned())
    }

    /// Returns the first thing that was done to end it; `None` while nobody has begun to.
    pub(crate) fn first_end(&self) -> Option<Act> {
        self.begun.get().cloned().or_else(|| self.end())
    }

    fn act_at(self: &Arc<Self>, at: Site) -> Act {
        let (tick, ledger, task, spawned) = self.act();
        Act { at, tick, ledger, task, spawned }
    }

    /// Makes it known to the run in which something is done to it, and returns when that is, in which run, by which task, and where that
    /// was spawned.
    fn act(self: &Arc<Self>) -> (u64, u64, Option<u64>, Option<&'static Location<'static>>) {
        let task = tokio::task::try_id().map(hooks::number);
        let of_run = |ledger: &Ledger| {
            ledger.closables.meet(self);
            (ledger.closables.number, task.and_then(|task| ledger.tasks.place(task)))
        };
        let (ledger, spawned) = super::with_current(of_run).unwrap_or((NO_LEDGER, None));
        (tick(), ledger, task, spawned)
    }

    fn misused(&self, how: Misused, act: Act) {
        if act.ledger != NO_LEDGER {
            lock(&self.misuses).push(Misuse { how, act });
        }
    }
}

impl Words {
    fn write(
        &self,
        at: &'static Location<'static>,
        ledger: u64,
        task: Option<u64>,
        spawned: Option<&'static Location<'static>>,
    ) {
        self.ledger.store(ledger, Ordering::Relaxed);
        self.task.store(task.map_or(0, |task| task + 1), Ordering::Relaxed);
        spawned.into_iter().for_each(|place| self.spawned.set(place));
        self.at.set(at);
    }

    /// Returns the act; `None` until it is written.
    fn read(&self, tick: u64) -> Option<Act> {
        let at = Site::of(self.at.get()?);
        let (ledger, task) = (self.ledger.load(Ordering::Relaxed), self.task.load(Ordering::Relaxed));
        Some(Act { at, tick, ledger, task: task.checked_sub(1), spawned: self.spawned.get() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Staging;
    use crate::ledger::table::First;

    #[track_caller]
    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    fn site() -> Site {
        Site { file: "src/pool.rs".into(), line: 1, column: 1 }
    }

    fn on_a_run<R: Send>(ledger: &Arc<Ledger>, act: impl FnOnce() -> R + Send) -> R {
        let adopted = || {
            ledger.adopt_thread();
            act()
        };
        std::thread::scope(|scope| scope.spawn(adopted).join().expect("it only acts"))
    }

    #[test]
    fn what_is_done_outside_a_run_is_nobodys() {
        let pool = Record::open("pool".into(), site());
        pool.close(here());
        pool.close(here());
        pool.touch(site);
        assert_eq!(pool.end().map(|act| act.at.line), Some(line!() - 3));
        assert!(lock(&pool.misuses).is_empty());
    }

    #[test]
    fn thing_that_runs_share_is_told_to_the_run_that_misuses_it() {
        let [first, second] = [(); 2].map(|()| Ledger::open(crate::recorder::NO_RUN, &[], Staging::Full, First::Usual));
        let pool = Record::open("pool".into(), site());
        on_a_run(&first, || pool.close(here()));
        on_a_run(&second, || pool.close(here()));
        on_a_run(&first, || pool.touch(site));
        for (ledger, line, how) in [(&first, 1, Misused::Used), (&second, line!() - 2, Misused::Closed)] {
            let known = ledger.closables.known();
            assert_eq!(known.len(), 1);
            let misuses = ledger.closables.misuses(&known[0]);
            assert_eq!(misuses.iter().map(|it| (it.how, it.act.at.line)).collect::<Vec<_>>(), [(how, line)]);
        }
        assert!(first.closables.first_end(&pool).is_some());
        assert!(second.closables.first_end(&pool).is_none());
    }
}
