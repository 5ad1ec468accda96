//! The monitor: tells by HTTP that the server is alive, and who is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::{Json, Router as HttpRouter, routing};

use super::router::Router;

/// What the monitor tells.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Connections that are there.
    pub(super) connections: AtomicU64,
    /// Connections since the start.
    pub(super) total: AtomicU64,
}

pub(super) fn routes(counters: Arc<Counters>, router: Arc<Router>) -> HttpRouter {
    let varz = |State((counters, router)): State<(Arc<Counters>, Arc<Router>)>| async move {
        Json(serde_json::json!({
            "connections": counters.connections.load(Ordering::Relaxed),
            "total_connections": counters.total.load(Ordering::Relaxed),
            "subscriptions": router.len(),
        }))
    };
    let routes =
        HttpRouter::new().route("/healthz", routing::get(|| async { Json(serde_json::json!({ "status": "ok" })) }));
    routes.route("/varz", routing::get(varz)).with_state((counters, router))
}
