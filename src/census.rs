//! The ledger at one instant.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::allow::Allow;
use crate::finding::Site;
use crate::ledger::channel::{ChannelKind, LiveChannel};
use crate::ledger::table::Row;
use crate::ledger::thread::BODY;
use crate::ledger::{Ledger, current};
use crate::lock::lock;
use crate::recorder::NO_RUN;
use crate::recorder::stacks::StackId;
use crate::source::allocation::{self, Doing, Kind, Live};
use crate::source::hooks::HOOKED;

/// What nothing was allocated from.
const NO_STACK: StackId = 0;
/// How often the two sources may differ before they disagree.
const LOOKS: u32 = 100;

/// What a task was doing at the moment of a census.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// It has not been polled yet.
    Unstarted,
    /// A thread that is awake has it in hand.
    Running,
    /// It was woken and waits for its turn; told apart from waiting where allocations are seen.
    Runnable,
    /// It was polled and waits to be woken.
    Waiting,
}

/// One live task.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveTask {
    /// Where it was spawned.
    pub site: Site,
    /// The name that `tokio::task::Builder::name` gave it; `None` without one, or where names are not read.
    pub name: Option<String>,
    /// How long it has lived, on the run's clock: virtual where that is paused. It is as exact as the runtime's last wake-up. `None`
    /// where only its allocation tells of the task.
    pub age: Option<Duration>,
    /// How often it has been polled; `None` where only its allocation tells of the task.
    pub polls: Option<u32>,
    /// What it is doing.
    pub state: State,
    pub(crate) id: u64,
    /// The stack of its spawn; 0 where its allocation was not looked at.
    stack: StackId,
}

impl LiveTask {
    /// Returns the functions that may be said to have spawned it: the one at its site, and the one that its async block stands in, which an
    /// optimised build knows better. Empty where its allocation was not seen.
    pub(crate) fn spawned_in(&self) -> Vec<String> {
        allocation::spawned_in(self.stack, &mut allocation::origins())
    }

    /// Returns what it runs: the async function, the block or closure inside one, or the type of the future. `None` where its allocation
    /// was not seen, and without debug information, which is read for this.
    #[must_use]
    pub fn runs(&self) -> Option<String> {
        allocation::runs(self.stack, &mut allocation::origins())
    }
}

/// What is alive in the run at one moment; [`census`](crate::census) takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a census that nobody reads checks nothing"]
#[non_exhaustive]
pub struct Census {
    /// The live async tasks, oldest first: those of the run's runtime, of a `LocalSet`, and of runtimes that the body builds. Empty where
    /// neither hooks nor allocations tell of them: then only `counted` does.
    pub tasks: Vec<LiveTask>,
    /// The closures given to `spawn_blocking` that have not returned, oldest first; empty where allocations are not seen.
    pub blocking: Vec<LiveTask>,
    /// The channels that are open, and the locks and signals between tasks that live in an `Arc`, ordered by kind and place; empty where
    /// allocations are not seen. The first census of a process plants some and reads debug information, which takes up to a few tens of
    /// milliseconds.
    pub channels: Vec<LiveChannel>,
    /// How many async tasks the run's runtime itself counts. For a moment after a task has ended it may still be counted.
    pub counted: usize,
    /// How many tasks the hooks told of whose allocations were not found; 0 where they were not looked for.
    pub(crate) unallocated: usize,
}

impl Census {
    /// Takes the census from the run's root future: on its thread no task is being polled.
    pub(crate) fn of_root(ledger: &Ledger) -> Self {
        ledger.stamp();
        ledger.threads.show(BODY);
        // The two sources are read one after the other, and differ for as long while tasks come and go: only a difference that
        // stays is one.
        let mut census = Self::of(ledger);
        for _ in 0..LOOKS {
            if !HOOKED || census.counted <= census.tasks.len() {
                break;
            }
            std::thread::yield_now();
            census = Self::of(ledger);
        }
        census.look_at_cells(ledger);
        census
    }

    /// Adds what hooks do not tell: what a task runs, and whether it waits for its turn or to be woken.
    fn look_at_cells(&mut self, ledger: &Ledger) {
        /// So many leaks that their states are nobody's concern any more.
        const MANY: usize = 10_000;
        if self.tasks.is_empty() || self.tasks.len() > MANY || ledger.number() == NO_RUN {
            return;
        }
        let allocated: Vec<Live> = allocation::tasks(ledger.number(), |_| false);
        for task in &mut self.tasks {
            let Ok(at) = allocated.binary_search_by_key(&task.id, |allocated| allocated.id) else {
                self.unallocated += 1;
                continue;
            };
            task.stack = allocated[at].stack();
            if task.state == State::Waiting && allocated[at].doing == Doing::Runnable {
                task.state = State::Runnable;
            }
        }
    }

