//! Ordinary tests that leave nothing, however much it looks like it.

use std::future::pending;
use std::sync::OnceLock;
use std::thread;

use lightsout as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet, LocalSet, yield_now};

async fn waits() {
    pending::<()>().await;
}

#[tokio::test]
async fn handle_of_a_finished_task_is_kept() {
    static KEPT: OnceLock<JoinHandle<()>> = OnceLock::new();
    let task = tokio::spawn(async {});
    let local = tokio::spawn(async {});
    yield_now().await;
    assert!(local.is_finished());
    KEPT.set(task).unwrap();
    std::mem::forget(tokio::spawn(async {}));
    yield_now().await;
}

#[tokio::test]
async fn aborted_task_has_ended() {
    let task = tokio::spawn(waits());
    yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn aborted_task_has_ended_and_its_handle_is_kept() {
    let task = tokio::spawn(waits());
    yield_now().await;
    task.abort();
    yield_now().await;
    assert!(task.is_finished());
}

#[tokio::test]
async fn set_of_tasks_is_dropped_last() {
    let mut tasks = JoinSet::new();
    tasks.spawn(waits());
    yield_now().await;
}

#[tokio::test]
async fn channel_is_closed_last() {
    let (sender, mut receiver) = mpsc::channel::<u8>(1);
    tokio::spawn(async move { while receiver.recv().await.is_some() {} });
    sender.send(1).await.unwrap();
    yield_now().await;
}

#[test]
fn runtime_of_a_thread_is_empty() {
    thread::spawn(|| Runtime::new().unwrap().block_on(async { tokio::spawn(async {}).await.unwrap() })).join().unwrap();
}

#[tokio::test]
async fn closure_has_ended() {
    tokio::task::spawn_blocking(|| {}).await.unwrap();
}

#[tokio::test]
async fn set_has_ended() {
    let set = LocalSet::new();
    set.spawn_local(async {});
    set.await;
}

/// Memory that is aligned as a task's, and moves without being given back: at the end of a runtime it is looked for tasks.
#[test]
fn aligned_memory_is_resized() {
    unsafe extern "C" {
        fn aligned_alloc(alignment: usize, size: usize) -> *mut u8;
        fn realloc(memory: *mut u8, size: usize) -> *mut u8;
        fn free(memory: *mut u8);
    }
    let memory: Vec<_> = (0..16).map(|_| unsafe { aligned_alloc(128, 1 << 20) }).collect();
    let memory: Vec<_> = memory.into_iter().map(|it| unsafe { realloc(it, 8 << 20) }).collect();
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.spawn(async {});
    drop(runtime);
    memory.into_iter().for_each(|it| unsafe { free(it) });
}

/// What the child does is not the test's.
#[test]
fn fork() {
    unsafe extern "C" {
        fn fork() -> i32;
        fn waitpid(process: i32, status: *mut i32, options: i32) -> i32;
        fn _exit(code: i32) -> !;
    }
    let runtime = Builder::new_current_thread().build().unwrap();
    let task = runtime.spawn(waits());
    runtime.block_on(yield_now());
    match unsafe { fork() } {
        0 => {
            let inner = Builder::new_current_thread().build().unwrap();
            inner.spawn(waits());
            inner.block_on(yield_now());
            drop(inner);
            drop(runtime);
            unsafe { _exit(7) }
        }
        child => {
            let mut status = 0;
            assert_eq!(unsafe { waitpid(child, &mut status, 0) }, child);
            assert_eq!(status >> 8, 7);
        }
    }
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
}
