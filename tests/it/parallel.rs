//! Runs side by side in one process.

use std::future::pending;
use std::sync::{Arc, Barrier};
use std::thread::{Builder, current};
use std::time::Duration;

use lightsout::{Check, Kind, Report};

use crate::claims::{clean, leaked, only};

/// Runs both at once: each is inside its body when the other is.
fn at_once(
    one: impl FnOnce(Arc<Barrier>) -> Report + Send,
    other: impl FnOnce(Arc<Barrier>) -> Report + Send,
) -> (Report, Report) {
    let barrier = Arc::new(Barrier::new(2));
    let theirs = barrier.clone();
    std::thread::scope(|scope| {
        // By the name of its thread a check is told to be of this test.
        let named = Builder::new().name(current().name().unwrap_or_default().to_owned());
        let other = named.spawn_scoped(scope, || other(theirs)).unwrap();
        (one(barrier), other.join().unwrap())
    })
}

fn quiet(barrier: Arc<Barrier>) -> Report {
    Check::new("quiet").multi_thread().worker_threads(2).run(move || {
        let barrier = barrier.clone();
        async move {
            tokio::spawn(async {}).await.unwrap();
            barrier.wait();
            barrier.wait();
        }
    })
}

#[test]
fn leak_of_one_run_is_not_seen_by_the_other() {
    let (clean_one, leaky) = at_once(quiet, |barrier| {
        Check::new("leaky").start_paused(true).run(move || {
            let barrier = barrier.clone();
            async move {
                barrier.wait();
                tokio::spawn(pending::<()>());
                barrier.wait();
            }
        })
    });
    clean(&clean_one);
    leaked(&leaky, 1, file!(), line!() - 6);
}

#[test]
fn panic_of_one_run_is_not_seen_by_the_other() {
    let (clean_one, panicky) = at_once(quiet, |barrier| {
        Check::new("panicky").run(move || {
            let barrier = barrier.clone();
            async move {
                barrier.wait();
                let _ = tokio::spawn(async { panic!("mine") }).await;
                barrier.wait();
            }
        })
    });
    clean(&clean_one);
    let _ = only(&panicky, Kind::TaskPanic);
}

#[test]
fn thread_of_one_run_is_not_seen_by_the_other() {
    let (clean_one, other) = at_once(quiet, |barrier| {
        Check::new("thready").grace(Duration::from_millis(20)).run(move || {
            let barrier = barrier.clone();
            async move {
                barrier.wait();
                std::thread::spawn(|| std::thread::sleep(Duration::from_secs(20)));
                barrier.wait();
            }
        })
    });
    clean(&clean_one);
    if cfg!(target_os = "linux") {
        let _ = only(&other, Kind::BlockedThread);
    }
}

#[test]
fn paused_time_of_one_run_does_not_move_the_other() {
    let (real, paused) = at_once(
        |barrier| {
            Check::new("real").run(move || {
                let barrier = barrier.clone();
                async move {
                    let began = tokio::time::Instant::now();
                    barrier.wait();
                    barrier.wait();
                    assert!(began.elapsed() < Duration::from_secs(3_000));
                }
            })
        },
        |barrier| {
            Check::new("paused").start_paused(true).run(move || {
                let barrier = barrier.clone();
                async move {
                    barrier.wait();
                    tokio::time::sleep(Duration::from_secs(3_600)).await;
                    barrier.wait();
                }
            })
        },
    );
    clean(&real);
    clean(&paused);
}

#[test]
fn run_inside_a_run_is_its_own() {
    let outer = Check::new("outer").run(|| async {
        let inner = Check::new("inner").start_paused(true).run(|| async {
            tokio::spawn(pending::<()>());
        });
        leaked(&inner, 1, file!(), line!() - 2);
    });
    clean(&outer);
}
