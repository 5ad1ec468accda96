//! An application: servers that start together, are registered with a discovery service while they serve, and stop together.
//!
//! ```text
//! start all --> all have started --> register --> serve --stop, signal or failure--> deregister --> cancel --> servers finish
//! ```
//!
//! After the `App` of kratos. Its mistakes, one [`Fault`] each, are all in how one of these steps fails. In the fixed form a stop
//! may come at any time, also before the start; what was started is stopped, whatever fails; the caller sees the first failure; and a
//! second signal means now.

mod discovery;
mod servers;

pub use self::servers::{Context, Failure};

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use strum::EnumString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use self::discovery::Discovery;
use self::servers::{Serve, Servers, Started};
use crate::signal::Signals;
use crate::{Faults, http};

/// What can be wrong with an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Fault {
    /// The registration fails, and the servers are left running.
    ServersLeftRunning,
    /// The deregistration fails, and nothing is cancelled.
    CancelSkipped,
    /// Each stop deregisters.
    StopTwice,
    /// Signals are handled only once the application is registered.
    SignalsLate,
    /// A second signal does nothing.
    SecondSignalSwallowed,
    /// The failure that began the end is replaced by what it led to.
    CauseMasked,
    /// The time to finish is over before it begins.
    StopContextCancelled,
    /// A server fails to start, and the others are waited for.
    StartNeverEnds,
}

/// Why an application did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A server failed.
    #[error("server failed: {0}")]
    Server(#[source] Failure),
    /// A server panicked, or did not finish in time and was aborted.
    #[error("server did not finish: {0}")]
    Unfinished(#[from] JoinError),
    /// It could not be registered.
    #[error("failed to register: {0}")]
    Register(#[source] io::Error),
    /// It could not be deregistered.
    #[error("failed to deregister: {0}")]
    Deregister(#[source] io::Error),
    /// What a server says that was stopped.
    #[error("cancelled")]
    Cancelled,
}

/// When a hook is called: each once, if it comes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Moment {
    BeforeStart,
    AfterStart,
    BeforeStop,
    AfterStop,
}

/// How an application is to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// One word, under which it is registered.
    pub name: String,
    /// Where the discovery service is.
    pub discovery: String,
    /// How long servers may take to finish, and the discovery service to answer.
    pub bound: Duration,
    /// What is wrong with it.
    pub faults: Faults<Fault>,
}

/// An application that does not run yet.
#[must_use = "it does nothing until it is run"]
pub struct App {
    shared: Arc<Shared>,
    servers: Vec<Serve>,
    /// The signal task; `None` unless it was asked to handle signals.
    signals: Option<AbortOnDropHandle<()>>,
}

/// A handle to an application. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

struct Shared {
    config: Config,
    hook: Box<dyn Fn(Moment) + Send + Sync>,
    discovery: Discovery,
    /// The first act of a stop sets it.
    stopping: AtomicBool,
    /// Cancelled when the servers are to finish.
    cancel: CancellationToken,
    /// Cancelled when there is no more time to finish.
    force: CancellationToken,
    /// Why the deregistration failed, if it did.
    deregistered: Mutex<Result<(), Error>>,
    /// Where the servers are reached; `None` until it is registered.
    registered: watch::Sender<Option<Vec<String>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.config.fmt(f)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shared.fmt(f)
    }
}

impl App {
    /// Makes an application without servers, which calls `hook` as it goes along.
    pub fn new(config: Config, hook: impl Fn(Moment) + Send + Sync + 'static) -> Self {
        let shared = Shared {
            hook: Box::new(hook),
            discovery: Discovery::new(config.discovery.clone(), config.name.clone()),
            stopping: AtomicBool::new(false),
            cancel: CancellationToken::new(),
            force: CancellationToken::new(),
            deregistered: Mutex::new(Ok(())),
            registered: watch::Sender::new(None),
            config,
        };
        Self { shared: Arc::new(shared), servers: Vec::new(), signals: None }
    }

    /// Adds a server: it calls [`Context::ready`], and returns when it has failed or was stopped.
    pub fn server<F>(mut self, serve: impl FnOnce(Context) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.servers.push(Box::new(move |context| Box::pin(serve(context))));
        self
    }

    /// Adds an HTTP server.
    pub fn http(self, address: String, routes: Router) -> Self {
        self.server(async move |context| {
            let listener = TcpListener::bind(&address).await?;
            context.ready(format!("http://{}", listener.local_addr()?)).await;
            // The application bounds it.
            Ok(http::serve(listener, routes, context.stop, pending()).await?)
        })
    }