    /// Takes the census, with ages as of the ledger's last stamp.
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let names = lock(&ledger.names);
        let mut tasks = told_by_hooks(ledger, &names);
        let mut origins = allocation::origins();
        let (mut further, mut blocking) = (Vec::new(), Vec::new());
        // One that ends while the census is taken may be in either source alone; it is then no longer alive in the next.
        let is_told = |task: &&Live| tasks.binary_search_by_key(&task.id, |told| told.id).is_ok();
        let is_known = |id| ledger.tasks.contains(id);
        for task in allocation::tasks(ledger.number(), is_known).iter().filter(|task| !is_told(task)) {
            match task.kind(&mut origins) {
                Kind::Async => further.push(told_by_allocation(task, &mut origins, &names)),
                Kind::Blocking => blocking.push(told_by_allocation(task, &mut origins, &names)),
                Kind::Worker => {}
            }
        }
        tasks.extend(further);
        tasks.sort_by_key(|task| task.id);
        Self { tasks, blocking, channels: Vec::new(), counted: ledger.counted().unwrap_or(0), unallocated: 0 }
    }

    /// Returns the blocking closures alone.
    pub(crate) fn blocking_of(ledger: &Ledger) -> Vec<LiveTask> {
        let allocated = allocation::tasks(ledger.number(), |id| ledger.tasks.contains(id));
        if allocated.is_empty() {
            return Vec::new();
        }
        let (names, mut origins) = (lock(&ledger.names), allocation::origins());
        let told = |task: &Live| {
            let is_blocking = task.kind(&mut origins) == Kind::Blocking;
            is_blocking.then(|| told_by_allocation(task, &mut origins, &names))
        };
        allocated.iter().filter_map(told).collect()
    }

    /// Returns whether allocations tell of tasks that no hook tells of: async ones, or blocking closures.
    pub(crate) fn has_further(ledger: &Ledger) -> bool {
        let further = allocation::tasks(ledger.number(), |id| ledger.tasks.contains(id));
        let mut origins = allocation::origins();
        further.iter().any(|task| task.kind(&mut origins) != Kind::Worker)
    }

    /// Lets everything in this census outlive the test: the rest of the run is judged against it as a baseline.
    ///
    /// ```
    /// # #[cfg(tokio_unstable)]
    /// # lightsout::Check::new("baseline").run(|| async {
    /// # tokio::spawn(std::future::pending::<()>());
    /// lightsout::census().allow("the pool is warm before the test begins");
    /// # }).assert_clean();
    /// ```
    ///
    /// # Panics
    ///
    /// Outside a run, and if the reason is empty.
    #[track_caller]
    pub fn allow(self, reason: &str) {
        crate::allow(Allow::known(self.tasks.iter().map(|task| task.id).collect()).because(reason));
    }
}

fn told_by_hooks(ledger: &Ledger, names: &BTreeMap<u64, String>) -> Vec<LiveTask> {
    let (now, in_hand) = (ledger.now(), ledger.threads.in_hand());
    let told = |row: Row| LiveTask {
        site: Site::of(row.place),
        name: names.get(&row.id).cloned(),
        age: Some(Duration::from_millis(now.saturating_sub(row.born).into())),
        polls: Some(row.polls),
        state: match row.polls {
            0 => State::Unstarted,
            _ if in_hand.contains(&row.id) => State::Running,
            _ => State::Waiting,
        },
        id: row.id,
        stack: NO_STACK,
    };
    ledger.tasks.rows().into_iter().map(told).collect()
}

fn told_by_allocation(task: &Live, origins: &mut allocation::Origins, names: &BTreeMap<u64, String>) -> LiveTask {
    LiveTask {
        site: task.site(origins),
        name: names.get(&task.id).cloned(),
        age: None,
        polls: None,
        state: match task.doing {
            Doing::Running => State::Running,
            Doing::Runnable => State::Runnable,
            Doing::Waiting | Doing::Ended => State::Waiting,
        },
        id: task.id,
        stack: task.stack(),
    }
}

/// Takes the census of the run that the caller belongs to.
///
/// ```
/// # #[cfg(tokio_unstable)]
/// # lightsout::Check::new("census").run(|| async {
/// let before = lightsout::census().tasks.len();
/// let worker = tokio::spawn(async {});
/// assert_eq!(lightsout::census().tasks.len(), before + 1);
/// worker.await.unwrap();
/// # }).assert_clean();
/// ```
///
/// # Panics
///
/// Outside a run: on a thread that no checked test has started.
#[track_caller]
pub fn census() -> Census {
    let ledger = current().expect("`lightsout::census()` belongs inside a checked test or `Check::run`");
    ledger.stamp();
    Census { channels: allocation::channels(ledger.number(), &lock(&ledger.kinds)), ..Census::of(&ledger) }
}

/// Adds a kind of channel to those that are looked for in the run that the caller belongs to.
///
/// # Panics
///
/// Outside a run: on a thread that no checked test has started.
#[track_caller]
pub fn channel_kind(kind: ChannelKind) {
    let ledger = current().expect("`lightsout::channel_kind()` belongs inside a checked test or `Check::run`");
    lock(&ledger.kinds).push(kind);
}

/// Adds an allow rule to the run that the caller belongs to, for what only the body can know.
///
/// # Panics
///
/// Outside a run: on a thread that no checked test has started.
#[track_caller]
pub fn allow(rule: Allow) {
    let ledger = current().expect("`lightsout::allow()` belongs inside a checked test or `Check::run`");
    lock(&ledger.granted).push(rule);
}
