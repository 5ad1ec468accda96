//! What ends once: who closed it, and what was done to it after that.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::finding::Site;
use crate::ledger::Ledger;
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
    /// Its end; unset while it is open.
    closed: OnceLock<Act>,
    /// What was done to it after its end.
    misuses: Mutex<Vec<Misuse>>,
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
    pub(crate) fn first_end<'a>(&self, record: &'a Record) -> Option<&'a Act> {
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
        let (home, begun, closed) = (AtomicU64::new(NO_LEDGER), OnceLock::new(), OnceLock::new());
        let record = Arc::new(Self { name, made, since: tick(), home, begun, closed, misuses: Mutex::default() });
        super::with_current(|ledger| ledger.closables.meet(&record));
        record
    }

    /// Closes it.
    pub(crate) fn close(self: &Arc<Self>, at: Site) {
        if let Err(again) = self.closed.set(self.act(at)) {
            self.misused(Misused::Closed, again);
        }
    }

    /// Begins to close it.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only events tell of a beginning"))]
    pub(crate) fn begin(self: &Arc<Self>, at: Site) {
        let act = self.act(at);
        if self.end().is_some() {
            self.misused(Misused::Closed, act);
        } else if let Err(again) = self.begun.set(act) {
            self.misused(Misused::Closed, again);
        }
    }

    /// Ends a closing that has begun; one that was a misuse has been told by then.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only events tell of a beginning"))]
    pub(crate) fn end_begun(self: &Arc<Self>, at: Site) {
        let _ = self.closed.set(self.act(at));
    }

    /// Uses it.
    #[inline]
    pub(crate) fn touch(self: &Arc<Self>, at: impl FnOnce() -> Site) {
        if self.closed.get().is_some() {
            self.misused(Misused::Used, self.act(at()));
        }
    }

    /// Returns its end; `None` while it is open.
    pub(crate) fn end(&self) -> Option<&Act> {
        self.closed.get()
    }

    /// Returns the first thing that was done to end it; `None` while nobody has begun to.
    pub(crate) fn first_end(&self) -> Option<&Act> {
        self.begun.get().or_else(|| self.end())
    }

    /// Writes down that something is done to it, and makes it known to the run in which that is.
    fn act(self: &Arc<Self>, at: Site) -> Act {
        let task = tokio::task::try_id().map(hooks::number);
        let of_run = |ledger: &Ledger| {
            ledger.closables.meet(self);
            (ledger.closables.number, task.and_then(|task| ledger.tasks.place(task)))
        };
        let (ledger, spawned) = super::with_current(of_run).unwrap_or((NO_LEDGER, None));
        Act { at, tick: tick(), ledger, task, spawned }
    }

    fn misused(&self, how: Misused, act: Act) {
        if act.ledger != NO_LEDGER {
            lock(&self.misuses).push(Misuse { how, act });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(line: u32) -> Site {
        Site { file: "src/pool.rs".into(), line, column: 1 }
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
        let pool = Record::open("pool".into(), here(1));
        pool.close(here(2));
        pool.close(here(3));
        pool.touch(|| here(4));
        assert_eq!(pool.end().map(|act| act.at.line), Some(2));
        assert!(lock(&pool.misuses).is_empty());
    }

    #[test]
    fn thing_that_runs_share_is_told_to_the_run_that_misuses_it() {
        let [first, second] = [(); 2].map(|()| Ledger::open(crate::recorder::NO_RUN, &[]));
        let pool = Record::open("pool".into(), here(1));
        on_a_run(&first, || pool.close(here(2)));
        on_a_run(&second, || pool.close(here(3)));
        on_a_run(&first, || pool.touch(|| here(4)));
        for (ledger, line, how) in [(&first, 4, Misused::Used), (&second, 3, Misused::Closed)] {
            let known = ledger.closables.known();
            assert_eq!(known.len(), 1);
            let misuses = ledger.closables.misuses(&known[0]);
            assert_eq!(misuses.iter().map(|it| (it.how, it.act.at.line)).collect::<Vec<_>>(), [(how, line)]);
        }
        assert!(first.closables.first_end(&pool).is_some());
        assert!(second.closables.first_end(&pool).is_none());
    }
}
