//! The servers of an application: started together, and finished together within a bound.

use std::future::pending;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Config, Error, Fault};

/// Why a server failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a server is given.
#[derive(Debug)]
pub struct Context {
    started: mpsc::Sender<String>,
    /// Cancelled when the server is to finish.
    pub stop: CancellationToken,
}

impl Context {
    /// Says that the server has started, and where it is reached.
    pub async fn ready(&self, endpoint: String) {
        // It fails when nobody waits for it any more.
        let _ = self.started.send(endpoint).await;
    }
}

/// A server that has not been started.
pub(super) type Serve = Box<dyn FnOnce(Context) -> BoxFuture<'static, Result<(), Failure>> + Send>;

/// The servers that run.
pub(super) struct Servers(FuturesUnordered<JoinHandle<Result<(), Error>>>);

impl Servers {
    pub(super) fn start(servers: Vec<Serve>, stop: &CancellationToken) -> (Self, Started) {
        let start = |serve: Serve| {
            let (started, has_started) = mpsc::channel(1);
            let stop = stop.clone();
            let serving = serve(Context { started, stop: stop.clone() });
            let task = tokio::spawn(async move {
                serving.await.map_err(Error::Server)?;
                if stop.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
            });
            (task, has_started)
        };
        let (servers, started) = servers.into_iter().map(start).unzip();
        (Self(servers), Started(started))
    }

    /// Waits until one returns; `None` when all have.
    pub(super) async fn returned(&mut self) -> Option<Result<(), Error>> {
        Some(self.0.next().await?.unwrap_or_else(|unfinished| Err(unfinished.into())))
    }

    /// Waits until all have finished, within the bound and until `force`, and returns the first failure.
    pub(super) async fn finish(
        mut self,
        mut result: Result<(), Error>,
        config: &Config,
        force: &CancellationToken,
    ) -> Result<(), Error> {
        let over = async {
            // Bug: the time to finish is measured by the context whose cancel began the stop.
            if !config.faults.has(Fault::StopContextCancelled) {
                sleep(config.bound).await;
            }
        };
        let mut over = std::pin::pin!(over);
        loop {
            let returned = tokio::select! {
                biased;
                () = &mut over, if !force.is_cancelled() => { force.cancel(); continue }
                () = force.cancelled() => { self.0.iter().for_each(JoinHandle::abort); self.returned().await }
                returned = self.returned() => returned,
            };
            let Some(returned) = returned else { return result };
            result = match returned {
                // Bug: the last one wins, and those who were asked to finish say that they were cancelled.
                returned if config.faults.has(Fault::CauseMasked) && result.is_err() => returned,
                Err(Error::Cancelled) => result,
                returned => result.and(returned),
            };
        }
    }
}

/// What each server says that has started.
pub(super) struct Started(Vec<mpsc::Receiver<String>>);

impl Started {
    /// Waits until all have, and returns where they are reached.
    pub(super) async fn all(self) -> Vec<String> {
        let mut endpoints = Vec::new();
        for mut started in self.0 {
            match started.recv().await {
                Some(endpoint) => endpoints.push(endpoint),
                // It has failed, and that is for others to see.
                None => pending().await,
            }
        }
        endpoints
    }
}
