//! HTTP on TCP, with a stop that has a bound: what the services with an HTTP server share.
//!
//! `axum::serve` would be shorter. It detaches its connections, so one that does not end could be neither waited for nor aborted.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Pause after a failed accept, so that a lack of file descriptors is not answered with a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Requests were not finished when the server gave up waiting for them; their connections were aborted.
#[derive(Debug, thiserror::Error)]
#[error("gave up waiting for {0} connections")]
pub struct GaveUp(usize);

/// Serves until `stop`, and then until every request that has begun is answered or `give_up` ends.
///
/// `give_up` is not polled before the stop. When this returns, no task is left; dropping the future aborts them.
///
/// # Errors
/// Requests were not finished when `give_up` ended.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    give_up: impl Future<Output = ()>,
) -> Result<(), GaveUp> {
    let mut connections = JoinSet::new();
    let accepting = async {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((socket, _)) => drop(connections.spawn(converse(socket, router.clone(), stop.clone()))),
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
    };
    let _: Option<Infallible> = stop.run_until_cancelled(accepting).await;
    drop(listener);
    tokio::select! {
        biased;
        () = async { while connections.join_next().await.is_some() {} } => return Ok(()),
        () = give_up => {}
    }
    let left = connections.len();
    connections.shutdown().await;
    Err(GaveUp(left))
}

/// One connection, until the client leaves or the server stops between two requests.
async fn converse(socket: TcpStream, router: Router, stop: CancellationToken) {
    let _ = socket.set_nodelay(true);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    // What the connection ends with is between hyper and the client.
    if stop.run_until_cancelled(connection.as_mut()).await.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
