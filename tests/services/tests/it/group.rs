//! Actors that return, fail, hang and panic, in one process; and the binary with its signals.

use std::future::{pending, ready};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, io};

use services::Faults::{self, Only};
use services::group::{Echo, Error, Fault, Group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{CALLERS, absent, checked};

const PATIENCE: Duration = Duration::from_secs(1);

/// A file with the greeting `hello`.
fn greeting(test: &str) -> PathBuf {
    let path = absent(&format!("group-{test}"));
    fs::write(&path, "hello\n").unwrap();
    path
}

fn group(faults: Faults<Fault>) -> Group {
    Group::new(PATIENCE, faults)
}

fn echo(test: &str, faults: Faults<Fault>) -> Echo {
    Echo::new("127.0.0.1:0", greeting(test), Duration::ZERO, faults)
}

fn add_echo(group: &mut Group, name: &'static str, echo: &Echo) {
    let actor = echo.clone();
    group.add(name, echo.clone().execute(), move || {
        actor.interrupt();
        ready(())
    });
}

/// Names of actors, in the order in which they were interrupted.
type Interrupted = Arc<Mutex<Vec<&'static str>>>;

/// Adds an actor that runs until it is interrupted, and that may be interrupted once.
fn add_worker(group: &mut Group, name: &'static str, interrupted: &Interrupted) {
    let (quit, asked) = oneshot::channel::<()>();
    let (quit, interrupted) = (Mutex::new(Some(quit)), interrupted.clone());
    let execute = async {
        let _ = asked.await;
        Ok(())
    };
    group.add(name, execute, move || {
        let quit = quit.lock().unwrap().take();
        drop(quit.expect("an actor is interrupted once"));
        interrupted.lock().unwrap().push(name);
        ready(())
    });
}

fn add_failing(group: &mut Group) {
    group.add("failing", async { Err("no more paper".into()) }, || ready(()));
}

fn assert_failed(result: Result<(), Error>, expected: &str) {
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[checked]
async fn every_actor_is_interrupted_once_and_in_order() {
    let mut group = group(Only(Fault::InterruptTwice));
    let interrupted = Interrupted::default();
    add_worker(&mut group, "first", &interrupted);
    add_failing(&mut group);
    add_worker(&mut group, "last", &interrupted);
    assert_failed(group.run().await, "actor `failing` failed: no more paper");
    assert_eq!(*interrupted.lock().unwrap(), ["first", "last"]);
}

#[checked(flavor = "multi_thread", worker_threads = 2)]
async fn actors_may_return_at_the_same_time() {
    let mut group = group(Faults::None);
    let interrupted = Interrupted::default();
    for _ in 0..CALLERS {
        group.add("idle", async { Ok(()) }, || ready(()));
    }
    add_worker(&mut group, "worker", &interrupted);
    group.run().await.unwrap();
    assert_eq!(*interrupted.lock().unwrap(), ["worker"]);
}

#[checked(deadline = "3s")]
async fn interrupt_before_the_start_is_remembered() {
    let mut group = group(Faults::None);
    let echo = echo("before", Only(Fault::InterruptTooEarly));
    add_echo(&mut group, "echo", &echo);
    echo.interrupt();
    group.run().await.unwrap();
}

#[checked]
async fn actor_may_be_interrupted_often() {
    let mut group = group(Faults::None);
    let echo = echo("often", Faults::None);
    add_echo(&mut group, "echo", &echo);
    let running = tokio::spawn(group.run());
    echo.listening().await;
    for _ in 0..CALLERS {
        echo.interrupt();
    }
    running.await.unwrap().unwrap();
    echo.interrupt();
}

#[checked]
async fn actor_may_interrupt_itself() {
    let mut group = group(Faults::None);
    let echo = echo("itself", Faults::None);
    let own = echo.clone();
    let execute = async move {
        own.interrupt();
        own.execute().await
    };
    group.add("echo", execute, move || {
        echo.interrupt();
        ready(())
    });
    group.run().await.unwrap();
}

#[checked(start_paused = true, deadline = "3s")]
async fn interrupt_that_hangs_does_not_keep_later_actors_running() {
    let mut group = group(Only(Fault::InterruptWithoutBound));
    let interrupted = Interrupted::default();
    group.add("deaf", pending(), pending);
    add_worker(&mut group, "last", &interrupted);
    group.add("done", async { Ok(()) }, || ready(()));
    assert_failed(group.run().await, "actor `deaf` could not be interrupted");
    assert_eq!(*interrupted.lock().unwrap(), ["last"]);
}

#[checked(allow(panic = "no brakes", reason = "the group is to survive it"))]
async fn interrupt_that_panics_does_not_keep_later_actors_running() {
    let mut group = group(Faults::None);
    let interrupted = Interrupted::default();
    group.add("broken", pending(), || async { panic!("no brakes") });
    add_worker(&mut group, "last", &interrupted);
    group.add("done", async { Ok(()) }, || ready(()));
    assert_failed(group.run().await, "actor `broken` could not be interrupted");
    assert_eq!(*interrupted.lock().unwrap(), ["last"]);
}

#[checked]
async fn actor_that_cannot_start_is_the_cause_and_the_others_are_unwound() {
    let mut group = group(Faults::None);
    let interrupted = Interrupted::default();
    add_worker(&mut group, "first", &interrupted);
    let taken = echo("taken", Faults::None);
    add_echo(&mut group, "echo", &taken);
    let echo = Echo::new("127.0.0.1:0", absent("group-no-greeting"), Duration::ZERO, Faults::None);
    add_echo(&mut group, "no greeting", &echo);
    let Err(Error::Failed("no greeting", cause)) = group.run().await else { panic!("not the cause") };
    assert_eq!(cause.downcast::<io::Error>().unwrap().kind(), io::ErrorKind::NotFound);
    assert_eq!(*interrupted.lock().unwrap(), ["first"]);
}

#[checked]
async fn line_that_was_read_before_the_interrupt_is_answered() {
    let mut group = group(Faults::None);
    let echo = Echo::new("127.0.0.1:0", greeting("accepted"), Duration::from_millis(50), Faults::None);
    add_echo(&mut group, "echo", &echo);
    let running = tokio::spawn(group.run());
    let mut client = TcpStream::connect(echo.listening().await).await.unwrap();
    client.write_all(b"world\n").await.unwrap();
    // The greeting comes when the line was read.
    client.read_exact(&mut [0; "hello ".len()]).await.unwrap();
    echo.interrupt();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "world\n");
    running.await.unwrap().unwrap();
}

#[checked]
async fn group_that_is_dropped_aborts_its_actors() {
    let mut group = group(Faults::None);
    let (started, has_started) = oneshot::channel();
    let execute = async {
        started.send(()).unwrap();
        pending().await
    };
    group.add("endless", execute, || ready(()));
    tokio::select! {
        _ = group.run() => panic!("it is endless"),
        started = has_started => started.unwrap(),
    }
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use services::FAULTY;

    use super::*;
    use crate::program::{Ended, Program};

    const FORCED: &str = "Error: forced to stop\n";

    fn start(greeting: &std::path::Path, work: &str, fault: &str) -> Program {
        Program::start(env!("CARGO_BIN_EXE_group"), &[greeting.to_str().unwrap(), work, "127.0.0.1:0", fault])
    }

    /// Starts the program, and gives it a line on which it works for this long.
    async fn at_work(test: &str, work: &str, fault: &str) -> (Program, TcpStream) {
        let mut program = start(&greeting(test), work, fault);
        let mut client = TcpStream::connect(program.says("listening on").await).await.unwrap();
        client.write_all(b"world\n").await.unwrap();
        client.read_exact(&mut [0; "hello ".len()]).await.unwrap();
        (program, client)
    }

    fn assert_well(ended: &Ended) {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(ended.errors, "");
        assert_eq!(ended.rest.last().unwrap(), "stopped");
    }

    fn assert_forced(ended: &Ended) {
        assert_eq!((ended.status.code(), ended.errors.as_str()), (Some(1), FORCED), "{ended:?}");
    }

    #[checked]
    async fn signal_stops_the_group() {
        for signal in [SIGINT, SIGTERM] {
            let mut program = start(&greeting("signal"), "0", "none");
            program.says("listening on").await;
            program.signal(signal);
            program.says("stopping").await;
            assert_well(&program.end().await);
        }
    }

    /// An actor that does not return: the second signal does not wait for it.
    #[checked(signals = "SIGINT, SIGTERM")]
    async fn second_signal_means_now() {
        let mut group = group(Only(Fault::SecondSignalSwallowed));
        group.handle_signals().unwrap();
        group.add("deaf", pending(), || ready(()));
        assert!(matches!(group.run().await, Err(Error::Forced)));
    }

    #[checked]
    async fn second_signal_forces_unless_the_faulty_form_swallows_it() {
        for (first, second) in [(SIGINT, SIGINT), (SIGTERM, SIGTERM), (SIGINT, SIGTERM), (SIGTERM, SIGINT)] {
            let work = if FAULTY { "300" } else { "1000000" };
            let (mut program, mut client) = at_work("second", work, "second-signal-swallowed").await;
            program.signal(first);
            program.says("stopping").await;
            program.signal(second);
            let mut answer = String::new();
            let _ = client.read_to_string(&mut answer).await;
            if FAULTY {
                assert_eq!(answer, "world\n");
                assert_well(&program.end().await);
            } else {
                assert_eq!(answer, "");
                assert_forced(&program.end().await);
            }
        }
    }

    /// A burst may come as one signal or as more: an idle group has stopped well, or was forced, and nothing else.
    #[checked]
    async fn burst_of_signals_stops_the_group_or_forces_it() {
        let mut program = start(&greeting("burst"), "0", "none");
        program.says("listening on").await;
        for _ in 0..CALLERS {
            program.signal(SIGTERM);
            program.signal(SIGINT);
        }
        let ended = program.end().await;
        if ended.status.success() { assert_well(&ended) } else { assert_forced(&ended) }
    }

    /// The greeting is a pipe, so the start takes until somebody writes.
    #[checked]
    async fn signal_during_the_start_stops_the_group() {
        let pipe = absent("group-pipe");
        mkfifo(&pipe, Mode::S_IRWXU).unwrap();
        let mut program = start(&pipe, "0", "none");
        program.says("starting").await;
        program.signal(SIGTERM);
        program.says("stopping").await;
        tokio::fs::write(&pipe, "hello").await.unwrap();
        assert_well(&program.end().await);
    }

    #[cfg(target_os = "linux")]
    #[checked]
    async fn group_that_is_not_asked_to_handles_no_signal() {
        let mut group = group(Faults::None);
        add_failing(&mut group);
        group.run().await.unwrap_err();
        assert!(!crate::program::handles(nix::unistd::Pid::this(), SIGTERM));
        let mut program = start(&greeting("handles"), "0", "none");
        program.says("listening on").await;
        assert!(program.handles(SIGTERM));
        program.signal(SIGTERM);
        assert_well(&program.end().await);
    }
}
