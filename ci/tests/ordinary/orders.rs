//! Ordinary tests whose runtimes end tasks that wait for each other: what is told must not depend on which comes first. The comment behind a
//! spawn names it.

use std::future::pending;

use lightsout as _;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, yield_now};

/// Ends when its client is gone, and lets go of `_held`, which wakes who waits for that.
async fn serves(mut client: mpsc::Receiver<()>, _held: oneshot::Sender<()>) {
    while client.recv().await.is_some() {}
}

async fn waits(done: oneshot::Receiver<()>) {
    let _ = done.await;
}

async fn holds<T>(_held: T) {
    pending::<()>().await;
}

async fn turns() {
    for _ in 0..4 {
        yield_now().await;
    }
}

#[tokio::test]
async fn woken_last_and_before_who_waits_for_it() {
    let ((_client, served), (held, done)) = (mpsc::channel(1), oneshot::channel());
    tokio::spawn(serves(served, held)); // woken first
    tokio::spawn(waits(done)); // waits behind
    turns().await;
}

#[tokio::test]
async fn woken_last_and_behind_who_waits_for_it() {
    let ((_client, served), (held, done)) = (mpsc::channel(1), oneshot::channel());
    tokio::spawn(waits(done)); // waits before
    tokio::spawn(serves(served, held)); // woken second
    turns().await;
}

#[tokio::test]
async fn woken_last_alone() {
    let ((_client, served), (held, _done)) = (mpsc::channel(1), oneshot::channel());
    tokio::spawn(serves(served, held)); // woken alone
    turns().await;
}

#[tokio::test]
async fn nothing_is_woken() {
    let (first, second) = (oneshot::channel(), oneshot::channel());
    tokio::spawn(waits(first.1)); // before
    tokio::spawn(holds(first.0)); // between
    tokio::spawn(holds(second.0)); // holds second
    tokio::spawn(waits(second.1)); // behind
    turns().await;
}

#[test]
fn in_a_set() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let set = LocalSet::new();
    let (client, served) = mpsc::channel(1);
    let ((held, done), (other_held, other_done)) = (oneshot::channel(), oneshot::channel());
    let (other_client, other_served) = mpsc::channel(1);
    let serve = |served, held| {
        set.spawn_local(serves(served, held)); // woken in the set
    };
    serve(served, held);
    set.spawn_local(waits(done)); // behind in the set
    set.spawn_local(waits(other_done)); // before in the set
    serve(other_served, other_held);
    set.block_on(&runtime, turns());
    drop((client, other_client));
}

#[test]
fn on_threads() {
    let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for _ in 0..8 {
        let (held, done) = oneshot::channel::<()>();
        runtime.spawn(waits(done)); // waits on threads
        runtime.spawn(holds(held)); // holds on threads
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
}

/// What is spawned while its runtime ends comes too late to live on.
#[tokio::test]
async fn spawns_at_its_end() {
    struct Late(tokio::runtime::Handle);
    impl Drop for Late {
        fn drop(&mut self) {
            self.0.spawn(pending::<()>()); // late
        }
    }
    let late = Late(tokio::runtime::Handle::current());
    tokio::spawn(holds(late)); // spawns late
    turns().await;
}
