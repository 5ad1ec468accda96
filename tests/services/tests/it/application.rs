//! The application in one process, with a real discovery service; and the binary with its signals.

use std::future::pending;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use lightsout::Ticket;
use services::FAULTY;
use services::Faults::{self, Only};
use services::application::Moment::{AfterStart, AfterStop, BeforeStart, BeforeStop};
use services::application::{App, Config, Context, Error, Fault, Moment};
use services::watcher::{Server, Store};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{CALLERS, checked, loopback, refused};

/// What the hooks saw, in order.
type Moments = Arc<Mutex<Vec<Moment>>>;

/// A discovery service, and an application that is registered there once it runs.
struct World {
    discovery: Server,
    moments: Moments,
    app: App,
}

async fn world(faults: Faults<Fault>) -> World {
    let discovery = Server::start(loopback()).await.unwrap();
    let (moments, bound) = (Moments::default(), Duration::from_secs(1));
    let config = Config { name: "app".to_owned(), discovery: discovery.address().to_string(), bound, faults };
    let hook = {
        let moments = moments.clone();
        move |moment| moments.lock().unwrap().push(moment)
    };
    World { app: App::new(config, hook), discovery, moments }
}

/// Adds a server that answers after 100 ms.
fn http(app: App) -> App {
    let slow = get(async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "hello"
    });
    app.http(loopback(), Router::new().route("/", slow))
}

/// What was registered, from first to last, if anybody had watched.
async fn watched(discovery: &Server) -> impl AsyncFnOnce() -> Vec<String> {
    let store = Store::connect(discovery.address()).await.unwrap();
    let watcher = store.watch(&CancellationToken::new()).await.unwrap();
    async move || {
        store.put("end", "of test").await.unwrap();
        let (updates, mut seen) = (watcher.updates(), Vec::new());
        while let Some(update) = updates.next().await.filter(|update| update.name != "end") {
            seen.push(update.text);
        }
        watcher.stop().await;
        store.close().await;
        seen
    }
}

/// Waits until nothing is reached there.
async fn gone(endpoints: &[String]) {
    for endpoint in endpoints {
        refused(endpoint.strip_prefix("http://").unwrap()).await;
    }
}

#[checked]
async fn servers_are_registered_while_they_serve() {
    let World { discovery, moments, app } = world(Faults::None).await;
    let seen = watched(&discovery).await;
    let app = http(http(app));
    let handle = app.handle();
    let running = tokio::spawn(app.run());
    let endpoints = handle.registered().await;
    assert_eq!(reqwest::get(&endpoints[1]).await.unwrap().text().await.unwrap(), "hello");
    handle.stop().await;
    running.await.unwrap().unwrap();
    gone(&endpoints).await;
    assert_eq!(seen().await, [endpoints.join(","), "gone".to_owned()]);
    assert_eq!(*moments.lock().unwrap(), [BeforeStart, AfterStart, BeforeStop, AfterStop]);
    discovery.shutdown().await;
}

#[checked]
async fn servers_are_stopped_when_the_registration_fails() {
    let World { discovery, moments, app } = world(Only(Fault::ServersLeftRunning)).await;
    let address = discovery.address();
    discovery.shutdown().await;
    refused(address).await;
    let Err(Error::Register(cause)) = http(http(app)).run().await else { panic!("not the cause") };
    assert_eq!(cause.kind(), ErrorKind::ConnectionRefused);
    assert!(!moments.lock().unwrap().contains(&AfterStart));
}

#[checked(deadline = "3s")]
async fn servers_are_stopped_when_the_deregistration_fails() {
    let World { discovery, app, .. } = world(Only(Fault::CancelSkipped)).await;
    let app = http(app);
    let handle = app.handle();
    let stop = async {
        handle.registered().await;
        discovery.shutdown().await;
        handle.stop().await;
    };
    let (result, ()) = tokio::join!(app.run(), stop);
    let Err(Error::Deregister(cause)) = result else { panic!("not the cause: {result:?}") };
    assert_eq!(cause.kind(), ErrorKind::NotConnected);
}

