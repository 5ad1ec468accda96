//! Ordinary tests that leave something; the comment behind a spawn names it.

use std::future::pending;
use std::sync::LazyLock;
use std::thread;
use std::time::Duration;

use lightsout as _;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, LocalSet, yield_now};

async fn waits() {
    pending::<()>().await;
}

fn pause() {
    thread::sleep(Duration::from_millis(30));
}

fn shared() {
    tokio::spawn(waits()); // shared
}

#[tokio::test]
async fn current_thread() {
    for _ in 0..3 {
        tokio::spawn(waits()); // current_thread
    }
    yield_now().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multi_thread() {
    tokio::spawn(waits()); // multi_thread
    tokio::time::sleep(Duration::from_millis(30)).await;
}

#[test]
fn own_runtime() {
    let runtime = Runtime::new().unwrap();
    runtime.spawn(waits()); // own_runtime
    pause();
}

#[test]
fn blocked_on() {
    Builder::new_current_thread().build().unwrap().block_on(async {
        tokio::spawn(waits()); // blocked_on
        yield_now().await;
    });
}

#[test]
fn shutdown_timeout() {
    let runtime = Runtime::new().unwrap();
    runtime.spawn(waits()); // shutdown_timeout
    pause();
    runtime.shutdown_timeout(Duration::from_secs(5));
}

#[tokio::test]
async fn nested_runtimes() {
    tokio::task::spawn_blocking(|| {
        let inner = Builder::new_current_thread().build().unwrap();
        inner.spawn(waits()); // nested_runtimes
        inner.block_on(yield_now());
    })
    .await
    .unwrap();
}

#[test]
fn spawned_thread() {
    let grandchild = || {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.spawn(waits()); // spawned_thread
        runtime.block_on(yield_now());
    };
    thread::spawn(move || thread::Builder::new().name("worker".into()).spawn(grandchild).unwrap().join().unwrap())
        .join()
        .unwrap();
}

#[tokio::test]
async fn local_set() {
    let set = LocalSet::new();
    set.spawn_local(waits()); // local_set
    set.run_until(yield_now()).await;
}

#[tokio::test]
async fn handle_kept_by_another_task() {
    let child: JoinHandle<()> = tokio::spawn(waits()); // child
    tokio::spawn(async move { child.await.unwrap() }); // parent
    yield_now().await;
}

mod a_module_with_a_long_name {
    #[tokio::test]
    async fn one_of_two_tests_of_the_same_place() {
        super::shared();
        super::yield_now().await;
    }

    #[tokio::test]
    async fn other_of_two_tests_of_the_same_place() {
        super::shared();
        super::yield_now().await;
    }
}

#[test]
fn runtime_in_a_static() {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.spawn(waits()); // runtime_in_a_static
    pause();
}

#[test]
fn closure() {
    let runtime = Runtime::new().unwrap();
    runtime.spawn_blocking(|| loop { thread::park() }); // closure
    pause();
    runtime.shutdown_background();
}

#[test]
fn closure_of_a_runtime_in_a_static() {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.spawn_blocking(|| loop { thread::park() }); // static closure
    pause();
}

#[lightsout::test]
async fn checked() {
    tokio::spawn(waits()); // checked
    yield_now().await;
}
