//! Counts the boundaries of a run and does at each what the plan says.
//!
//! What a plan does not place comes all the same: the check's further signals, each once the program is quiet, or after so many polls
//! that it never will be. So a body may run until it is signalled. A signal for which nothing listens is not raised, since it would
//! end the process: it counts as refused.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::signal::Signal;
use crate::finding::Site;
use crate::ledger::Ledger;
use crate::ledger::thread::BODY;
use crate::lock::lock;
use crate::system::disposition::{self, Disposition};

/// No boundary has this number.
pub(crate) const NEVER: u32 = u32::MAX;

/// After how many polls without a signal a program counts as one that is never quiet. A search has about as many plans for each signal,
/// and each of them as many polls.
pub(crate) const RESTLESS: u32 = 250;

/// After how many polls behind the last signal enough is seen of a run that none reaches: it may go on for ever.
const ENOUGH: u32 = 100_000;

/// Whether the signals of a run are raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Voice {
    /// They are.
    Loud,
    /// All is done but the raising, which shows how a run goes that no signal reaches.
    Mute,
}

/// Whether a run writes down who was polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tracing {
    Off,
    On,
}

/// Whether a signal was raised just now: the root future must then be woken, so that a paused clock does not jump over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a clock would jump over the signal"]
pub(crate) enum Raised {
    Yes,
    No,
}

/// One poll, as a trace has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The task's number, or `BODY`.
    pub(crate) id: u64,
    /// Where it was spawned; `None` for the body.
    pub(crate) place: Option<Site>,
}

/// A poll as it is written down.
type RawTurn = (u64, Option<&'static Location<'static>>);

/// What became of a plan in one run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Played {
    /// At how many boundaries a signal could come: so many polls until the body ended.
    pub(crate) boundaries: u32,
    /// At how many a task could be delayed: with the polls until what the body left had settled.
    pub(crate) polls: u32,
    /// A number that differs when other tasks were polled, or in another order.
    pub(crate) print: u64,
    /// How many signals were raised.
    pub(crate) raised: u32,
    /// Those signals with their boundaries; empty without tracing.
    pub(crate) sent: Vec<(u32, Signal)>,
    /// How many signals were not, since they would have ended the process.
    pub(crate) refused: u32,
    /// The first of them, with its boundary.
    pub(crate) deadly: Option<(u32, Signal)>,
    /// Signals of the check that would have ended the process at the end of the run too.
    pub(crate) deaf_to: Vec<Signal>,
    /// How many disturbances of the plan had no boundary to come at.
    pub(crate) missed: u32,
    /// Whether the body ended by itself.
    pub(crate) has_ended: bool,
    /// Whether the program was never quiet before a signal that the plan does not place.
    pub(crate) is_restless: bool,
    /// The boundary at which the first signal that the plan does not place was due; `None` if the body ended before.
    pub(crate) quiet_at: Option<u32>,
    /// The first boundary at which every signal had a handler; `None` if there was none.
    pub(crate) listens_from: Option<u32>,
    /// Whether the handlers are older than the run, so that nobody knows when the program began to listen.
    pub(crate) was_listened: bool,
    /// Who was polled; empty without tracing.
    pub(crate) turns: Vec<Turn>,
    /// A task that lived before the program listened: the boundary at which it was seen first, and where it was spawned.
    pub(crate) early: Option<(u32, Site)>,
}

impl Played {
    /// Returns whether two runs took the same course: the same tasks were polled in the same order, and the body ended in both or in
    /// neither.
    pub(crate) fn went_like(&self, other: &Self) -> bool {
        (self.boundaries, self.print, self.has_ended) == (other.boundaries, other.print, other.has_ended)
    }
}

