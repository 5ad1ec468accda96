//! The server in one process, with raw clients and the public client of NATS; and the binary with its signals.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::StreamExt;
use lightsout::Closable;
use services::Faults::{self, Only};
use services::group::Group;
use services::messaging::{Config, Fault, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{CALLERS, checked, loopback, refused};

fn config(faults: Faults<Fault>) -> Config {
    Config { address: loopback(), monitor: loopback(), no_signals: true, bound: Duration::from_secs(5), faults }
}

async fn start(faults: Faults<Fault>) -> Server {
    Server::start(config(faults)).await.unwrap()
}

/// A client that speaks the protocol by itself.
struct Raw(BufReader<TcpStream>);

impl Raw {
    async fn connect(server: &Server) -> Self {
        let mut client = Self(BufReader::new(TcpStream::connect(server.address()).await.unwrap()));
        assert!(client.line().await.starts_with("INFO {"));
        client
    }

    async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line
    }

    /// Says something, and waits until the server has done it.
    async fn done(&mut self, text: &str) {
        self.say(&format!("{text}PING\r\n")).await;
        assert_eq!(self.line().await, "PONG\r\n");
    }

    /// Reads until the server closes the connection.
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        // A server that gives up on a client may reset the connection.
        let _ = self.0.read_to_end(&mut rest).await;
        String::from_utf8(rest).unwrap()
    }
}

/// Waits until nothing of the server is reached.
async fn gone(server: &Server) {
    refused(server.address()).await;
    refused(server.monitor()).await;
}

#[checked]
async fn client_of_nats_can_connect_publish_subscribe_and_be_drained() {
    let server = start(Faults::None).await;
    let client = async_nats::connect(server.address().to_string()).await.unwrap();
    let mut lamps = client.subscribe("lamp.*").await.unwrap();
    client.publish("lamp.kitchen", "on".into()).await.unwrap();
    let message = lamps.next().await.unwrap();
    assert_eq!((message.subject.as_str(), &message.payload[..]), ("lamp.kitchen", &b"on"[..]));
    client.drain().await.unwrap();
    assert!(lamps.next().await.is_none());
    server.shutdown().await;
}

/// A client whose connection is lost while it drains connects again before it is over (async-nats 0.50), for ever unless it is
/// bounded.
#[checked]
async fn drain_of_a_client_may_race_the_shutdown() {
    let server = start(Faults::None).await;
    let options = async_nats::ConnectOptions::new().max_reconnects(1);
    let client = options.connect(server.address().to_string()).await.unwrap();
    let mut lamps = client.subscribe("lamp.*").await.unwrap();
    let drained = async {
        client.drain().await.unwrap();
        while lamps.next().await.is_some() {}
    };
    tokio::join!(drained, server.shutdown());
    gone(&server).await;
}

#[checked]
async fn messages_go_to_the_subscribers_of_their_subject() {
    let server = start(Faults::None).await;
    let (mut kitchen, mut all) = (Raw::connect(&server).await, Raw::connect(&server).await);
    kitchen.done("CONNECT {\"verbose\":false}\r\nSUB lamp.kitchen 1\r\n").await;
    all.done("SUB lamp.> 7\r\nSUB other 8\r\nUNSUB 8\r\n").await;
    kitchen.say("PUB lamp.kitchen 2\r\non\r\nPUB lamp.hall reply 3\r\noff\r\nPUB other 1\r\nx\r\nPING\r\n").await;
    for line in ["MSG lamp.kitchen 1 2\r\n", "on\r\n", "PONG\r\n"] {
        assert_eq!(kitchen.line().await, line);
    }
    for line in ["MSG lamp.kitchen 7 2\r\n", "on\r\n", "MSG lamp.hall 7 reply 3\r\n", "off\r\n"] {
        assert_eq!(all.line().await, line);
    }
    server.shutdown().await;
}

