//! A producer of numbers, a consumer that leaves, and an exit task that writes the last number to a file.
//!
//! ```text
//! ticker --tick--> producer --number--> consumer --last number--> exit task --> file
//! ```
//!
//! After an article on how to leave a Go service cleanly. Its mistakes, all in the faulty form:
//! - the consumer leaves, and the producer waits for ever to send to it;
//! - the ticker is never stopped;
//! - the program ends before the exit task has written;
//! - the producer's `select!` can be cancelled while it waits for a tick, but not while it sends.

use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

use crate::FAULTY;

/// What a sequence is to do.
#[derive(Clone, Debug)]
pub struct Config {
    /// The consumer leaves at the first value above this.
    pub limit: u64,
    /// Time between two ticks, and before the first one. Not zero.
    pub interval: Duration,
    /// Time that the consumer spends on each value.
    pub work: Duration,
    /// File that receives the last value, as a line of text.
    pub path: PathBuf,
}

/// How a sequence went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The last value that the consumer took; `None` if it took none, and then no file is written.
    pub last: Option<u64>,
    /// Why the consumer left.
    pub end: End,
}

/// Why the consumer left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A value was above the limit.
    Limit,
    /// The caller's `stop` came first.
    Stopped,
}

/// Runs a sequence until a value is above the limit or `stop` ends, then stops its parts and writes the last value.
///
/// When it returns, no task of it is left and the file is on disk. Values that are queued when the consumer leaves are
/// not part of the sequence. Await it to its end: dropping the future half-way leaves its tasks running.
///
/// # Errors
/// The file could not be written.
///
/// # Panics
/// If the interval is zero.
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> io::Result<Summary> {
    let cancel = CancellationToken::new();
    let queue = Arc::new(Queue::new());
    let (ticker, ticks) = Ticker::start(config.interval);
    let producer = tokio::spawn(produce(ticks, queue.clone(), cancel.clone()));

    let summary = consume(&config, &queue, stop).await;

    // Bug: the caller's stop is passed on, but a consumer that leaves of its own accord tells nobody.
    if summary.end == End::Stopped || !FAULTY {
        cancel.cancel();
    }
    let exit = tokio::spawn(record(config.path, summary.last));
    // Bug: the ticker is never stopped, and the last value may be lost, since nobody waits for the exit task.
    if !FAULTY {
        ticker.stop().await;
        let (produced, recorded) = tokio::join!(producer, exit);
        produced?;
        recorded??;
    }
    Ok(summary)
}

/// Queues 1, 2, 3 and so on, one for each tick, until cancelled.
async fn produce(mut ticks: mpsc::Receiver<()>, queue: Arc<Queue>, cancel: CancellationToken) {
    for value in 1.. {
        let Some(Some(())) = cancel.run_until_cancelled(ticks.recv()).await else { return };
        if FAULTY {
            // Bug: the cancel covers the wait for the tick only. With the queue full and the consumer gone, this send
            // waits for ever; it cannot fail either, since the queue that we hold has the receiving half in it.
            queue.put(value).await;
        } else if cancel.run_until_cancelled(queue.put(value)).await.is_none() {
            return;
        }
    }
}

/// Takes values until one is above the limit or `stop` ends.
async fn consume(config: &Config, queue: &Queue, stop: impl Future<Output = ()>) -> Summary {
    let mut stop = pin!(stop);
    let mut last = None;
    loop {
        let value = tokio::select! {
            biased;
            () = &mut stop => return Summary { last, end: End::Stopped },
            value = queue.take() => value,
        };
        last = Some(value);
        if value > config.limit {
            return Summary { last, end: End::Limit };
        }
        sleep(config.work).await;
    }
}

/// The exit task: writes the last value, if there was one.
async fn record(path: PathBuf, last: Option<u64>) -> io::Result<()> {
    match last {
        Some(value) => tokio::fs::write(path, format!("{value}\n")).await,
        None => Ok(()),
    }
}

/// A queue for one value, both halves in one place: what producer and consumer share.
#[derive(Debug)]
struct Queue {
    sender: mpsc::Sender<u64>,
    receiver: Mutex<mpsc::Receiver<u64>>,
}

impl Queue {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        Self { sender, receiver: Mutex::new(receiver) }
    }

    /// Waits for room.
    async fn put(&self, value: u64) {
        self.sender.send(value).await.expect("the queue has its own receiver");
    }

    /// Waits for a value.
    async fn take(&self) -> u64 {
        self.receiver.lock().await.recv().await.expect("the queue has its own sender")
    }
}

/// A task that ticks until it is stopped. As in Go, a tick that comes while the last one was not taken is dropped.
#[derive(Debug)]
struct Ticker(JoinHandle<()>);

impl Ticker {
    fn start(period: Duration) -> (Self, mpsc::Receiver<()>) {
        let mut interval = interval_at(Instant::now() + period, period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (sender, ticks) = mpsc::channel(1);
        let task = tokio::spawn(async move {
            loop {
                interval.tick().await;
                // Full: the taker is late. Closed: it has left, and our owner will stop us.
                let _ = sender.try_send(());
            }
        });
        (Self(task), ticks)
    }

    /// Stops the ticking, and waits until it has stopped.
    async fn stop(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}
