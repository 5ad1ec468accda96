//! The ledger at one instant.

use std::time::Duration;

use super::thread::BODY;
use super::{Ledger, current, lock};
use crate::allow::Allow;
use crate::finding::Site;

/// What a task was doing at the moment of a census.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// It has not been polled yet.
    Unstarted,
    /// A thread that is awake has it in hand.
    Running,
    /// It was polled and waits to be woken, or has been woken and waits for its turn.
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
    /// How long it has lived, on the run's clock: virtual where that is paused. It is as exact as the runtime's last wake-up.
    pub age: Duration,
    /// How often it has been polled.
    pub polls: u32,
    /// What it is doing.
    pub state: State,
    pub(crate) id: u64,
}

/// What is alive in the run at one moment; [`census`](crate::census) takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a census that nobody reads checks nothing"]
#[non_exhaustive]
pub struct Census {
    /// The live async tasks, oldest first. Empty without `--cfg tokio_unstable`: then only `counted` tells of them.
    pub tasks: Vec<LiveTask>,
    /// How many async tasks the runtime itself counts. For a moment after a task has ended it may still be counted.
    pub counted: usize,
}

impl Census {
    /// Takes the census from the run's root future: on its thread no task is being polled.
    pub(crate) fn of_root(ledger: &Ledger) -> Self {
        ledger.stamp();
        ledger.threads.show(BODY);
        Self::of(ledger)
    }

    /// Takes the census, with ages as of the ledger's last stamp.
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let now = ledger.now();
        let names = lock(&ledger.names);
        let in_hand = ledger.threads.in_hand();
        let tasks = ledger.tasks.rows().into_iter().map(|row| LiveTask {
            site: Site::of(row.place),
            name: names.get(&row.id).cloned(),
            age: Duration::from_millis(now.saturating_sub(row.born).into()),
            polls: row.polls,
            state: match row.polls {
                0 => State::Unstarted,
                _ if in_hand.contains(&row.id) => State::Running,
                _ => State::Waiting,
            },
            id: row.id,
        });
        Self { tasks: tasks.collect(), counted: ledger.counted().unwrap_or(0) }
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
    Census::of(&ledger)
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
