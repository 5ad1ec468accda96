//! Small programs with one bug of timing each, and the same programs without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::yield_now;
use tokio::time::sleep;

const MS: Duration = Duration::from_millis(1);

/// Whether a program has its bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Buggy,
    Fixed,
}

pub(crate) use Form::{Buggy, Fixed};

fn term() -> Signal {
    signal(SignalKind::terminate()).unwrap()
}

/// Works until it is told to stop.
async fn work(mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        tokio::select! {
            _ = stopped.changed() => {}
            () = sleep(3 * MS) => {}
        }
    }
}

/// Where `forgets_its_worker_while_it_warms_up` spawns its worker.
pub(crate) const WORKER: u32 = line!() + 6;

/// A signal that comes while it warms up ends it, and forgets the worker.
pub(crate) async fn forgets_its_worker_while_it_warms_up(form: Form) {
    let mut term = term();
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(work(stopped));
    let mut is_told = false;
    tokio::select! {
        biased;
        _ = term.recv() => is_told = true,
        () = sleep(10 * MS) => {}
    }
    if is_told && form == Buggy {
        std::mem::forget(stop);
        return;
    }
    if !is_told {
        term.recv().await;
    }
    stop.send_replace(true);
    worker.await.unwrap();
}

/// A second signal while it drains closes what is closed: a panic in a task.
pub(crate) async fn closes_twice(form: Form) {
    let mut term = term();
    let (close, closed) = oneshot::channel::<()>();
    let handler = tokio::spawn(async move {
        let mut close = Some(close);
        loop {
            term.recv().await;
            match form {
                Buggy => close.take().expect("closed twice").send(()).unwrap(),
                Fixed => {
                    close.take().map(|close| close.send(()));
                }
            }
        }
    });
    let _ = closed.await;
    for _ in 0..3 {
        sleep(2 * MS).await;
    }
    handler.abort();
    let _ = handler.await;
}

/// Looks whether it was told, does something else, and then waits to be told: a signal in between is lost, and it waits for ever.
pub(crate) async fn loses_a_signal(form: Form) {
    let mut term = term();
    let told = Arc::new(AtomicBool::new(false));
    let bell = Arc::new(Notify::new());
    let (tell, ring) = (told.clone(), bell.clone());
    let handler = tokio::spawn(async move {
        term.recv().await;
        tell.store(true, Ordering::Relaxed);
        ring.notify_waiters();
    });
    sleep(MS).await;
    let rung = bell.notified();
    if !told.load(Ordering::Relaxed) {
        match form {
            Buggy => {
                sleep(MS).await;
                bell.notified().await;
            }
            Fixed => rung.await,
        }
    }
    handler.await.unwrap();
}

/// Stops at once when it is told to, with jobs in its queue. Undisturbed it is always quicker than the stop.
pub(crate) async fn drops_a_job_when_it_is_late(form: Form) {
    let (jobs, mut queue) = mpsc::channel::<u32>(4);
    let (stop, mut stopped) = watch::channel(false);
    let (report, mut reports) = mpsc::channel::<u32>(4);
    let worker = tokio::spawn(async move {
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(job) = queue.recv() => report.send(job).await.unwrap(),
            }
        }
        queue.close();
        while let (Fixed, Some(job)) = (form, queue.recv().await) {
            report.send(job).await.unwrap();
        }
    });
    yield_now().await;
    jobs.send(7).await.unwrap();
    tokio::spawn(async move { stop.send_replace(true) }).await.unwrap();
    worker.await.unwrap();
    assert_eq!(reports.recv().await, Some(7), "the job was dropped");
}

/// Takes whichever of two is ready first, and expects the one: what `select!` takes is a matter of luck.
pub(crate) async fn trusts_to_luck(form: Form) {
    let (one, first) = oneshot::channel::<()>();
    let (other, second) = oneshot::channel::<()>();
    let _ = (one.send(()), other.send(()));
    let is_first = tokio::select! {
        _ = first => true,
        _ = second => false,
    };
    assert!(is_first || form == Fixed, "out of luck");
}
