//! Ordinary tests whose tasks have handles that outlive their runtime; the comment behind a spawn names it.

use std::future::pending;
use std::mem::forget;
use std::time::Duration;

use lightsout as _;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, yield_now};

async fn waits() {
    pending::<()>().await;
}

#[test]
fn handle_is_dropped_after_the_runtime() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(waits()); // dropped
    runtime.block_on(yield_now());
    drop(runtime);
    drop(task);
}

#[test]
fn handle_is_dropped_after_the_threads() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(waits()); // threads
    std::thread::sleep(Duration::from_millis(30));
    drop(runtime);
    assert!(task.is_finished());
}

#[tokio::test]
async fn handle_is_forgotten() {
    for _ in 0..2 {
        forget(tokio::spawn(waits())); // forgotten
    }
    yield_now().await;
}

#[tokio::test]
async fn handle_outlives_the_set() {
    let set = LocalSet::new();
    let task = set.spawn_local(waits()); // set
    set.run_until(yield_now()).await;
    drop(set);
    assert!(task.is_finished());
}

#[test]
fn handle_of_a_task_without_a_turn_is_kept() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(waits()); // unpolled
    drop(runtime);
    drop(task);
}

#[test]
fn handle_of_a_finished_task_is_dropped_last() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(async {});
    runtime.block_on(yield_now());
    drop(runtime);
    assert!(task.is_finished());
}
