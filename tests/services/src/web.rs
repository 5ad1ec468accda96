//! A web server with jobs in the background: who registers is sent a mail after the answer.
//!
//! After the book Let's Go Further. Its shutdown: a signal task asks for the stop; a shutdown task lets requests finish within a
//! bound, waits for the jobs and hands its result to whoever serves. Its mistakes, one [`Fault`] each:
//! - the error path hands over its result, and then goes on to hand over another one with nobody there to take it;
//! - jobs are not waited for;
//! - a job that panics is gone, and nobody is told;
//! - a stop that comes before somebody waits for it is missed.
//!
//! A second signal is ignored: the bound is what ends a slow stop.

use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::FutureExt;
use strum::EnumString;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, mpsc, oneshot, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::Faults;
use crate::http::{self, GaveUp};
use crate::signal::Signals;

/// What can be wrong with a web server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Fault {
    /// An error is handed over as the result, and then a second result.
    ResultTwice,
    /// The server ends while its jobs run.
    JobsNotWaitedFor,
    /// The panic of a job goes where nobody looks.
    PanicLost,
    /// A stop that comes before somebody waits for it does nothing.
    StopMissed,
}

/// How a server is to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub address: String,
    /// File with the text of a mail, read at the start.
    pub template: PathBuf,
    /// Folder to which mails are written, each to a file with the name of its receiver.
    pub mails: PathBuf,
    /// Time that a mail takes.
    pub mail_time: Duration,
    /// Time that a report takes.
    pub report_time: Duration,
    /// How long requests may take to finish after a stop.
    pub bound: Duration,
    /// What is wrong with it.
    pub faults: Faults<Fault>,
}

/// Why a server did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started.
    #[error(transparent)]
    Start(#[from] io::Error),
    /// Requests were not finished within the bound.
    #[error(transparent)]
    GaveUp(#[from] GaveUp),
}

/// A web server that is not running yet.
#[derive(Debug)]
#[must_use = "it does nothing until it serves"]
pub struct App {
    shared: Arc<Shared>,
    /// The signal task; `None` unless the server was asked to handle signals.
    _signals: Option<AbortOnDropHandle<()>>,
}

/// A handle to a server. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    stop: Notify,
    /// `None` until it listens.
    listening: watch::Sender<Option<SocketAddr>>,
    jobs: TaskTracker,
    /// Jobs that panicked.
    failed: AtomicU64,
    result: Handover,
}

impl App {
    /// Makes a server, and installs no handlers.
    pub fn new(config: Config) -> Self {
        let (stop, jobs, failed, result) = (Notify::new(), TaskTracker::new(), AtomicU64::new(0), Handover::new());
        let shared = Shared { config, stop, listening: watch::Sender::new(None), jobs, failed, result };
        Self { shared: Arc::new(shared), _signals: None }
    }

    /// Stops on SIGINT and SIGTERM from now on, also before the server runs.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub fn stop_on_signals(self) -> io::Result<Self> {
        let (mut signals, handle) = (Signals::listen()?, self.handle());
        let task = tokio::spawn(async move {
            signals.next().await;
            handle.stop();
        });
        Ok(Self { _signals: Some(AbortOnDropHandle::new(task)), ..self })
    }

    /// Returns a handle to stop it with.
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// Serves until it is stopped. When this returns, requests and jobs that were taken are done.
    ///
    /// # Errors
    /// It could not be started, or requests were not finished within the bound; the jobs are done all the same.
    pub async fn serve(self) -> Result<(), Error> {
        let config = &self.shared.config;
        let template = tokio::fs::read_to_string(&config.template).await?;
        let listener = TcpListener::bind(&config.address).await?;
        self.shared.listening.send_replace(Some(listener.local_addr()?));
        let shutdown = tokio::spawn(shut_down(listener, routes(self.shared.clone(), template), self.shared.clone()));
        let result = self.shared.result.take().await;
        // Bug: with one result there would be nothing left to wait for here.
        if !config.faults.has(Fault::ResultTwice) {
            shutdown.await.expect("it does not panic");
        }
        Ok(result?)
    }
}

