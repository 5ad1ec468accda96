//! `TaskTracker` and `CancellationToken`, used as tokio's page on graceful shutdown says.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lightsout::{Check, Kind};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::claims::{leaked, only};
use crate::stop_requested;

/// Counts its own end, as late as a task can.
struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Works until it is told to stop, and then for a while.
async fn work(stop: CancellationToken, ended: Ended) {
    for step in 1.. {
        if stop.run_until_cancelled(sleep(Duration::from_millis(10 * step))).await.is_none() {
            break;
        }
    }
    sleep(Duration::from_millis(50)).await;
    drop(ended);
}

/// "When a call to `wait` returns, it is guaranteed that all tracked tasks have exited and that the destructor of the future has
/// finished running."
#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn wait_returns_when_every_task_and_its_destructors_are_over() {
    let stopped = stop_requested();
    let (tracker, stop, ended) = (TaskTracker::new(), CancellationToken::new(), Arc::<AtomicUsize>::default());
    for _ in 0..3 {
        tracker.spawn(work(stop.clone(), Ended(ended.clone())));
    }
    stopped.await;
    tracker.close();
    stop.cancel();
    tracker.wait().await;
    assert_eq!(ended.load(Ordering::Relaxed), 3);
}

/// A tracker may be waited for by many, before and after its close; each returns once.
#[lightsout::test(signals = "SIGINT, SIGTERM")]
async fn everybody_who_waits_returns() {
    let stopped = stop_requested();
    let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let tracker = tracker.clone();
            tokio::spawn(async move { tracker.wait().await })
        })
        .collect();
    tracker.spawn(stop.clone().cancelled_owned());
    stopped.await;
    stop.cancel();
    tracker.close();
    for waiter in waiting {
        waiter.await.unwrap();
    }
}

/// "Once the call to `cancel` returns, all child nodes have been fully cancelled", whoever drops which guard first.
#[lightsout::test(signals = "SIGTERM", delays = 1)]
async fn children_are_cancelled_with_their_parent_and_by_the_drop_of_its_guard() {
    let stopped = stop_requested();
    let parent = CancellationToken::new();
    let children: Vec<_> = (0..3).map(|_| parent.child_token()).collect();
    let waiting: Vec<_> = children.iter().map(|child| tokio::spawn(child.clone().cancelled_owned())).collect();
    let guard = parent.clone().drop_guard();
    let owner = tokio::spawn(async move {
        stopped.await;
        drop(guard);
    });
    children[0].cancel();
    assert!(!parent.is_cancelled() || owner.is_finished());
    parent.cancelled().await;
    assert!(children.iter().all(CancellationToken::is_cancelled) && parent.child_token().is_cancelled());
    for waiter in waiting {
        waiter.await.unwrap();
    }
    owner.await.unwrap();
}

/// "Unlike `JoinSet`, dropping a `TaskTracker` does not abort the tasks": as documented, and a leak for who did not read it.
#[test]
fn dropped_tracker_leaves_its_tasks() {
    let report = Check::new("dropped tracker").start_paused(true).run(|| async {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        tracker.spawn(async move { stop.cancelled().await });
    });
    leaked(&report, 1, file!(), line!() - 2);
}

/// "The `TaskTracker` must be closed": as documented, and a hang for who forgets it.
#[test]
fn wait_for_a_tracker_that_nobody_closes_is_a_hang() {
    let check = Check::new("open tracker").start_paused(true).deadline(Duration::from_millis(300));
    let report = check.run(|| async {
        let tracker = TaskTracker::new();
        tracker.spawn(async {});
        tracker.wait().await;
    });
    only(&report, Kind::Hang);
}
