//! The services, driven through random operations.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io, process};

use lightsout::machine::{Machine, Operation, Service};
use lightsout::{Check, Kind, Report};
use services::Faults::Only;
use services::sequence::{Config, run};
use services::watcher::{Server, Store, Watcher};
use services::{FAULTY, messaging, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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

/// A messaging server with a client.
struct Embedded {
    server: messaging::Server,
    /// `None` once it has left.
    client: Option<TcpStream>,
    results: usize,
}

impl Service for Embedded {
    async fn start() -> Self {
        let faults = Only(messaging::Fault::ReleasedFirst);
        let any = || "127.0.0.1:0".to_owned();
        let bound = Duration::from_secs(5);
        let config = messaging::Config { address: any(), monitor: any(), no_signals: true, bound, faults };
        let server = messaging::Server::start(config).await.unwrap();
        let client = TcpStream::connect(server.address()).await.unwrap();
        Self { server, client: Some(client), results: 0 }
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            // A server that has stopped takes nothing.
            Operation::Send => self.say("SUB lamp 1\r\nPUB lamp 2\r\non\r\n").await,
            Operation::Fail => self.say("HELLO\r\n").await,
            Operation::DropHandle => self.client = None,
            Operation::Signal => {
                tokio::spawn({
                    let server = self.server.clone();
                    async move { server.shutdown().await }
                });
            }
            _ => {
                self.server.shutdown().await;
                self.results = 1;
            }
        }
    }

    fn operations() -> Vec<Operation> {
        vec![Operation::Send, Operation::Fail, Operation::DropHandle, Operation::Signal]
    }

    fn results(&self) -> usize {
        self.results
    }
}

impl Embedded {
    async fn say(&mut self, text: &str) {
        if let Some(client) = &mut self.client {
            let _ = client.write_all(text.as_bytes()).await;
        }
    }
}

/// A web server.
struct Registering {
    handle: web::Handle,
    /// `None` once it has ended.
    serving: Option<JoinHandle<Result<(), web::Error>>>,
    address: SocketAddr,
    results: usize,
}

impl Service for Registering {
    async fn start() -> Self {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        let template = folder.join(format!("machine-template-{}", process::id()));
        fs::write(&template, "welcome").unwrap();
        let app = web::App::new(web::Config {
            address: "127.0.0.1:0".to_owned(),
            template,
            mails: folder.to_owned(),
            mail_time: Duration::from_secs(3),
            report_time: Duration::ZERO,
            bound: Duration::from_secs(5),
            faults: Only(web::Fault::JobsNotWaitedFor),
        });
        let (handle, serving) = (app.handle(), Some(tokio::spawn(app.serve())));
        let address = handle.listening().await;
        Self { handle, serving, address, results: 0 }
    }

    async fn apply(&mut self, operation: Operation) {
        match operation {
            // A server that stops refuses it.
            Operation::Send => drop(register(self.address).await),
            Operation::Signal => self.handle.stop(),
            _ => {
                self.handle.stop();
                if let Some(serving) = self.serving.take() {
                    serving.await.unwrap().unwrap();
                    self.results += 1;
                }
            }
        }
    }

    fn operations() -> Vec<Operation> {
        vec![Operation::Send, Operation::Signal]
    }

    fn results(&self) -> usize {
        self.results
    }
}

/// Registers a user, and waits for the answer.
async fn register(server: SocketAddr) -> io::Result<String> {
    let mut socket = TcpStream::connect(server).await?;
    let head = "POST /v1/users HTTP/1.1\r\nhost: it\r\nconnection: close\r\ncontent-length: 11\r\n\r\n";
    socket.write_all(format!("{head}ann@machine").as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Claims that the fixed form is clean, and that the faulty one has a finding of this kind.
#[track_caller]
fn judge(report: &Report, kind: Kind) {
    assert_eq!(report.is_clean(), !FAULTY, "{report}");
    if FAULTY {
        assert!(report.findings().iter().any(|finding| finding.kind() == kind), "{report}");
    }
}

#[test]
fn messaging_server_ends_however_it_is_driven() {
    judge(&Machine::<Embedded>::new(Check::new("messaging")).cases(24).longest(6).run(), Kind::TaskPanic);
}

#[test]
fn web_server_ends_however_it_is_driven() {
    judge(&Machine::<Registering>::new(Check::new("web")).cases(24).longest(6).run(), Kind::LeakedTask);
}

#[test]
fn sequence_ends_however_it_is_driven() {
    let report = Machine::<Sequence>::new(Check::new("sequence")).cases(48).run();
    judge(&report, Kind::LeakedTask);
    if !FAULTY {
        assert_eq!(report.coverage().runs(), 48);
    }
}

#[test]
fn watch_ends_however_it_is_driven() {
    judge(&Machine::<Watching>::new(Check::new("watch")).cases(24).longest(6).run(), Kind::LeakedTask);
}