/// The boundary counter of one run.
#[derive(Debug)]
pub(crate) struct Injector {
    ledger: Arc<Ledger>,
    /// Every signal of the run with its boundary, which is `NEVER` for those that the plan does not place.
    signals: Vec<(u32, Signal)>,
    /// The boundaries of the delays, in order.
    delays: Vec<u32>,
    voice: Voice,
    /// Off before the body begins and after what it left has settled.
    on: AtomicBool,
    /// How many polls there were when the body ended; `NEVER` before that.
    ended_at: AtomicU32,
    polls: AtomicU32,
    print: AtomicU64,
    /// The first boundary at which there is something to do for signals.
    due: AtomicU32,
    /// The boundary of the next delay.
    delay_due: AtomicU32,
    /// How many delays were done.
    delayed: AtomicUsize,
    /// Whether every signal had a handler before the body was made.
    was_listened: bool,
    /// What happens rarely.
    rare: Mutex<Rare>,
    /// `None` without tracing.
    turns: Option<Mutex<Vec<RawTurn>>>,
}

#[derive(Debug, Default)]
struct Rare {
    /// How many signals were due so far.
    spent: usize,
    /// How many signals were placed at a boundary that did not come.
    early: u32,
    raised: u32,
    /// Empty without tracing.
    sent: Vec<(u32, Signal)>,
    refused: u32,
    /// The first signal that was refused, with its boundary.
    deadly: Option<(u32, Signal)>,
    /// Whether enough was seen of a run that no signal reaches.
    is_enough: bool,
    /// The boundary of the last signal.
    last: u32,
    quiet_at: Option<u32>,
    is_restless: bool,
    has_ended: bool,
    listens_from: Option<u32>,
    /// A task that lived while nothing listened, and the boundary at which it was seen first.
    early_task: Option<(u32, Site)>,
}

impl Injector {
    /// Makes the counter for a plan whose signals are the first ones of `sequence`.
    pub(crate) fn new(ledger: &Arc<Ledger>, plan: &Plan, sequence: &[Signal], voice: Voice, tracing: Tracing) -> Self {
        let placed: Vec<(u32, Signal)> = plan.signals().collect();
        let rest = sequence.iter().skip(placed.len()).map(|signal| (NEVER, *signal));
        let signals: Vec<(u32, Signal)> = placed.iter().copied().chain(rest).collect();
        let delays: Vec<u32> = plan.delays().collect();
        Self {
            ledger: ledger.clone(),
            was_listened: are_listened(&signals),
            due: AtomicU32::new(if signals.is_empty() { NEVER } else { 0 }),
            delay_due: AtomicU32::new(delays.first().copied().unwrap_or(NEVER)),
            signals,
            delays,
            voice,
            on: AtomicBool::new(false),
            ended_at: AtomicU32::new(NEVER),
            polls: AtomicU32::new(0),
            print: AtomicU64::new(0),
            delayed: AtomicUsize::new(0),
            rare: Mutex::default(),
            turns: (tracing == Tracing::On).then(Mutex::default),
        }
    }

    /// Begins with boundary 0, before the body's first poll.
    pub(crate) fn begin(&self) -> Raised {
        self.on.store(true, Ordering::Release);
        self.act(0)
    }

    /// Sends no further signals, since the body has ended or was given up. What it left may still be delayed.
    pub(crate) fn end(&self, has_ended: bool) {
        let mut rare = lock(&self.rare);
        rare.has_ended = has_ended;
        self.ended_at.store(self.polls(), Ordering::Relaxed);
        self.due.store(NEVER, Ordering::Relaxed);
        // The last poll of the body: what could be delayed before it is over.
        self.polls.fetch_add(1, Ordering::Relaxed);
        if let Some(turns) = &self.turns {
            lock(turns).push((BODY, None));
        }
    }

    /// Ends the counting, since what the body left has settled.
    pub(crate) fn rest(&self) {
        self.on.store(false, Ordering::Release);
    }

    /// Returns how many polls there were.
    pub(crate) fn polls(&self) -> u32 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Returns whether the poll that begins now is to be delayed.
    #[inline]
    pub(crate) fn delays_now(&self) -> bool {
        self.polls.load(Ordering::Relaxed) == self.delay_due.load(Ordering::Relaxed) && self.take_delay()
    }