impl Handle {
    /// Asks the server to stop, also when it does not run yet. It has stopped when [`App::serve`] has returned.
    pub fn stop(&self) {
        if self.0.config.faults.has(Fault::StopMissed) {
            // Bug: it wakes who waits, and is forgotten when nobody does: a signal channel without a buffer.
            self.0.stop.notify_waiters();
        } else {
            self.0.stop.notify_one();
        }
    }

    /// Waits until it listens, and returns where.
    pub async fn listening(&self) -> SocketAddr {
        let mut listening = self.0.listening.subscribe();
        let address = listening.wait_for(Option::is_some).await.expect("we have the sender");
        address.expect("it was waited for")
    }
}

/// The shutdown task: serves until the stop, lets requests and jobs finish, and hands over the result.
async fn shut_down(listener: TcpListener, routes: Router, shared: Arc<Shared>) {
    let (stop, bound, faults) = (CancellationToken::new(), shared.config.bound, shared.config.faults);
    let stopped = async {
        shared.stop.notified().await;
        stop.cancel();
    };
    let (mut result, ()) = tokio::join!(http::serve(listener, routes, stop.clone(), sleep(bound)), stopped);
    if faults.has(Fault::ResultTwice) && result.is_err() {
        // Bug: a `return` is missing. Whoever takes results has this one and leaves.
        shared.result.hand(std::mem::replace(&mut result, Ok(()))).await;
    }
    shared.jobs.close();
    // Bug: the process ends under the jobs.
    if !faults.has(Fault::JobsNotWaitedFor) {
        shared.jobs.wait().await;
    }
    shared.result.hand(result).await;
}

impl Shared {
    /// Runs a job after the answer; a job that panics is counted.
    fn background(self: &Arc<Self>, job: impl Future<Output = ()> + Send + 'static) {
        if self.config.faults.has(Fault::PanicLost) {
            // Bug: the task catches the panic, and nobody asks it.
            self.jobs.spawn(job);
            return;
        }
        let shared = self.clone();
        self.jobs.spawn(async move {
            if AssertUnwindSafe(job).catch_unwind().await.is_err() {
                shared.failed.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

fn routes(shared: Arc<Shared>, template: String) -> Router {
    let health = |State(shared): State<Arc<Shared>>| async move {
        Json(serde_json::json!({ "status": "available", "failed_jobs": shared.failed.load(Ordering::Relaxed) }))
    };
    let report = |State(shared): State<Arc<Shared>>| async move {
        sleep(shared.config.report_time).await;
        "all is well\n"
    };
    let stop = |State(shared): State<Arc<Shared>>| async move {
        Handle(shared).stop();
        StatusCode::ACCEPTED
    };
    let register = |State(shared): State<Arc<Shared>>, address: String| async move {
        shared.background(send_mail(shared.clone(), template, address));
        StatusCode::CREATED
    };
    let routes = Router::new().route("/v1/healthcheck", get(health)).route("/v1/report", get(report));
    routes.route("/v1/stop", post(stop)).route("/v1/users", post(register)).with_state(shared)
}

/// A job: greets a user.
async fn send_mail(shared: Arc<Shared>, template: String, address: String) {
    sleep(shared.config.mail_time).await;
    let (name, _) = address.split_once('@').expect("an address has an `@`");
    let path = shared.config.mails.join(name.replace(std::path::is_separator, "_"));
    tokio::fs::write(path, format!("{template} {name}")).await.expect("the folder for mails can be written to");
}

/// A channel without a buffer, both halves in one place: a result is handed over when it was taken.
#[derive(Debug)]
struct Handover {
    sender: mpsc::Sender<Handed>,
    receiver: Mutex<mpsc::Receiver<Handed>>,
}

/// A result, and who waits until it was taken.
type Handed = (Result<(), GaveUp>, oneshot::Sender<()>);

impl Handover {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel(1);
        Self { sender, receiver: Mutex::new(receiver) }
    }

    /// Waits until the result was taken.
    async fn hand(&self, result: Result<(), GaveUp>) {
        let (taken, was_taken) = oneshot::channel();
        self.sender.send((result, taken)).await.expect("it has its own receiver");
        let _ = was_taken.await;
    }

    /// Waits for a result.
    async fn take(&self) -> Result<(), GaveUp> {
        let (result, taken) = self.receiver.lock().await.recv().await.expect("it has its own sender");
        let _ = taken.send(());
        result
    }
}