#[checked]
async fn what_breaks_the_protocol_ends_its_connection_only() {
    let server = start(Faults::None).await;
    let (mut good, mut bad) = (Raw::connect(&server).await, Raw::connect(&server).await);
    bad.say("CONNECT {\"verbose\":true}\r\nHELLO\r\n").await;
    assert_eq!(bad.rest().await, "+OK\r\n-ERR 'Unknown Protocol Operation'\r\n");
    good.done("").await;
    server.shutdown().await;
}

#[checked]
async fn monitor_and_event_subject_tell_who_is_there() {
    let server = start(Faults::None).await;
    let mut watcher = Raw::connect(&server).await;
    watcher.done("SUB $SYS.> 1\r\n").await;
    let other = Raw::connect(&server).await;
    for line in ["MSG $SYS.CONNECT 1 1\r\n", "1\r\n"] {
        assert_eq!(watcher.line().await, line);
    }
    let told = reqwest::get(format!("http://{}/varz", server.monitor())).await.unwrap().text().await.unwrap();
    assert_eq!(told, r#"{"connections":2,"subscriptions":1,"total_connections":2}"#);
    drop(other);
    assert_eq!(watcher.line().await, "MSG $SYS.DISCONNECT 1 1\r\n");
    server.shutdown().await;
}

/// As after a signal that both the embedding program and the server handle.
#[checked]
async fn program_and_server_may_both_shut_down() {
    let server = start(Only(Fault::ShutdownTwice)).await;
    let mut group = Group::new(Duration::from_secs(5), Faults::None);
    server.join(&mut group);
    let own = server.clone();
    let _ = tokio::join!(group.run(), tokio::spawn(async move { own.shutdown().await }));
    gone(&server).await;
}

#[checked(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_32_concurrent_shutdowns_returns_after_the_end() {
    let server = start(Only(Fault::ShutdownTwice)).await;
    let mut client = Raw::connect(&server).await;
    client.done("SUB lamp 1\r\n").await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let server = server.clone();
        callers.spawn(async move {
            server.shutdown().await;
            gone(&server).await;
        });
    }
    while callers.join_next().await.is_some() {}
    gone(&server).await;
}

#[checked]
async fn server_may_be_shut_down_again() {
    let server = start(Faults::None).await;
    for _ in 0..3 {
        server.shutdown().await;
        gone(&server).await;
    }
    server.stopped().await;
}

/// A program that goes on ends what the server still uses.
#[checked(order = "messaging < program")]
async fn whoever_comes_second_returns_after_the_end() {
    let server = start(Only(Fault::LosersReturnEarly)).await;
    let program = Closable::new("program");
    let second = async {
        server.shutdown().await;
        program.close();
    };
    tokio::join!(server.shutdown(), second);
}

#[checked]
async fn shutdown_goes_on_when_its_caller_is_dropped() {
    let server = start(Faults::None).await;
    assert!(futures_util::poll!(Box::pin(server.shutdown())).is_pending());
    server.stopped().await;
    gone(&server).await;
}

#[checked]
async fn connections_finish_before_what_they_use_is_released() {
    let server = start(Only(Fault::ReleasedFirst)).await;
    let mut client = Raw::connect(&server).await;
    client.done("").await;
    server.shutdown().await;
    assert_eq!(client.rest().await, "");
}

#[checked(deadline = "3s")]
async fn client_that_does_not_read_does_not_keep_the_server() {
    let faults = Only(Fault::FinishWithoutBound);
    let server = Server::start(Config { bound: Duration::from_millis(50), ..config(faults) }).await.unwrap();
    let (mut deaf, mut talker, mut other) =
        (Raw::connect(&server).await, Raw::connect(&server).await, Raw::connect(&server).await);
    deaf.done("SUB news 1\r\n").await;
    other.done("SUB lamp 1\r\n").await;
    // More than the buffers of a connection take.
    let news = format!("PUB news {}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    for _ in 0..32 {
        talker.done(&news).await;
    }
    talker.done("PUB lamp 2\r\non\r\n").await;
    server.shutdown().await;
    assert_eq!(other.rest().await, "MSG lamp 1 2\r\non\r\n");
    gone(&server).await;
}