    #[cold]
    fn take_delay(&self) -> bool {
        let done = self.delayed.fetch_add(1, Ordering::Relaxed) + 1;
        self.delay_due.store(self.delays.get(done).copied().unwrap_or(NEVER), Ordering::Relaxed);
        self.on.load(Ordering::Acquire)
    }

    /// Counts a poll of a task that has ended just now; the boundary behind it is here.
    #[inline]
    #[cfg_attr(not(tokio_unstable), expect(dead_code, reason = "only hooks tell of the polls of tasks"))]
    pub(crate) fn task_polled(&self, id: u64, place: &'static Location<'static>) -> Raised {
        self.polled(u64::from(place.line()) << 32 | u64::from(place.column()), (id, Some(place)))
    }

    /// Counts a poll of the body that has ended just now.
    pub(crate) fn body_polled(&self) -> Raised {
        self.polled(BODY, (BODY, None))
    }

    #[inline]
    fn polled(&self, who: u64, turn: RawTurn) -> Raised {
        /// Of the hash by Fowler, Noll and Vo.
        const PRIME: u64 = 0x0100_0000_01b3;
        if !self.on.load(Ordering::Relaxed) {
            return Raised::No;
        }
        let boundary = self.polls.fetch_add(1, Ordering::Relaxed) + 1;
        // The wait for what is left ends when it likes, which says nothing about the program.
        if self.ended_at.load(Ordering::Relaxed) == NEVER {
            let print = (self.print.load(Ordering::Relaxed) ^ who).wrapping_mul(PRIME).rotate_left(17);
            self.print.store(print, Ordering::Relaxed);
        }
        if let Some(turns) = &self.turns {
            lock(turns).push(turn);
        }
        if boundary >= self.due.load(Ordering::Relaxed) { self.act(boundary) } else { Raised::No }
    }

    /// Does what is due for signals at a boundary.
    #[cold]
    fn act(&self, boundary: u32) -> Raised {
        let mut rare = lock(&self.rare);
        if rare.listens_from.is_none() && are_listened(&self.signals) {
            rare.listens_from = Some(boundary);
        } else if rare.listens_from.is_none() && rare.early_task.is_none() {
            let oldest = self.ledger.tasks.rows().first().map(|row| Site::of(row.place));
            rare.early_task = oldest.map(|site| (boundary, site));
        }
        let mut raised = Raised::No;
        while let Some((_, signal)) = self.signals.get(rare.spent).filter(|(at, _)| *at <= boundary) {
            raised = self.send(&mut rare, *signal, boundary, raised);
        }
        let is_restless = boundary >= rare.last + RESTLESS && self.next_is_unplaced(&rare);
        if is_restless {
            rare.is_restless = true;
            raised = self.send_unplaced(&mut rare, boundary, raised);
        }
        if self.is_never_ending(&rare, boundary) {
            rare.is_enough = true;
            // Somebody is to look.
            raised = Raised::Yes;
        }
        self.due.store(self.next_due(&rare, boundary), Ordering::Relaxed);
        raised
    }

    /// Returns whether a run that no signal reaches goes on and on behind its last one.
    fn is_never_ending(&self, rare: &Rare, boundary: u32) -> bool {
        self.voice == Voice::Mute && rare.spent == self.signals.len() && boundary >= rare.last + ENOUGH
    }

    /// Returns whether enough was seen of the run.
    pub(crate) fn is_enough(&self) -> bool {
        self.voice == Voice::Mute && lock(&self.rare).is_enough
    }

    /// Sends the next signal now, since the program is quiet.
    pub(crate) fn quiet(&self) -> Raised {
        let mut rare = lock(&self.rare);
        let boundary = self.polls();
        if !self.next_is_unplaced(&rare) {
            rare.early += 1;
        }
        let raised = self.send_unplaced(&mut rare, boundary, Raised::No);
        self.due.store(self.next_due(&rare, boundary), Ordering::Relaxed);
        raised
    }