#[checked(flavor = "multi_thread", worker_threads = 2)]
async fn all_stops_together_deregister_once() {
    let World { discovery, moments, app } = world(Only(Fault::StopTwice)).await;
    let seen = watched(&discovery).await;
    let app = http(app);
    let handle = app.handle();
    let running = tokio::spawn(app.run());
    handle.registered().await;
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let handle = handle.clone();
        callers.spawn(async move { handle.stop().await });
    }
    callers.join_all().await;
    running.await.unwrap().unwrap();
    handle.stop().await;
    let stops = moments.lock().unwrap().iter().filter(|moment| **moment == BeforeStop).count();
    let gone = seen().await.iter().filter(|text| *text == "gone").count();
    // In the faulty form there are more, and what the application says of its end tells of it.
    if !FAULTY {
        assert_eq!((stops, gone), (1, 1));
    }
    discovery.shutdown().await;
}

/// A failure that somebody must be told of: its ticket is lost with it.
#[derive(Debug)]
struct NoMorePaper(Ticket);

impl std::fmt::Display for NoMorePaper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no more paper")
    }
}

impl std::error::Error for NoMorePaper {}

#[checked]
async fn server_that_fails_is_the_cause() {
    let World { discovery, app, .. } = world(Only(Fault::CauseMasked)).await;
    let (fail, fails) = oneshot::channel::<()>();
    let app = http(app).server(async move |context: Context| {
        context.ready("broken".to_owned()).await;
        let _ = fails.await;
        let untold = Ticket::new();
        Err(NoMorePaper(untold).into())
    });
    let handle = app.handle();
    let running = tokio::spawn(app.run());
    handle.registered().await;
    fail.send(()).unwrap();
    match running.await.unwrap() {
        Err(Error::Server(cause)) => cause.downcast::<NoMorePaper>().unwrap().0.done(),
        Err(Error::Cancelled) if FAULTY => {}
        masked => panic!("not the cause: {masked:?}"),
    }
    discovery.shutdown().await;
}

#[checked]
async fn request_that_was_taken_is_answered() {
    let World { discovery, app, .. } = world(Only(Fault::StopContextCancelled)).await;
    let (taken, was_taken) = oneshot::channel();
    let taken = Arc::new(Mutex::new(Some(taken)));
    let slow = get(async move || {
        let accepted = Ticket::new();
        taken.lock().unwrap().take().unwrap().send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        accepted.done();
        "hello"
    });
    let app = app.http(loopback(), Router::new().route("/", slow));
    let handle = app.handle();
    let running = tokio::spawn(app.run());
    let answer = tokio::spawn(reqwest::get(handle.registered().await.remove(0)));
    was_taken.await.unwrap();
    handle.stop().await;
    let (result, answer) = (running.await.unwrap(), answer.await.unwrap());
    if !FAULTY {
        result.unwrap();
        assert_eq!(answer.unwrap().text().await.unwrap(), "hello");
    }
    discovery.shutdown().await;
}

#[checked(deadline = "3s")]
async fn server_that_cannot_start_is_the_cause_and_the_others_are_unwound() {
    let World { discovery, moments, app } = world(Only(Fault::StartNeverEnds)).await;
    let seen = watched(&discovery).await;
    let taken = discovery.address().to_string();
    let result = http(http(app).http(taken, Router::new())).run().await;
    let Err(Error::Server(cause)) = result else { panic!("not the cause: {result:?}") };
    assert_eq!(cause.downcast::<std::io::Error>().unwrap().kind(), ErrorKind::AddrInUse);
    assert_eq!(seen().await, [""; 0]);
    assert_eq!(*moments.lock().unwrap(), [BeforeStart, BeforeStop, AfterStop]);
    discovery.shutdown().await;
}

