//! Threads that outlive the run.
#![cfg(target_os = "linux")]

use std::sync::mpsc;
use std::time::Duration;

use lightsout::{Allow, Check, Kind};

use crate::claims::{ALLOCATED, clean, only, said};

const MS: Duration = Duration::from_millis(1);

/// Blocks the calling thread until the returned sender is dropped.
fn blocker() -> (mpsc::Sender<()>, impl FnOnce() + Send + 'static) {
    let (free, freed) = mpsc::channel::<()>();
    (free, move || {
        let _ = freed.recv();
    })
}

#[test]
fn blocking_closure_that_does_not_return_is_found() {
    let (free, block) = blocker();
    let block = std::sync::Mutex::new(Some(block));
    let report = Check::new("blocking").grace(20 * MS).run(move || {
        let block = block.lock().unwrap().take().unwrap();
        async {
            tokio::task::spawn_blocking(block);
        }
    });
    let finding = only(&report, Kind::BlockedThread);
    assert!(finding.summary().contains("test's runtime"), "{report}");
    if ALLOCATED {
        assert_eq!((&*finding.sites()[0].file, finding.sites()[0].line), (file!(), line!() - 6));
    }
    assert!(said(finding, "state").starts_with("waits for a lock, a channel or another thread"), "{report}");
    drop(free);
}

#[test]
fn blocking_closure_that_returns_within_the_grace_is_clean() {
    clean(&Check::new("in time").run(|| async {
        tokio::task::spawn_blocking(|| std::thread::sleep(20 * MS));
    }));
}

#[test]
fn thread_that_the_test_started_is_found() {
    let (free, block) = blocker();
    let block = std::sync::Mutex::new(Some(block));
    let report = Check::new("own thread").grace(20 * MS).run(move || {
        let block = block.lock().unwrap().take().unwrap();
        async {
            std::thread::Builder::new().name("pump".to_owned()).spawn(block).unwrap();
        }
    });
    let finding = only(&report, Kind::BlockedThread);
    assert!(finding.summary().contains("that the test started"), "{report}");
    assert_eq!(said(finding, "thread"), "`pump`");
    if ALLOCATED {
        assert_eq!((&*finding.sites()[0].file, finding.sites()[0].line), (file!(), line!() - 7), "{report}");
    }
    drop(free);
}

#[test]
fn thread_of_a_runtime_that_the_body_forgot_is_told_with_its_place() {
    let report = Check::new("forgotten").grace(20 * MS).run(|| async {
        std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            std::mem::forget(runtime);
        });
    });
    let finding = only(&report, Kind::BlockedThread);
    if ALLOCATED {
        assert_eq!((&*finding.sites()[0].file, finding.sites()[0].line), (file!(), line!() - 6), "{report}");
    }
}

#[test]
fn thread_of_a_thread_of_a_blocking_closure_is_found() {
    let (free, block) = blocker();
    let block = std::sync::Mutex::new(Some(block));
    let report = Check::new("descendants").grace(20 * MS).run(move || {
        let block = block.lock().unwrap().take().unwrap();
        async {
            let start = || std::thread::Builder::new().name("deep".to_owned()).spawn(block).unwrap();
            tokio::task::spawn_blocking(|| std::thread::spawn(start).join().unwrap()).await.unwrap();
        }
    });
    assert_eq!(said(only(&report, Kind::BlockedThread), "thread"), "`deep`");
    drop(free);
}

#[test]
fn joined_threads_are_clean() {
    for _ in 0..200 {
        clean(&Check::new("joined").run(|| async {
            std::thread::spawn(|| {}).join().unwrap();
            tokio::task::spawn_blocking(|| {}).await.unwrap();
        }));
    }
}

#[test]
fn allowed_thread_may_live() {
    let (free, block) = blocker();
    let block = std::sync::Mutex::new(Some(block));
    let rule = Allow::thread("pool-*").because("it lives as long as the process");
    let report = Check::new("pool").grace(20 * MS).allow(rule).run(move || {
        let block = block.lock().unwrap().take().unwrap();
        async {
            std::thread::Builder::new().name("pool-1".to_owned()).spawn(block).unwrap();
        }
    });
    clean(&report);
    assert_eq!(report.allowed()[0].count, 1);
    drop(free);
}

#[test]
fn thread_that_was_there_before_is_not_the_runs() {
    let (free, block) = blocker();
    let before = std::thread::spawn(block);
    clean(&Check::new("bystander").grace(20 * MS).run(|| async {}));
    drop(free);
    before.join().unwrap();
}