    /// Returns whether there are signals left to send.
    pub(crate) fn has_signals(&self) -> bool {
        lock(&self.rare).spent < self.signals.len()
    }

    fn next_is_unplaced(&self, rare: &Rare) -> bool {
        self.signals.get(rare.spent).is_some_and(|(at, _)| *at == NEVER)
    }

    fn send_unplaced(&self, rare: &mut Rare, boundary: u32, raised: Raised) -> Raised {
        rare.quiet_at.get_or_insert(boundary);
        match self.signals.get(rare.spent) {
            Some((_, signal)) => self.send(rare, *signal, boundary, raised),
            None => raised,
        }
    }

    fn send(&self, rare: &mut Rare, signal: Signal, boundary: u32, before: Raised) -> Raised {
        rare.spent += 1;
        rare.last = boundary;
        if self.voice == Voice::Mute {
            return before;
        }
        if disposition::of(signal) == Disposition::Default {
            rare.refused += 1;
            rare.deadly.get_or_insert((boundary, signal));
            return before;
        }
        disposition::raise(signal);
        rare.raised += 1;
        if self.turns.is_some() {
            rare.sent.push((boundary, signal));
        }
        Raised::Yes
    }

    /// Returns the next boundary at which there is something to do.
    fn next_due(&self, rare: &Rare, boundary: u32) -> u32 {
        match self.signals.get(rare.spent) {
            // Each boundary is looked at until the program listens.
            _ if rare.listens_from.is_none() && !self.signals.is_empty() => boundary + 1,
            Some((NEVER, _)) => rare.last + RESTLESS,
            Some((at, _)) => *at,
            None if self.voice == Voice::Mute && !rare.is_enough => rare.last + ENOUGH,
            None => NEVER,
        }
    }

    fn taken_turns(&self) -> Vec<Turn> {
        let Some(turns) = &self.turns else { return Vec::new() };
        let told = |(id, place): RawTurn| Turn { id, place: place.map(Site::of) };
        std::mem::take(&mut *lock(turns)).into_iter().map(told).collect()
    }

    /// Returns what became of the plan.
    pub(crate) fn played(&self) -> Played {
        let rare = lock(&self.rare);
        let unreached = self.signals.iter().skip(rare.spent).filter(|(at, _)| *at != NEVER).count();
        let undelayed = self.delays.len() - self.delayed.load(Ordering::Relaxed).min(self.delays.len());
        Played {
            boundaries: self.ended_at.load(Ordering::Relaxed).min(self.polls()),
            polls: self.polls(),
            print: self.print.load(Ordering::Relaxed),
            raised: rare.raised,
            sent: rare.sent.clone(),
            refused: rare.refused,
            missed: rare.early + u32::try_from(unreached + undelayed).unwrap_or(NEVER),
            quiet_at: rare.quiet_at,
            listens_from: rare.listens_from,
            was_listened: self.was_listened,
            deadly: rare.deadly,
            deaf_to: deaf_to(&self.signals),
            has_ended: rare.has_ended,
            is_restless: rare.is_restless,
            turns: self.taken_turns(),
            early: rare.early_task.clone(),
        }
    }
}

/// Returns whether none of these signals would end the process.
fn are_listened(signals: &[(u32, Signal)]) -> bool {
    signals.iter().all(|(_, signal)| disposition::of(*signal) != Disposition::Default)
}

/// Returns those of these signals that would end the process, each once.
fn deaf_to(signals: &[(u32, Signal)]) -> Vec<Signal> {
    let signals: BTreeSet<Signal> = signals.iter().map(|(_, signal)| *signal).collect();
    signals.into_iter().filter(|signal| disposition::of(*signal) == Disposition::Default).collect()
}
