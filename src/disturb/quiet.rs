//! Notices that the program does nothing any more, or nothing that will ever end.
//!
//! On a paused clock one timer does it: where nothing else can happen the clock jumps to it. But the clock also jumps where a task has
//! just been woken by I/O (tokio looks for events and jumps in one step), so a timer that fires says nothing yet: everyone gets a turn,
//! and only where nobody takes it, or where there were too many polls for that, something is concluded.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep, sleep};

use super::inject::{Injector, Raised};
use crate::recorder;

/// How long a program must do nothing to count as quiet, on a paused clock.
const QUIET: Duration = Duration::from_secs(10);
/// The same in real time.
const REALLY_QUIET: Duration = Duration::from_millis(200);
/// How long a body may go on in virtual time when there is no signal left to wait for, at least.
const LONG: Duration = Duration::from_secs(300);
/// How long it takes, on the run's clock, until what may still end the wait is looked at again.
const SOON: Duration = Duration::from_millis(1);
/// Turns that everyone gets after the timer has fired.
const TURNS: u32 = 2;
/// With more polls between two firings a program is busy, and the clock has not jumped.
const BUSY: u32 = 1_000;
/// How often a jump may be taken for one that overtook an event.
const JUMPS: u32 = 16;

/// What was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// A signal was sent since the program is quiet.
    Signal(Raised),
    /// The body had so long on the run's clock after the last signal, and has not ended.
    Endless(Duration),
}

/// The timer with what is known when it fires.
pub(crate) struct Quiet {
    timer: Pin<Box<Unconstrained<Sleep>>>,
    phase: Phase,
    /// When the last signal was sent, or the run began.
    since: Instant,
    /// Polls when the timer was armed.
    armed_at: u32,
    /// What its firing means.
    awaited: Awaited,
    jumps: u32,
    quiet: Duration,
    /// `None` in real time, where the deadline is enough.
    long: Option<Duration>,
}

/// What the timer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// That it is time for the next signal.
    Quiet,
    /// That the body had so long after the last one.
    Long,
}

#[derive(Clone, Copy)]
enum Phase {
    Waiting,
    /// The timer fired at so many polls, and everyone had so many turns since.
    Looking {
        polls: u32,
        turns: u32,
    },
    /// There is nothing to notice any more.
    Over,
}

impl Quiet {
    /// Begins to wait; `deadline` is the one of the body.
    pub(crate) fn begin(injector: &Injector, is_paused: bool, deadline: Duration) -> Self {
        let (quiet, long) = if is_paused { (QUIET, Some(LONG.max(deadline))) } else { (REALLY_QUIET, None) };
        let awaited = awaited(injector);
        let first = if awaited == Awaited::Quiet { Some(quiet) } else { long };
        Self {
            timer: recorder::unrecorded(|| Box::pin(unconstrained(sleep(first.unwrap_or_default())))),
            phase: if first.is_some() { Phase::Waiting } else { Phase::Over },
            since: Instant::now(),
            armed_at: 0,
            awaited,
            jumps: 0,
            quiet,
            long,
        }
    }

    /// Returns what is noticed; `Pending` wakes the root future when there is more to see.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, injector: &Injector) -> Poll<Notice> {
        match self.phase {
            Phase::Over => Poll::Pending,
            Phase::Waiting => {
                if self.timer.as_mut().poll(cx).is_ready() {
                    self.phase = Phase::Looking { polls: injector.polls(), turns: 0 };
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
            Phase::Looking { polls, turns } if turns < TURNS => {
                self.phase = Phase::Looking { polls, turns: turns + 1 };
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Phase::Looking { polls, .. } => self.conclude(cx, injector, polls),
        }
    }

    fn conclude(&mut self, cx: &mut Context<'_>, injector: &Injector, at_firing: u32) -> Poll<Notice> {
        let polls = injector.polls();
        let may_be_a_jump = polls != at_firing && polls.saturating_sub(self.armed_at) < BUSY && self.jumps < JUMPS;
        if may_be_a_jump {
            self.jumps += 1;
            self.arm(cx, injector);
            return Poll::Pending;
        }
        self.jumps = 0;
        match (self.awaited, awaited(injector)) {
            (Awaited::Long, Awaited::Long) => {
                self.phase = Phase::Over;
                return Poll::Ready(Notice::Endless(self.since.elapsed()));
            }
            (Awaited::Quiet, Awaited::Long) => {
                // The plan placed the last signal since the timer was armed.
                self.since = Instant::now();
                self.arm(cx, injector);
                return Poll::Pending;
            }
            (_, Awaited::Quiet) => {}
        }
        let raised = injector.quiet();
        self.since = Instant::now();
        self.arm(cx, injector);
        Poll::Ready(Notice::Signal(raised))
    }

    /// Looks again soon, after something was found that may end the wait all the same.
    pub(crate) fn look_again(&mut self, cx: &mut Context<'_>, injector: &Injector) {
        self.wait(cx, injector, SOON);
    }

    fn arm(&mut self, cx: &mut Context<'_>, injector: &Injector) {
        self.awaited = awaited(injector);
        let patience = if self.awaited == Awaited::Quiet { Some(self.quiet) } else { self.long };
        let Some(patience) = patience else { return self.phase = Phase::Over };
        self.wait(cx, injector, patience);
    }

    fn wait(&mut self, cx: &mut Context<'_>, injector: &Injector, patience: Duration) {
        self.timer = recorder::unrecorded(|| Box::pin(unconstrained(sleep(patience))));
        self.armed_at = injector.polls();
        self.phase = Phase::Waiting;
        if self.timer.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

fn awaited(injector: &Injector) -> Awaited {
    if injector.has_signals() { Awaited::Quiet } else { Awaited::Long }
}
