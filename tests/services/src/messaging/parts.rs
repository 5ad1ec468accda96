//! What runs in a server, and the stages in which it is stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connections;
use super::events::Events;
use super::monitor::{self, Counters};
use super::router::Router;
use super::{Config, Fault};
use crate::{Faults, http};

/// What runs, and how each part is stopped.
#[derive(Debug)]
pub(super) struct Parts {
    connections: Connections,
    events: Events,
    router: Arc<Router>,
    monitoring: CancellationToken,
    /// The event system and the monitor.
    tasks: TaskTracker,
    bound: Duration,
    faults: Faults<Fault>,
}

impl Parts {
    pub(super) fn start(clients: TcpListener, monitor: TcpListener, config: &Config) -> Self {
        let (tasks, router, monitoring) = (TaskTracker::new(), Arc::new(Router::default()), CancellationToken::new());
        let counters = Arc::new(Counters::default());
        let events = Events::start(&tasks, router.clone(), counters.clone());
        let connections = Connections::start(clients, router.clone(), events.clone());
        let (routes, bound) = (monitor::routes(counters, router.clone()), config.bound);
        let stop = monitoring.clone();
        tasks.spawn(async move { http::serve(monitor, routes, stop, sleep(bound)).await });
        tasks.close();
        Self { connections, events, router, monitoring, tasks, bound, faults: config.faults }
    }

    /// The stages.
    pub(super) async fn stop(self) {
        self.connections.stop_accepting().await;
        if self.faults.has(Fault::ReleasedFirst) {
            // Bug: connections that are still finishing tell the event system of their end, and it is closed.
            self.events.close();
        }
        self.finish_connections().await;
        self.events.close();
        self.monitoring.cancel();
        self.tasks.wait().await;
    }

    /// Stops to read everywhere, and then writes what is on its way: nothing that was read is lost.
    async fn finish_connections(&self) {
        self.connections.stop_reading().await;
        self.router.clear();
        let bound = match self.faults.has(Fault::FinishWithoutBound) {
            // Bug: a client that does not read what it is sent keeps the server.
            true => Duration::MAX,
            false => self.bound,
        };
        if timeout(bound, self.connections.written()).await.is_err() {
            self.connections.abort().await;
        }
    }
}