#[checked]
async fn message_that_was_taken_is_delivered_when_the_server_is_shut_down() {
    let server = start(Faults::None).await;
    let (mut reader, mut talker) = (Raw::connect(&server).await, Raw::connect(&server).await);
    reader.done("SUB news 1\r\n").await;
    for _ in 0..100 {
        talker.say("PUB news 2\r\nhi\r\n").await;
    }
    talker.done("").await;
    server.shutdown().await;
    assert_eq!(reader.rest().await, "MSG news 1 2\r\nhi\r\n".repeat(100));
}

#[checked]
async fn server_that_cannot_start_leaves_nothing() {
    let taken = start(Faults::None).await;
    let monitor = taken.monitor().to_string();
    let error = Server::start(Config { monitor, ..config(Faults::None) }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    taken.shutdown().await;
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};
    use services::FAULTY;

    use services::signal::Signals;

    use super::*;
    use crate::program::{Ended, Program};

    const BINARY: &str = env!("CARGO_BIN_EXE_messaging");

    /// Starts the program, and connects to it.
    async fn serve(signals: &str, fault: &str) -> (Program, TcpStream) {
        let mut program = Program::start(BINARY, &["127.0.0.1:0", "127.0.0.1:0", signals, fault]);
        let client = TcpStream::connect(program.says("listening on").await).await.unwrap();
        (program, client)
    }

    fn assert_well(ended: &Ended) {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!((ended.errors.as_str(), ended.rest.last().unwrap().as_str()), ("", "stopped"));
    }

    /// A signal at any moment, also before the server has started.
    #[checked(signals = "SIGTERM, SIGTERM")]
    async fn signal_at_any_moment_shuts_the_server_down() {
        let server = Server::start(Config { no_signals: false, ..config(Faults::None) }).await.unwrap();
        server.stopped().await;
        gone(&server).await;
    }

    /// The program has the signals to itself, and its own order: a server that handles them too is gone under its sessions.
    #[checked(signals = "SIGTERM", order = "session < messaging")]
    async fn program_that_handles_signals_ends_its_sessions_before_the_server() {
        let mut signals = Signals::listen().unwrap();
        let server = start(Only(Fault::SignalsUnasked)).await;
        let session = Closable::new("session");
        signals.next().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        session.close();
        server.shutdown().await;
    }

    #[checked]
    async fn signal_shuts_the_server_down_whoever_handles_it() {
        for signals in ["host", "server"] {
            for signal in [SIGINT, SIGTERM] {
                let (program, _client) = serve(signals, "none").await;
                program.signal(signal);
                assert_well(&program.end().await);
            }
        }
    }

    #[checked]
    async fn burst_of_signals_is_one_shutdown() {
        let (program, _client) = serve("server", "none").await;
        for _ in 0..CALLERS {
            program.signal(SIGTERM);
            program.signal(SIGINT);
        }
        assert_well(&program.end().await);
    }

    #[checked]
    async fn signal_that_program_and_server_handle_stops_well_unless_both_faults_meet() {
        let (program, _client) = serve("host", "all").await;
        program.signal(SIGTERM);
        let ended = program.end().await;
        if FAULTY {
            assert!(ended.errors.contains("the parts are there to be closed"), "{ended:?}");
        } else {
            assert_well(&ended);
        }
    }

    #[cfg(target_os = "linux")]
    #[checked]
    async fn server_installs_no_handlers_unless_asked_or_faulty() {
        let (program, _client) = serve("server", "none").await;
        assert!(program.handles(SIGTERM));
        let (program, _client) = serve("nobody", "signals-unasked").await;
        assert_eq!(program.handles(SIGTERM), FAULTY);
        program.signal(SIGTERM);
        assert_eq!(program.end().await.status.success(), FAULTY);
    }
}
