//! `async-nats` against the messaging server of this repository, and against `nats-server` where that is installed.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use lightsout::{Check, Finding, Kind, Report};
use services::Faults;
use services::messaging::{Config, Server};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::claims::{HOOKED, PLACED, said};
use crate::stop_requested;

async fn server() -> Server {
    let any = || "127.0.0.1:0".to_owned();
    let config = Config {
        address: any(),
        monitor: any(),
        no_signals: true,
        bound: Duration::from_secs(1),
        faults: Faults::None,
    };
    Server::start(config).await.unwrap()
}

async fn connect(server: &Server) -> Client {
    async_nats::connect(server.address().to_string()).await.unwrap()
}

/// Drains, and claims what the documentation of `Client::drain` does: "existing subscriptions are closed and further commands will
/// fail".
async fn drained(client: Client, mut subscription: async_nats::Subscriber) {
    client.drain().await.unwrap();
    while subscription.next().await.is_some() {}
    assert!(client.subscribe("lamp").await.is_err());
}

/// "Flushes any remaining messages, then closes the connection": whenever the signal comes that begins it.
#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn drained_client_is_over() {
    let stopped = stop_requested();
    let server = server().await;
    let client = connect(&server).await;
    let subscription = client.subscribe("lamp").await.unwrap();
    client.publish("lamp", "on".into()).await.unwrap();
    stopped.await;
    drained(client, subscription).await;
    server.shutdown().await;
}

/// A client ends when its last handle is dropped.
#[lightsout::test(signals = "SIGTERM")]
async fn dropped_client_is_over() {
    let stopped = stop_requested();
    let server = server().await;
    let client = connect(&server).await;
    let mut subscription = client.subscribe("lamp").await.unwrap();
    client.publish("lamp", "on".into()).await.unwrap();
    assert_eq!(subscription.next().await.unwrap().payload, "on");
    stopped.await;
    drop((client, subscription));
    server.shutdown().await;
}

/// Claims that the two tasks of a client are all that is left: the one that connects again and again, and the one that waits for its
/// events.
#[track_caller]
fn only_a_client_is_left(report: &Report) {
    let left: usize = report.findings().iter().map(Finding::count).sum();
    assert_eq!(left, 2, "{report}");
    for finding in report.findings() {
        assert_eq!(finding.kind(), Kind::LeakedTask, "{report}");
        if PLACED {
            assert!(finding.sites()[0].file.ends_with("async-nats-0.50.0/src/lib.rs"), "{report}");
        }
    }
    if HOOKED {
        let connects = report.findings().last().unwrap();
        assert!(said(connects, "state").starts_with("looping"), "{report}");
    }
}

/// A client whose server goes before it has drained connects again and again, although its user has let go of it.
#[test]
fn client_that_drains_when_its_server_goes_connects_for_ever() {
    let report = Check::new("drain").start_paused(true).run(|| async {
        let server = server().await;
        let client = connect(&server).await;
        client.flush().await.unwrap();
        client.drain().await.unwrap();
        server.shutdown().await;
        drop(client);
        sleep(Duration::from_secs(3600)).await;
    });
    only_a_client_is_left(&report);
}

/// The same without a drain: a client that is connecting does not see that its last handle is dropped.
#[test]
fn client_that_is_dropped_while_it_connects_connects_for_ever() {
    let report = Check::new("drop").start_paused(true).run(|| async {
        let server = server().await;
        let client = connect(&server).await;
        server.shutdown().await;
        sleep(Duration::from_secs(60)).await;
        drop(client);
        sleep(Duration::from_secs(3600)).await;
    });
    only_a_client_is_left(&report);
}

/// With a bound for its attempts it ends.
#[lightsout::test(start_paused = true)]
async fn client_that_may_not_connect_again_is_over() {
    let server = server().await;
    let options = async_nats::ConnectOptions::new().max_reconnects(1);
    let client = options.connect(server.address().to_string()).await.unwrap();
    client.flush().await.unwrap();
    client.drain().await.unwrap();
    server.shutdown().await;
}

/// Starts the real server on a port of its own, and returns it with its address; `None`, said loudly, where it is not installed.
async fn nats_server() -> Option<(Child, String)> {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    match command.kill_on_drop(true).spawn() {
        Ok(child) => Some((child, format!("127.0.0.1:{port}"))),
        Err(error) => {
            // Past the harness, which keeps what a test prints.
            let _ = writeln!(std::io::stderr(), "SKIPPED: nats-server cannot be started: {error}");
            None
        }
    }
}

async fn connected(address: &str) -> Client {
    loop {
        match async_nats::connect(address).await {
            Ok(client) => return client,
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What holds with our server holds with the real one.
#[lightsout::test]
async fn drained_client_of_the_real_server_is_over() {
    let Some((mut real, address)) = nats_server().await else { return };
    let client = connected(&address).await;
    let mut subscription = client.subscribe("lamp").await.unwrap();
    client.publish("lamp", "on".into()).await.unwrap();
    assert_eq!(subscription.next().await.unwrap().payload, "on");
    drained(client, subscription).await;
    real.kill().await.unwrap();
}

/// And what does not, does not.
#[test]
fn client_of_the_real_server_that_drains_when_it_goes_connects_for_ever() {
    if std::process::Command::new("nats-server").arg("-v").output().is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: nats-server cannot be started");
        return;
    }
    let drained = || {
        Check::new("drain, real").run(|| async {
            let Some((mut real, address)) = nats_server().await else { return };
            let client = connected(&address).await;
            client.flush().await.unwrap();
            client.drain().await.unwrap();
            real.kill().await.unwrap();
            drop(client);
            sleep(Duration::from_millis(200)).await;
        })
    };
    // Whether the client has drained before its server has gone is a matter of luck.
    let mut reports = (0..20).map(|_| drained());
    only_a_client_is_left(&reports.find(|report| !report.is_clean()).expect("one of them is late"));
}
