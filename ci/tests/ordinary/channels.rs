//! Ordinary tests that leave channels open; the comment behind one names it.

use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock, mpsc as std_mpsc};

use lightsout as _;
use tokio::sync::mpsc;
use tokio::task::yield_now;

#[tokio::test]
async fn kept_by_a_static() {
    static KEPT: OnceLock<mpsc::Sender<u32>> = OnceLock::new();
    let (sender, _) = mpsc::channel(4); // kept
    KEPT.set(sender).unwrap();
}

#[tokio::test]
async fn forgotten() {
    for _ in 0..3 {
        std::mem::forget(mpsc::unbounded_channel::<Vec<u8>>()); // forgotten
    }
}

#[test]
fn cycle() {
    type Senders = Mutex<Vec<std_mpsc::Sender<Arc<Kept>>>>;
    struct Kept(Senders);
    let kept = Arc::new(Kept(Mutex::default()));
    let (sender, _receiver) = std_mpsc::channel(); // cycle
    sender.send(Arc::clone(&kept)).unwrap();
    kept.0.lock().unwrap().push(sender);
    std::mem::forget(_receiver);
}

#[tokio::test]
async fn dropped() {
    let (sender, mut receiver) = mpsc::channel(4);
    sender.send(1).await.unwrap();
    drop(sender);
    assert_eq!((receiver.recv().await, receiver.recv().await), (Some(1), None));
}

#[tokio::test]
async fn held_by_a_leaked_task() {
    let (sender, receiver) = mpsc::channel::<u8>(4);
    let keeps = async move {
        let _receiver = receiver;
        pending::<()>().await;
    };
    tokio::spawn(keeps); // task
    std::mem::forget(sender);
    yield_now().await;
}
