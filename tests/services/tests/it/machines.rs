//! The services, driven through random operations.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, process};

use lightsout::machine::{Machine, Operation, Service};
use lightsout::{Check, Kind};
use services::FAULTY;
use services::sequence::{Config, run};
use services::watcher::{Server, Store, Watcher};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A sequence that is stopped by a handle, or ends above its limit.
struct Sequence {
    /// `None` once it is told to stop.
    stop: Option<oneshot::Sender<()>>,
    /// `None` once it has ended.
    running: Option<JoinHandle<()>>,
    results: usize,
}

impl Service for Sequence {
    async fn start() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("machine-{number}-{}.txt", process::id()));
        let config = Config {
            limit: 20,
            interval: Duration::from_millis(10),
            work: Duration::from_millis(3),
            path: path.clone(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(async move {
            run(config, async { drop(stopped.await) }).await.unwrap();
            let _ = fs::remove_file(path);
        });
        Self { stop: Some(stop), running: Some(running), results: 0 }
    }

    async fn apply(&mut self, operation: Operation) {
        let told = self.stop.take();
        if operation != Operation::DropHandle {
            told.map(|stop| stop.send(()));
        }
        if operation == Operation::Stop
            && let Some(running) = self.running.take()
        {
            running.await.unwrap();
            self.results += 1;
        }
    }

    fn operations() -> Vec<Operation> {
        vec![Operation::Signal, Operation::DropHandle]
    }

    fn results(&self) -> usize {
        self.results
    }
}

/// A watch with its consumer, on a server of its own.
struct Watching {
    server: Server,
    store: Store,
    watcher: Watcher,
    /// `None` once it has ended.
    consumer: Option<JoinHandle<usize>>,
    results: usize,
}

impl Service for Watching {
    async fn start() -> Self {
        let server = Server::start("127.0.0.1:0").await.unwrap();
        let store = Store::connect(server.address()).await.unwrap();
        let watcher = store.watch(&CancellationToken::new()).await.unwrap();
        let consumer = Some(watcher.for_each(|_| async {}));
        Self { server, store, watcher, consumer, results: 0 }
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            // Once the connection is lost there is nobody to put it to.
            Operation::Send => drop(self.store.put("lamp", "on").await),
            Operation::Drain => self.watcher.stop().await,
            Operation::Fail => self.server.shutdown().await,
            _ => {
                self.watcher.stop().await;
                self.store.close().await;
                self.server.shutdown().await;
                // A faulty watch does not end its consumer; nor does its user wait for it.
                if FAULTY {
                    self.consumer = None;
                    self.results = 1;
                } else if let Some(consumer) = self.consumer.take() {
                    consumer.await.unwrap();
                    self.results += 1;
                }
            }
        }
    }

    fn operations() -> Vec<Operation> {
        vec![Operation::Send, Operation::Drain, Operation::Fail]
    }

    fn results(&self) -> usize {
        self.results
    }
}

#[test]
fn sequence_ends_however_it_is_driven() {
    let report = Machine::<Sequence>::new(Check::new("sequence")).cases(48).run();
    assert_eq!(report.is_clean(), !FAULTY, "{report}");
    if FAULTY {
        assert!(report.findings().iter().any(|finding| finding.kind() == Kind::LeakedTask), "{report}");
    } else {
        assert_eq!(report.coverage().runs(), 48);
    }
}

#[test]
fn watch_ends_however_it_is_driven() {
    let report = Machine::<Watching>::new(Check::new("watch")).cases(24).longest(6).run();
    assert_eq!(report.is_clean(), !FAULTY, "{report}");
    if FAULTY {
        assert!(report.findings().iter().any(|finding| finding.kind() == Kind::LeakedTask), "{report}");
    }
}
