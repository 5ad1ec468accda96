//! Waits, after the body has returned, until nothing is left or the grace is over.
//!
//! Why a wait at all: an abort takes effect when the scheduler comes to it, a join wakes its waiter before the task has left the
//! runtime's list (tokio#7591), and what was told to stop needs its turn. A look that finds nothing ends the wait at once.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::census::Census;
use crate::graph::{self, Look};
use crate::ledger::Ledger;
use crate::settings::Graph;

/// Looks that only let others have a turn, before the first timer. They cover an abort, a join, a dropped `JoinSet`.
const QUICK_LOOKS: u32 = 32;
/// Looks with a timer that must be made however much time has passed: a loaded machine may give one look in a second.
const TIMED_LOOKS: u32 = 10;
/// The first wait of a timed look; each further one is twice as long, up to the last.
const FIRST_STEP: Duration = Duration::from_millis(1);
const LAST_STEP: Duration = Duration::from_millis(100);
/// In a long wait a step may be this part of what was waited so far: an hour on a paused clock then takes a hundred looks and not
/// 36,000. Where the runtime tells of no end of a task, it is noticed late by at most that part.
const PART: u32 = 8;

/// After how much real time it is tried to prove that all that is left is stuck, so that no wait would change anything: what stops in time
/// does not pay for it.
const PROOF: Duration = Duration::from_millis(100);

/// How long workers that are awake when the grace is over may still take to fall asleep, in real time: on a loaded machine they
/// may not have had a turn at all.
pub(crate) const STARVED: Duration = Duration::from_secs(1);

/// What settle saw.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The census before the wait; empty when there was none.
    pub(crate) before: Census,
    /// The census at its end.
    pub(crate) left: Census,
    /// How long it waited, on the run's clock.
    pub(crate) waited: Duration,
    /// How long that took in real time: less where the clock was paused, also by the body.
    pub(crate) really: Duration,
    /// That all that is left is stuck, where the wait ended for that.
    pub(crate) proof: Option<Look>,
}

/// Waits until the ledger is empty or `grace` is over on the run's clock, and returns what is left. `on_wait` is called once if a
/// wait with timers is needed: the caller then rings the bell when `grace` is over in real time, since a paused clock stands
/// still while a blocking closure runs.
pub(crate) async fn settle(ledger: &Ledger, grace: Duration, graph: Graph, on_wait: impl FnOnce()) -> Settled {
    if is_quiet(ledger) {
        return Settled::default();
    }
    for _ in 0..QUICK_LOOKS {
        // The workers of a multi-threaded runtime, and the tasks of a current-thread one.
        std::thread::yield_now();
        tokio::task::yield_now().await;
        if is_quiet(ledger) {
            return Settled::default();
        }
    }
    let before = Census::of_root(ledger);
    let rung = ledger.bell.calls();
    on_wait();
    ledger.bell.mind_ends(true);
    let began = std::time::Instant::now();
    let (waited, proof) = wait(ledger, grace, graph, rung).await;
    let really = began.elapsed();
    ledger.bell.mind_ends(false);
    if is_quiet(ledger) {
        Settled::default()
    } else {
        Settled { before, left: Census::of_root(ledger), waited, really, proof }
    }
}

/// Looks again and again, and returns how long it took, and what proves that there is nothing to wait for.
async fn wait(ledger: &Ledger, grace: Duration, graph: Graph, rung: u32) -> (Duration, Option<Look>) {
    let began = Instant::now();
    let mut step = FIRST_STEP;
    let mut looks = 0;
    // `None` before the grace is over.
    let mut over_since = None;
    let really = std::time::Instant::now();
    let mut is_tried = graph == Graph::Unasked;
    while !is_quiet(ledger) {
        let is_rung = ledger.bell.calls() != rung;
        if is_rung || began.elapsed() >= grace {
            let over = over_since.get_or_insert_with(std::time::Instant::now).elapsed();
            if looks >= TIMED_LOOKS && (ledger.is_asleep() || over >= STARVED) {
                break;
            }
        }
        if is_rung {
            // No timer: the clock may be paused beside a blocking closure, or the only worker that drives timers be blocked.
            give_way(ledger).await;
        } else {
            let left = grace.saturating_sub(began.elapsed());
            // On a paused clock the wait costs nothing.
            if !is_tried && really.elapsed() >= PROOF {
                is_tried = true;
                let proof = graph::all_stuck(ledger, &Census::of_root(ledger));
                if proof.is_some() {
                    return (began.elapsed(), proof);
                }
            }
            pause(ledger, step.min(if left.is_zero() { FIRST_STEP } else { left }), rung).await;
            step = (step * 2).min(LAST_STEP.max(began.elapsed() / PART));
        }
        looks += 1;
    }
    (began.elapsed(), None)
}