#[checked]
async fn stop_before_the_start_is_remembered() {
    let World { discovery, app, .. } = world(Faults::None).await;
    let seen = watched(&discovery).await;
    app.handle().stop().await;
    http(app).run().await.unwrap();
    assert_eq!(seen().await, [""; 0]);
    discovery.shutdown().await;
}

#[checked]
async fn stop_during_the_start_is_remembered() {
    let World { discovery, app, .. } = world(Faults::None).await;
    let handle = app.handle();
    let app = http(app).server(async move |context: Context| {
        // From inside: this server is never ready.
        handle.stop().await;
        context.stop.cancelled().await;
        Ok(())
    });
    app.run().await.unwrap();
    discovery.shutdown().await;
}

#[checked]
async fn application_may_be_stopped_by_one_of_its_own_requests() {
    let World { discovery, app, .. } = world(Faults::None).await;
    let handle = app.handle();
    let own = handle.clone();
    let stop = get(async move || {
        own.stop().await;
        "stopping"
    });
    let running = tokio::spawn(app.http(loopback(), Router::new().route("/", stop)).run());
    let url = handle.registered().await.remove(0);
    assert_eq!(reqwest::get(url).await.unwrap().text().await.unwrap(), "stopping");
    running.await.unwrap().unwrap();
    discovery.shutdown().await;
}

