//! Ordinary tests that leave channels open that are small; the comment behind one names it.

use std::hint::black_box;
use std::sync::{LazyLock, OnceLock, mpsc as std_mpsc};
use std::thread;

use lightsout as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::yield_now;

/// Where nobody sees it the optimiser leaves it out.
fn forget<T>(channel: T) {
    std::mem::forget(black_box(channel));
}

#[tokio::test]
async fn oneshot_is_forgotten() {
    for _ in 0..2 {
        forget(oneshot::channel::<u32>()); // oneshot
    }
}

#[tokio::test]
async fn watch_is_kept_by_a_static() {
    static KEPT: OnceLock<watch::Sender<u8>> = OnceLock::new();
    let (sender, _) = watch::channel(7); // watch
    KEPT.set(sender).unwrap();
}

#[test]
fn broadcast_is_forgotten() {
    for _ in 0..3 {
        forget(broadcast::channel::<u64>(4)); // broadcast
    }
}

#[test]
fn flume_is_forgotten_by_a_thread() {
    let forgets = || {
        forget(flume::unbounded::<String>()); // flume
    };
    thread::spawn(forgets).join().unwrap();
}

#[test]
fn futures_are_forgotten() {
    forget(futures_channel::oneshot::channel::<i8>()); // futures oneshot
    forget(futures_channel::mpsc::channel::<i16>(2)); // futures mpsc
}

#[test]
fn rendezvous_is_forgotten() {
    forget(std_mpsc::sync_channel::<u16>(0)); // rendezvous
}

#[test]
fn oneshot_outlives_its_runtime() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let (sender, receiver) = oneshot::channel::<u16>(); // outlives
    runtime.block_on(yield_now());
    drop(runtime);
    forget((sender, receiver));
}

mod a_module_with_a_long_name {
    use super::{forget, oneshot};

    #[test]
    fn one_of_two_tests_forgets() {
        forget(oneshot::channel::<[u8; 1]>()); // one of two
    }

    #[tokio::test]
    async fn other_of_two_tests_forgets() {
        forget(oneshot::channel::<[u8; 2]>()); // other of two
    }
}

#[tokio::test]
async fn all_are_dropped() {
    let (sender, receiver) = oneshot::channel();
    let (watched, _watching) = watch::channel(1);
    let (flumes, flume) = flume::bounded(1);
    sender.send(1).unwrap();
    flumes.send(receiver.await.unwrap()).unwrap();
    assert_eq!(flume.recv().unwrap(), *watched.borrow());
}

#[tokio::test]
async fn held_by_a_leaked_task() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let (flume, _) = flume::bounded::<u8>(1);
    let waits = async move {
        let _sender = (sender, flume);
        receiver.await.unwrap()
    };
    tokio::spawn(waits); // task
    forget(watch::channel(1));
    yield_now().await;
}

#[tokio::test]
async fn held_by_a_task_without_a_turn() {
    let (sender, receiver) = oneshot::channel::<u8>();
    tokio::spawn(async move { (receiver.await.unwrap(), sender) });
}

/// tokio has channels of its own for its threads, and for signals.
#[test]
fn runtime_in_a_static() {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(async {
        tokio::spawn(async {}).await.unwrap();
        let _listens = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
    });
    forget(std::sync::Arc::new(tokio::sync::Mutex::new(1)));
}