    /// Stops on SIGINT and SIGTERM from now on, also before it runs; a second signal takes the time to finish away.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub fn stop_on_signals(mut self) -> io::Result<Self> {
        let Handle(shared) = self.handle();
        let faults = shared.config.faults;
        let early = (!faults.has(Fault::SignalsLate)).then(Signals::listen).transpose()?;
        self.signals = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let mut signals = match early {
                Some(signals) => signals,
                None => {
                    // Bug: until then, a signal kills the process, with servers that run and a registration that stays.
                    Handle(shared.clone()).registered().await;
                    Signals::listen().expect("handlers can be installed")
                }
            };
            signals.next().await;
            let second = async {
                // Bug: the handlers stay and nobody reads, so a person who presses Ctrl-C again waits all the same.
                if !faults.has(Fault::SecondSignalSwallowed) {
                    signals.next().await;
                    shared.force.cancel();
                }
            };
            tokio::join!(shared.stop(), second);
        })));
        Ok(self)
    }

    /// Returns a handle to stop it with.
    pub fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// Runs until it is stopped, or a step or a server fails. When this returns, everything has stopped.
    ///
    /// # Errors
    /// The first failure, whatever it led to.
    pub async fn run(self) -> Result<(), Error> {
        let Self { shared, servers, signals: _signals } = self;
        (shared.hook)(Moment::BeforeStart);
        let (mut servers, started) = Servers::start(servers, &shared.cancel);
        let result = shared.serve(&mut servers, started).await;
        // Bug: an early return. The servers are tasks of their own, and go on.
        if shared.config.faults.has(Fault::ServersLeftRunning) && matches!(result, Err(Error::Register(_))) {
            return result;
        }
        shared.stop().await;
        let result = servers.finish(result, &shared.config, &shared.force).await;
        shared.discovery.close().await;
        (shared.hook)(Moment::AfterStop);
        info!(component = "application", closing = "end", "stopped");
        let deregistered = std::mem::replace(&mut *shared.deregistered.lock().expect("no holder panics"), Ok(()));
        result.and(deregistered)
    }
}

impl Handle {
    /// Deregisters and asks the servers to finish. All have when [`App::run`] has returned.
    ///
    /// May be called often, at the same time, and before the application runs: all calls together are one stop, and each returns
    /// after the servers were asked.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    /// Waits until it is registered, and returns where the servers are reached.
    pub async fn registered(&self) -> Vec<String> {
        let mut registered = self.0.registered.subscribe();
        let endpoints = registered.wait_for(Option::is_some).await.expect("we have the sender");
        endpoints.clone().expect("it was waited for")
    }
}

impl Shared {
    /// Takes the application up, and returns when it is to stop.
    async fn serve(&self, servers: &mut Servers, started: Started) -> Result<(), Error> {
        let watched = !self.config.faults.has(Fault::StartNeverEnds);
        let endpoints = tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Ok(()),
            endpoints = started.all() => endpoints,
            // Bug: nobody looks at the servers while they start. One that failed will never say that it has started.
            Some(returned) = servers.returned(), if watched => return returned,
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Ok(()),
            Some(returned) = servers.returned() => returned,
            Err(error) = self.register(endpoints) => Err(error),
        }
    }

    /// Registers, and returns only if that fails.
    async fn register(&self, endpoints: Vec<String>) -> Result<(), Error> {
        self.discovery.register(&endpoints).await.map_err(Error::Register)?;
        (self.hook)(Moment::AfterStart);
        self.registered.send_replace(Some(endpoints));
        pending().await
    }

    async fn stop(&self) {
        let first = self.stopping.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok();
        // Bug: nobody asks who is first.
        if !first && !self.config.faults.has(Fault::StopTwice) {
            return self.cancel.cancelled().await;
        }
        // When the first caller is dropped half-way, the others are not to wait for ever.
        let cancel = self.cancel.clone().drop_guard();
        info!(component = "application", closing = "begin", "stopping");
        (self.hook)(Moment::BeforeStop);
        let deregistered = timeout(self.config.bound, self.discovery.deregister()).await;
        if let Err(error) = deregistered.unwrap_or_else(|late| Err(late.into())) {
            *self.deregistered.lock().expect("no holder panics") = Err(Error::Deregister(error));
            // Bug: an early return, before the servers are asked to finish.
            if self.config.faults.has(Fault::CancelSkipped) {
                cancel.disarm();
            }
        }
    }
}