#[checked(start_paused = true)]
async fn server_that_does_not_stop_is_aborted_and_the_others_are_stopped() {
    let World { discovery, app, .. } = world(Faults::None).await;
    let seen = watched(&discovery).await;
    let app = http(app).server(async |context: Context| {
        context.ready("deaf".to_owned()).await;
        pending().await
    });
    let handle = app.handle();
    let running = tokio::spawn(app.run());
    let endpoints = handle.registered().await;
    handle.stop().await;
    assert!(matches!(running.await.unwrap(), Err(Error::Unfinished(_))));
    gone(&endpoints[..1]).await;
    assert_eq!(seen().await, [endpoints.join(","), "gone".to_owned()]);
    discovery.shutdown().await;
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};
    use tokio::io::{AsyncBufReadExt, BufReader};
    use tokio::net::TcpListener;

    use super::*;
    use crate::program::{Ended, Program};

    fn start(discovery: &str, work: &str, fault: &str) -> Program {
        Program::start(env!("CARGO_BIN_EXE_application"), &[discovery, "app", work, fault])
    }

    /// An application, and the address of a discovery service that is yet to start: nothing runs before the application listens.
    fn world_to_come(faults: Faults<Fault>) -> (App, String) {
        // Left at once, and nobody else has this host.
        let listener = std::net::TcpListener::bind(loopback()).unwrap();
        let discovery = listener.local_addr().unwrap().to_string();
        let bound = Duration::from_secs(3600);
        let config = Config { name: "app".to_owned(), discovery: discovery.clone(), bound, faults };
        (App::new(config, |_| ()), discovery)
    }

    /// A signal that comes while an application runs and does not listen yet ends it where it stands.
    #[cfg(all(tokio_unstable, target_os = "linux"))]
    #[checked(signals = "SIGTERM", startup = "deny")]
    async fn signals_are_handled_before_anything_runs() {
        let (app, discovery) = world_to_come(Only(Fault::SignalsLate));
        let app = http(app).stop_on_signals().unwrap();
        let discovery = Server::start(discovery).await.unwrap();
        app.run().await.unwrap();
        discovery.shutdown().await;
    }

    /// A server that does not finish, and an hour for it: the second signal takes that away.
    #[cfg(target_os = "linux")]
    #[checked(signals = "SIGINT, SIGTERM")]
    async fn second_signal_takes_the_time_to_finish_away() {
        let (app, discovery) = world_to_come(Only(Fault::SecondSignalSwallowed));
        let app = app.server(async |context: Context| {
            context.ready("deaf".to_owned()).await;
            pending().await
        });
        let app = app.stop_on_signals().unwrap();
        let discovery = Server::start(discovery).await.unwrap();
        assert!(matches!(app.run().await, Err(Error::Unfinished(_))));
        discovery.shutdown().await;
    }

    fn assert_well(ended: &Ended) {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!((ended.errors.as_str(), ended.rest.last().unwrap().as_str()), ("", "stopped"));
    }

    #[checked]
    async fn signal_stops_the_application() {
        let discovery = Server::start("127.0.0.1:0").await.unwrap();
        for signal in [SIGINT, SIGTERM] {
            let seen = watched(&discovery).await;
            let mut program = start(&discovery.address().to_string(), "0", "none");
            program.says("listening on").await;
            program.signal(signal);
            assert_well(&program.end().await);
            assert_eq!(seen().await.last().unwrap(), "gone");
        }
        discovery.shutdown().await;
    }

    #[checked]
    async fn burst_of_signals_deregisters_once() {
        let discovery = Server::start("127.0.0.1:0").await.unwrap();
        let seen = watched(&discovery).await;
        let mut program = start(&discovery.address().to_string(), "0", "none");
        program.says("listening on").await;
        for _ in 0..CALLERS {
            program.signal(SIGTERM);
            program.signal(SIGINT);
        }
        program.end().await;
        assert_eq!(seen().await.iter().filter(|text| *text == "gone").count(), 1);
        discovery.shutdown().await;
    }

    /// The discovery service takes the request and does not answer, so the start takes until something else ends it.
    #[checked]
    async fn signal_during_the_start_stops_the_application_unless_it_kills_the_faulty_form() {
        let discovery = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let program = start(&discovery.local_addr().unwrap().to_string(), "0", "signals-late");
        let mut requests = BufReader::new(discovery.accept().await.unwrap().0).lines();
        assert!(requests.next_line().await.unwrap().unwrap().starts_with("PUT app http://"));
        program.signal(SIGTERM);
        if FAULTY {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(program.end().await.status.signal(), Some(SIGTERM as i32));
        } else {
            drop(requests);
            let ended = program.end().await;
            assert_eq!(ended.rest, ["starting", "BeforeStart", "BeforeStop", "AfterStop"]);
        }
    }

    #[checked]
    async fn second_signal_takes_the_time_to_finish_away_unless_the_faulty_form_swallows_it() {
        let discovery = Server::start("127.0.0.1:0").await.unwrap();
        for (first, second) in [(SIGINT, SIGINT), (SIGTERM, SIGTERM), (SIGINT, SIGTERM), (SIGTERM, SIGINT)] {
            let work = if FAULTY { "300" } else { "1000000" };
            let mut program = start(&discovery.address().to_string(), work, "second-signal-swallowed");
            let url = program.says("listening on").await.split(' ').next().unwrap().to_owned();
            let mut client = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
            let answer = tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                client.write_all(b"GET / HTTP/1.1\r\nhost: app\r\n\r\n").await.unwrap();
                let mut answer = String::new();
                let _ = client.read_to_string(&mut answer).await;
                answer
            });
            program.says("at work").await;
            program.signal(first);
            program.says("BeforeStop").await;
            program.signal(second);
            let (ended, answer) = (program.end().await, answer.await.unwrap());
            if FAULTY {
                assert!(answer.ends_with("hello\n"), "{answer}");
                assert_well(&ended);
            } else {
                assert_eq!((ended.status.code(), answer.as_str()), (Some(1), ""), "{ended:?}");
            }
        }
        discovery.shutdown().await;
    }

    #[cfg(target_os = "linux")]
    #[checked]
    async fn application_handles_no_signal_unless_asked() {
        let World { discovery, app, .. } = world(Faults::None).await;
        app.handle().stop().await;
        http(app).run().await.unwrap();
        assert!(!crate::program::handles(nix::unistd::Pid::this(), SIGTERM));
        discovery.shutdown().await;
    }
}
