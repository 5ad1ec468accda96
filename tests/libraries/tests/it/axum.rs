//! `axum::serve` with `with_graceful_shutdown`, over real sockets.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use lightsout::{Check, Finding, Kind, Ticket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::claims::{PLACED, only};
use crate::stop_requested;

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Answers after 100 ms; a request that was taken is work that is to be done.
fn router() -> Router {
    let slow = get(async || {
        let taken = Ticket::new();
        sleep(Duration::from_millis(100)).await;
        taken.done();
        "hello"
    });
    Router::new().route("/", slow)
}

/// Makes a request on a connection of its own, and returns the answer; empty where the server has closed it before.
async fn ask(address: SocketAddr, keep: &str) -> io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(format!("GET / HTTP/1.1\r\nhost: it\r\nconnection: {keep}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// A request that was taken is answered as a whole, and one that was not is refused, whenever the signal comes; an idle connection
/// that its client keeps does not keep the server.
#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn requests_that_were_taken_are_answered_whenever_the_signals_come() {
    let stopped = stop_requested();
    let (listener, address) = listen().await;
    let clients = ["close", "keep-alive"].map(|keep| tokio::spawn(ask(address, keep)));
    axum::serve(listener, router()).with_graceful_shutdown(stopped).await.unwrap();
    for client in clients {
        let answer = client.await.unwrap().unwrap_or_default();
        assert!(answer.is_empty() || answer.ends_with("hello"), "{answer}");
    }
}

/// A client that has connected and says nothing does not keep the server.
#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn silent_client_does_not_keep_the_server() {
    let stopped = stop_requested();
    let (listener, address) = listen().await;
    let client = tokio::spawn(async move { TcpStream::connect(address).await?.read(&mut [0]).await });
    axum::serve(listener, router()).with_graceful_shutdown(stopped).await.unwrap();
    let _ = client.await.unwrap();
}

/// A connection of a client that has asked once, and may ask again.
async fn kept(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: it\r\n\r\n").await.unwrap();
    assert!(client.read(&mut [0; 512]).await.unwrap() > 0);
    client
}

/// A server without a graceful shutdown may be given up: its connections answer what they have taken, and end.
#[lightsout::test(start_paused = true)]
async fn connections_end_with_a_server_that_is_given_up() {
    let (listener, address) = listen().await;
    let server = tokio::spawn(axum::serve(listener, router()).into_future());
    let (mut idle, asking) = (kept(address).await, tokio::spawn(ask(address, "keep-alive")));
    sleep(Duration::from_millis(50)).await;
    server.abort();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    assert!(asking.await.unwrap().unwrap().ends_with("hello"));
}

/// One with a graceful shutdown may not, as in a `select!` with something that fails: it leaves the task that waits for its signal,
/// and that keeps the connections.
#[test]
fn server_that_is_given_up_before_its_signal_leaves_the_task_that_waits_for_it_and_its_connections() {
    let report = Check::new("given up").start_paused(true).run(|| async {
        let (listener, address) = listen().await;
        let server = axum::serve(listener, router()).with_graceful_shutdown(pending());
        let (_, client) = tokio::join!(timeout(Duration::from_secs(1), server.into_future()), kept(address));
        // The client stays as long as the test's thread.
        std::mem::forget(client);
    });
    assert_eq!(report.findings().iter().map(Finding::count).sum::<usize>(), 2, "{report}");
    for finding in report.findings() {
        assert_eq!(finding.kind(), Kind::LeakedTask, "{report}");
        if PLACED {
            assert!(finding.sites()[0].file.ends_with("src/serve/mod.rs"), "{report}");
        }
    }
}

/// A request of which only a part has come keeps the server for ever: the graceful shutdown has no bound of its own.
#[test]
fn half_a_request_keeps_the_server_for_ever() {
    let check = Check::new("half").start_paused(true).deadline(Duration::from_secs(1));
    let report = check.run(|| async {
        let (listener, address) = listen().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        let stop = sleep(Duration::from_secs(1));
        axum::serve(listener, router()).with_graceful_shutdown(stop).await.unwrap();
        drop(client);
    });
    only(&report, Kind::Hang);
}
