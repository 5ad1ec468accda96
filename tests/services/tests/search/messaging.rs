//! A second signal under a shutdown, and a shutdown under a client.

use lightsout::Kind;
use services::Faults::{self, Only};
use services::messaging::{Config, Fault, Server};
use services::signal::{Signals, stop_requested};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{BOUND, LOOPBACK, alone, found_unless_fixed, search};

async fn start(faults: Faults<Fault>) -> Server {
    let (address, monitor) = (LOOPBACK.to_owned(), LOOPBACK.to_owned());
    Server::start(Config { address, monitor, no_signals: true, bound: BOUND, faults }).await.unwrap()
}

/// A host that shuts its server down at each signal, until that has stopped.
async fn host(faults: Faults<Fault>) {
    let mut signals = Signals::listen().unwrap();
    let server = start(faults).await;
    let mut shutdowns = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = signals.next() => {
                let server = server.clone();
                shutdowns.spawn(async move { server.shutdown().await });
            }
            () = server.stopped() => break,
        }
    }
    while shutdowns.join_next().await.is_some() {}
}

#[test]
fn second_signal_closes_what_is_gone() {
    let _alone = alone();
    let report = search("shutdown twice", 2).run(|| host(Only(Fault::ShutdownTwice)));
    found_unless_fixed(&report, Kind::TaskPanic, "messaging.rs");
}

/// Says hello and good bye; a server that has stopped does not answer.
async fn client(server: &Server) -> Option<()> {
    let mut client = TcpStream::connect(server.address()).await.ok()?;
    client.write_all(b"PING\r\n").await.ok()?;
    let read = client.read(&mut [0; 1_024]).await.ok()?;
    (read > 0).then_some(())
}

#[test]
fn signal_under_a_client_releases_what_its_connection_uses() {
    let _alone = alone();
    let report = search("released first", 1).run(|| async {
        let stop = stop_requested().unwrap();
        let server = start(Only(Fault::ReleasedFirst)).await;
        let visited = server.clone();
        let visiting = tokio::spawn(async move { client(&visited).await });
        stop.await;
        server.shutdown().await;
        let _ = visiting.await.unwrap();
    });
    found_unless_fixed(&report, Kind::TaskPanic, "messaging/events.rs");
}
