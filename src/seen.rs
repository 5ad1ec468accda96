//! What was seen in one run: facts, for [`judge`](crate::judge) to judge.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::census::LiveTask;
use crate::disturb::inject::Played;
use crate::finding::{Ending, Site};
use crate::graph::Look;
use crate::ledger::channel::LiveChannel;
use crate::ledger::panic::Panicked;
use crate::ledger::thread::RuntimeThread;
use crate::settle::Settled;
use crate::source::dump::Stacks;
use crate::system::symbols::Frame;
use crate::system::threads::OsThread;

/// What was seen in one run, before anyone has judged it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) ending: Ending,
    /// Which of the hangs it was, if any.
    pub(crate) hang: Option<Hang>,
    /// What the body awaited when its time was up; empty where that cannot be seen.
    pub(crate) body_awaits: Vec<Vec<Frame>>,
    pub(crate) settled: Settled,
    pub(crate) stacks: Stacks,
    /// Who waits for what, or why that cannot be said; `None` where no task is left, or the body is.
    pub(crate) look: Option<Result<Look, String>>,
    pub(crate) panics: Vec<Panicked>,
    /// Blocking closures that outlived the runtime.
    pub(crate) blocking: Vec<LiveTask>,
    /// Threads of the runtime that outlived it.
    pub(crate) runtime_threads: Vec<RuntimeThread>,
    /// The channels that outlived everything else; empty where nobody asks for them, and where something else outlived the runtime,
    /// which then keeps them.
    pub(crate) channels: Vec<LiveChannel>,
    /// Other threads that the run started and that outlived it.
    pub(crate) other_threads: Vec<OsThread>,
    /// Where those may have been started; empty where that cannot be seen.
    pub(crate) thread_places: Vec<Site>,
    pub(crate) took: Duration,
    /// Whether a plan disturbed it, so that it need not have come to all that it would have.
    pub(crate) is_disturbed: bool,
    /// What became of the plan; `None` where nothing was to be disturbed.
    pub(crate) played: Option<Played>,
}

impl Seen {
    /// Returns whether nothing of this is to be judged: the body passed, and nothing is left. Costs nothing, so that many runs can be asked.
    pub(crate) fn is_unremarkable(&self) -> bool {
        let left = &self.settled.left;
        self.ending == Ending::Passed
            && self.hang.is_none()
            && left.tasks.is_empty()
            && left.counted == 0
            && left.blocking.is_empty()
            && self.panics.is_empty()
            && self.blocking.is_empty()
            && self.runtime_threads.is_empty()
            && self.other_threads.is_empty()
            && self.channels.is_empty()
    }
}

/// Which of the hangs it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Hang {
    /// The body had not finished by its deadline; `doing` is what its thread did, where it did not come back to its runtime.
    BodyUnfinished { doing: Option<String> },
    /// The body had finished, and what it left does not let its runtime come to an end.
    LeftoversBlock { doing: Option<String> },
    /// The body had not finished after so long on a paused clock, and nothing was left that could end it.
    Endless { after: Duration },
    /// The body finished, but only after its deadline.
    FinishedLate { after: Duration },
}

/// What a task did while settle waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Movement {
    /// Nothing woke it.
    Waiting,
    /// It was polled again and again.
    Looping { polls: u32 },
    /// It was in the middle of a poll at the end.
    Running,
    /// It was woken, and its turn did not come.
    Runnable,
    /// It was never polled.
    Unstarted,
}

/// How a piece of work was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// Its ticket was dropped.
    Dropped,
    /// Its ticket was dropped while a panic was on its way.
    Panicked,
    /// Its ticket was dropped when the runtime was stopped.
    Stopped,
    /// Its ticket was still there when all was over.
    Held,
    /// An event told that it was accepted, and none what became of it.
    Untold,
}
