//! Messages that come too early or too late.

use std::sync::Arc;

use tokio::spawn;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::yield_now;

use crate::Form;

/// A handler looks whether its stream is open, and then writes; it is closed in between.
pub(crate) async fn written_to_what_was_closed(form: Form) {
    let (send, mut receive) = mpsc::channel::<u32>(4);
    let stream = Arc::new(Mutex::new(Some(send)));
    let written = stream.clone();
    let writing = spawn(async move {
        let is_open = written.lock().await.is_some();
        if is_open {
            match (&*written.lock().await, form) {
                (Some(stream), _) => stream.send(7).await.expect("the reader waits for the end"),
                (None, Form::Fixed) => {}
                (None, Form::Buggy) => panic!("a write to a closed stream"),
            }
        }
    });
    let closing = spawn(async move { drop(stream.lock().await.take()) });
    while receive.recv().await.is_some() {}
    writing.await.expect("a handler does not panic");
    closing.await.expect("it does not panic");
}

/// A worker that is told to stop takes that branch, and a job that was ready is dropped.
pub(crate) async fn dropped_by_the_cancel_branch(form: Form) {
    let (jobs, mut queue) = mpsc::channel::<u32>(4);
    let (cancel, mut cancelled) = watch::channel(false);
    let working = spawn(async move {
        let mut done = Vec::new();
        loop {
            tokio::select! {
                biased;
                _ = cancelled.changed() => break,
                Some(job) = queue.recv() => done.push(job),
            }
        }
        queue.close();
        while let (Form::Fixed, Some(job)) = (form, queue.recv().await) {
            done.push(job);
        }
        done
    });
    jobs.send(7).await.expect("the worker takes jobs");
    let cancelling = spawn(async move { cancel.send_replace(true) });
    cancelling.await.expect("it does not panic");
    assert_eq!(working.await.expect("it does not panic"), [7], "a job that was taken over is done");
}

/// What a flusher is sent.
enum Entry {
    Value(u32),
    Flush,
}

/// What came after the last flush is not written when the flusher stops.
pub(crate) async fn last_batch_not_flushed(form: Form) {
    let (send, mut entries) = mpsc::channel::<Entry>(4);
    let ticker = send.clone();
    let flushing = spawn(async move {
        let (mut batch, mut written) = (Vec::new(), Vec::new());
        while let Some(entry) = entries.recv().await {
            match entry {
                Entry::Value(value) => batch.push(value),
                Entry::Flush => written.append(&mut batch),
            }
        }
        if form == Form::Fixed {
            written.append(&mut batch);
        }
        written
    });
    let adding = spawn(async move { send.send(Entry::Value(7)).await.is_ok() });
    let ticking = spawn(async move { ticker.send(Entry::Flush).await.is_ok() });
    assert!(adding.await.expect("it does not panic"));
    assert!(ticking.await.expect("it does not panic"));
    assert_eq!(flushing.await.expect("it does not panic"), [7], "what was accepted is written");
}

/// A worker takes jobs until it is told to stop, and does what it has taken over.
pub(crate) async fn stopped_by_a_watch<const JOBS: u32>(_: Form) {
    let (jobs, mut queue) = mpsc::channel::<u32>(2);
    let (stop, mut stopped) = watch::channel(false);
    let working = spawn(async move {
        let mut done = 0;
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => break,
                Some(_) = queue.recv() => done += 1,
            }
        }
        queue.close();
        while queue.recv().await.is_some() {
            done += 1;
        }
        done
    });
    let sending = spawn(async move {
        let mut sent = 0;
        for job in 0..JOBS {
            sent += u32::from(jobs.send(job).await.is_ok());
        }
        sent
    });
    let stopping = spawn(async move {
        for _ in 0..JOBS / 2 {
            yield_now().await;
        }
        stop.send_replace(true)
    });
    stopping.await.expect("it does not panic");
    let sent = sending.await.expect("it does not panic");
    assert_eq!(working.await.expect("it does not panic"), sent);
}
