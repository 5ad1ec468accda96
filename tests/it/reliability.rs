//! Thousands of runs without a wrong word: everything that a clean body may do, and the same with one planted leak.
//!
//! `LIGHTSOUT_TEST_RUNS` sets how many runs of each are made; CI makes a few hundred, a release 10,000.

use std::future::pending;
use std::time::Duration;

use lightsout::{Allow, Check};
use tokio::task::{JoinSet, LocalSet};

use crate::claims::{clean, leaked};

/// Returns how many runs of each are made.
pub(crate) fn runs() -> u32 {
    std::env::var("LIGHTSOUT_TEST_RUNS").map_or(200, |runs| runs.parse().expect("LIGHTSOUT_TEST_RUNS is a number"))
}

struct SpawnsOnDrop;

impl Drop for SpawnsOnDrop {
    fn drop(&mut self) {
        tokio::spawn(async { tokio::task::yield_now().await });
    }
}

/// Everything that may happen in a body and leaves nothing.
async fn mix(multi_thread: bool) {
    tokio::spawn(pending::<()>()).abort();
    let mut dropped = JoinSet::new();
    dropped.spawn(pending::<()>());
    dropped.spawn(async {});
    drop(dropped);
    let _ = tokio::spawn(async { panic!("planted") }).await;
    tokio::task::spawn_blocking(|| {
        // A runtime inside the run, on a thread of its blocking pool.
        let nested = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        nested.block_on(async { tokio::spawn(async {}).await.unwrap() });
    })
    .await
    .unwrap();
    LocalSet::new()
        .run_until(async { tokio::task::spawn_local(async { tokio::task::yield_now().await }).await.unwrap() })
        .await;
    if multi_thread {
        tokio::spawn(async { tokio::task::block_in_place(|| {}) }).await.unwrap();
    }
    tokio::time::sleep(Duration::from_micros(10)).await;
    let _late = SpawnsOnDrop;
    tokio::spawn(async { tokio::task::yield_now().await });
}

fn check(multi_thread: bool) -> Check {
    let planted = Allow::panic("planted").because("a clean body may look at a panic");
    let check = Check::new("mix").allow(planted);
    if multi_thread { check.multi_thread().worker_threads(2) } else { check }
}

#[test]
fn clean_runs_are_never_red() {
    quiet_panics();
    for run in 0..runs() {
        let multi_thread = run % 2 == 1;
        clean(&check(multi_thread).run(move || mix(multi_thread)));
    }
}

#[test]
fn planted_leak_is_found_each_time() {
    quiet_panics();
    for run in 0..runs() {
        let multi_thread = run % 2 == 1;
        let report = check(multi_thread).grace(Duration::from_millis(10)).run(move || async move {
            mix(multi_thread).await;
            tokio::spawn(pending::<()>());
        });
        leaked(&report, 1, file!(), line!() - 2);
    }
}

/// Keeps the planted panics out of the output; all others are printed as ever.
fn quiet_panics() {
    use std::sync::Once;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let behind = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&"planted") {
                behind(info);
            }
        }));
    });
}
