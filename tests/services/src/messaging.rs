//! A messaging server that a program can embed: subjects, subscribers, and a text protocol on TCP.
//!
//! After the NATS server, whose clients can talk to it, embedded in a program that handles signals as well. Its parts:
//!
//! ```text
//! listener --> connections --> router --> connections        (one reader and one writer a connection)
//!                   `--------> events --> router, counters <-- monitor (HTTP)
//! ```
//!
//! Its mistake, and that of the faulty form: program and server both handle the signal, both shut the server down, and the second
//! one closes what is gone already. To mend it took three parts, each with its own [`Fault`]:
//! - who owns the handlers is said: the server installs its own unless [`Config::no_signals`];
//! - shutting down twice is one shutdown: a compare-and-swap is its first act, and the losers return after it is complete too;
//! - its order: stop to accept, let connections finish within a bound, and only then release what they use.

mod connection;
mod events;
mod monitor;
mod parts;
mod protocol;
mod router;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use strum::EnumString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::parts::Parts;
use crate::Faults;
use crate::group::Group;
use crate::signal::Signals;

/// What can be wrong with a messaging server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Fault {
    /// The server installs its handlers although it was told that somebody else does.
    SignalsUnasked,
    /// A second shutdown closes what is gone already.
    ShutdownTwice,
    /// Whoever comes second returns at once, before the shutdown is complete.
    LosersReturnEarly,
    /// What connections use is released before they have finished.
    ReleasedFirst,
    /// A connection that does not finish is waited for without a bound.
    FinishWithoutBound,
}

/// How a server is to run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect.
    pub address: String,
    /// Where the monitor answers.
    pub monitor: String,
    /// The embedding program handles signals itself.
    pub no_signals: bool,
    /// How long connections may take to finish.
    pub bound: Duration,
    /// What is wrong with it.
    pub faults: Faults<Fault>,
}

/// A running server. Clones are the same one. It ends by [`Server::shutdown`] or by a signal, and not by being dropped.
#[derive(Clone, Debug)]
pub struct Server(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    monitor: SocketAddr,
    /// The first act of a shutdown sets it.
    shutting_down: AtomicBool,
    /// `None` when a shutdown has taken them.
    parts: Mutex<Option<Parts>>,
    /// Cancelled when a shutdown is complete.
    complete: CancellationToken,
    faults: Faults<Fault>,
}

impl Server {
    /// Starts all parts. Both addresses are bound, and the handlers installed, before anything runs.
    ///
    /// # Errors
    /// An address could not be bound, or the handlers not be installed.
    pub async fn start(config: Config) -> io::Result<Self> {
        let clients = TcpListener::bind(&config.address).await?;
        let monitor = TcpListener::bind(&config.monitor).await?;
        // Bug: in a program that handles signals too, there are two now who shut down.
        let own_signals = !config.no_signals || config.faults.has(Fault::SignalsUnasked);
        let signals = own_signals.then(Signals::listen).transpose()?;
        let server = Self(Arc::new(Shared {
            address: clients.local_addr()?,
            monitor: monitor.local_addr()?,
            shutting_down: AtomicBool::new(false),
            parts: Mutex::new(Some(Parts::start(clients, monitor, &config))),
            complete: CancellationToken::new(),
            faults: config.faults,
        }));
        info!(component = "messaging", id = server.address().port(), opened = true, "listening");
        if let Some(signals) = signals {
            tokio::spawn(server.clone().shutdown_on(signals));
        }
        Ok(server)
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// Where the monitor answers: `/healthz` and `/varz`.
    pub fn monitor(&self) -> SocketAddr {
        self.0.monitor
    }

    /// Ends the server in stages: stops to accept, lets connections finish within the bound, releases the rest.
    ///
    /// May be called often and at the same time: every call returns after the shutdown is complete, and it goes on when a caller
    /// is dropped half-way.
    pub async fn shutdown(&self) {
        let Shared { shutting_down, parts, complete, faults, .. } = &*self.0;
        let first = shutting_down.compare_exchange(false, true, Ordering::AcqRel, Ordering::Acquire).is_ok();
        // Bug: nobody asks who is first. In Go the second one closes a channel that is nil by then.
        if first || faults.has(Fault::ShutdownTwice) {
            let parts = parts.lock().expect("no holder of the lock panics").take();
            let parts = parts.expect("the parts are there to be closed");
            let (complete, id) = (complete.clone().drop_guard(), self.address().port());
            info!(component = "messaging", id, closing = "begin", "shutting down");
            tokio::spawn(async move {
                parts.stop().await;
                info!(component = "messaging", id, closing = "end", "shut down");
                drop(complete);
            });
        } else if faults.has(Fault::LosersReturnEarly) {
            // Bug: the swap is there, but a program that gets here goes on as if all was over, and ends.
            return;
        }
        complete.cancelled().await;
    }

    /// Waits until a shutdown is complete, whoever asked for it.
    pub async fn stopped(&self) {
        self.0.complete.cancelled().await;
    }

    /// Makes the server an actor of a group.
    pub fn join(&self, group: &mut Group) {
        let (executed, interrupted) = (self.clone(), self.clone());
        let execute = async move {
            executed.stopped().await;
            Ok(())
        };
        group.add("messaging", execute, move || {
            let server = interrupted.clone();
            async move { server.shutdown().await }
        });
    }

    async fn shutdown_on(self, mut signals: Signals) {
        tokio::select! {
            () = signals.next() => self.shutdown().await,
            () = self.stopped() => {}
        }
    }
}