/// Lets others have a turn without a timer.
async fn give_way(ledger: &Ledger) {
    if ledger.has_workers() {
        // This thread runs nothing but the body; asleep it takes no processor from the workers.
        std::thread::sleep(FIRST_STEP);
    }
    tokio::task::yield_now().await;
}

/// Returns whether nothing is left: no async task, and no blocking closure, which may spawn more of them.
fn is_quiet(ledger: &Ledger) -> bool {
    ledger.tasks.is_empty() && ledger.counted().unwrap_or(0) == 0 && !Census::has_further(ledger)
}

/// Sleeps for `step`, or until a task has ended or the bell was rung.
async fn pause(ledger: &Ledger, step: Duration, rung: u32) {
    let mut timer = pin!(sleep(step));
    let mut woken = false;
    poll_fn(|cx| {
        let ready = timer.as_mut().poll(cx).is_ready() || ledger.bell.poll_rung(cx, rung).is_ready() || woken;
        woken = true;
        if ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::Location;
    use std::sync::Arc;

    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;
    use crate::ledger::Staging;
    use crate::ledger::table::First;
    use crate::recorder;

    const GRACE: Duration = Duration::from_millis(500);

    /// A ledger in which task 7 lives, as a hook would have written it down.
    fn ledger_with_a_task() -> Arc<Ledger> {
        let ledger = Ledger::open(recorder::fresh_run(), &[], Staging::Full, First::Usual);
        ledger.tasks.begin(7, Location::caller(), 0);
        ledger
    }

    fn end_task(ledger: &Ledger) {
        ledger.tasks.end(7);
        ledger.bell.task_ended();
    }

    #[test]
    fn quiet_ledger_settles_at_the_first_poll_without_a_runtime() {
        let ledger = Ledger::open(recorder::fresh_run(), &[], Staging::Full, First::Usual);
        let mut settled =
            task::spawn(settle(&ledger, GRACE, Graph::Unasked, || panic!("there is nothing to wait for")));
        assert_eq!(assert_ready!(settled.poll()).left, Census::default());
    }

    #[tokio::test(start_paused = true)]
    async fn end_of_the_last_task_wakes_settle_before_its_timer() {
        let ledger = ledger_with_a_task();
        let waits = Cell::new(0);
        let mut settled = task::spawn(settle(&ledger, GRACE, Graph::Unasked, || waits.set(waits.get() + 1)));
        // Each quick look gives way once.
        for _ in 0..QUICK_LOOKS {
            assert_pending!(settled.poll());
        }
        assert_pending!(settled.poll());
        assert_eq!(waits.get(), 1);
        end_task(&ledger);
        assert!(settled.is_woken());
        assert_eq!(assert_ready!(settled.poll()).left, Census::default());
    }

    #[tokio::test(start_paused = true)]
    async fn quick_look_that_finds_nothing_needs_no_timer() {
        let ledger = ledger_with_a_task();
        let mut settled = task::spawn(settle(&ledger, GRACE, Graph::Unasked, || panic!("no timer is needed")));
        assert_pending!(settled.poll());
        end_task(&ledger);
        assert_eq!(assert_ready!(settled.poll()).left, Census::default());
    }

    #[tokio::test(start_paused = true)]
    async fn grace_is_waited_out_and_no_longer() {
        let ledger = ledger_with_a_task();
        let began = Instant::now();
        let settled = settle(&ledger, GRACE, Graph::Unasked, || ()).await;
        assert_eq!(settled.left.tasks.len(), 1);
        assert_eq!(began.elapsed(), GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn task_of_the_hooks_without_an_allocation_is_a_disagreement() {
        let ledger = ledger_with_a_task();
        assert_eq!(settle(&ledger, GRACE, Graph::Unasked, || ()).await.left.unallocated, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn hour_of_virtual_time_takes_few_looks() {
        let ledger = ledger_with_a_task();
        let grace = Duration::from_secs(3_600);
        let mut polls = 0;
        {
            let mut settled = std::pin::pin!(settle(&ledger, grace, Graph::Unasked, || ()));
            poll_fn(|cx| {
                polls += 1;
                settled.as_mut().poll(cx)
            })
            .await;
        }
        assert!(polls < 200, "{polls}");
    }

    #[tokio::test(start_paused = true)]
    async fn many_looks_are_made_even_when_the_grace_is_nothing() {
        let ledger = ledger_with_a_task();
        let began = Instant::now();
        let settled = settle(&ledger, Duration::ZERO, Graph::Unasked, || ()).await;
        assert_eq!(settled.left.tasks.len(), 1);
        assert_eq!(began.elapsed(), FIRST_STEP * TIMED_LOOKS);
    }

    #[tokio::test(start_paused = true)]
    async fn bell_ends_the_wait_without_a_timer() {
        let ledger = ledger_with_a_task();
        let began = Instant::now();
        let settled = settle(&ledger, Duration::from_secs(3_600), Graph::Unasked, || ledger.bell.ring()).await;
        assert_eq!(settled.left.tasks.len(), 1);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
