//! The server in one process, on a paused clock: bounds and work are virtual; and the binary with its signals.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use services::FAULTY;
use services::Faults::{self, Only};
use services::web::{App, Config, Error, Fault, Handle};
use tokio::task::JoinHandle;

use super::{CALLERS, absent, checked, loopback, refused};

/// Mails take 2 s, reports 1 s, and requests have 5 s to finish.
fn config(test: &str, faults: Faults<Fault>) -> Config {
    let template = absent(&format!("web-{test}-template"));
    fs::write(&template, "welcome").unwrap();
    let mails = template.with_extension("mails");
    fs::create_dir_all(&mails).unwrap();
    let (mail_time, report_time) = (Duration::from_secs(2), Duration::from_secs(1));
    let bound = Duration::from_secs(5);
    Config { address: loopback(), template, mails, mail_time, report_time, bound, faults }
}

/// Serves, and returns a client's view of it.
async fn serve(config: Config) -> Served {
    let app = App::new(config);
    let handle = app.handle();
    let serving = tokio::spawn(app.serve());
    let url = format!("http://{}/v1", handle.listening().await);
    Served { handle, url, serving, client: reqwest::Client::new() }
}

struct Served {
    handle: Handle,
    url: String,
    serving: JoinHandle<Result<(), Error>>,
    client: reqwest::Client,
}

impl Served {
    async fn get(&self, path: &str) -> String {
        let answer = self.client.get(format!("{}/{path}", self.url)).send().await.unwrap();
        answer.text().await.unwrap()
    }

    async fn post(&self, path: &str, body: &'static str) -> u16 {
        let answer = self.client.post(format!("{}/{path}", self.url)).body(body).send().await.unwrap();
        answer.status().as_u16()
    }

    /// Asks for the stop, and waits for it.
    async fn stop(self) -> Result<(), Error> {
        self.handle.stop();
        self.serving.await.unwrap()
    }
}

/// The mail of a test's only user, `ann@example.org`; taken away, so that it is seen once.
fn mail(mails: PathBuf) -> io::Result<String> {
    let path = mails.join("ann");
    let text = fs::read_to_string(&path)?;
    fs::remove_file(path).unwrap();
    Ok(text)
}

#[checked(start_paused = true)]
async fn mail_that_was_promised_is_sent_before_the_end() {
    let config = config("promised", Only(Fault::JobsNotWaitedFor));
    let mails = config.mails.clone();
    let server = serve(config).await;
    assert_eq!(server.post("users", "ann@example.org").await, 201);
    server.stop().await.unwrap();
    if FAULTY {
        assert_eq!(mail(mails).unwrap_err().kind(), ErrorKind::NotFound);
    } else {
        assert_eq!(mail(mails).unwrap(), "welcome ann");
    }
}

#[checked(start_paused = true)]
async fn request_that_was_taken_is_answered() {
    let server = serve(config("taken", Faults::None)).await;
    let (client, url) = (server.client.clone(), format!("{}/report", server.url));
    let answer = tokio::spawn(async move { client.get(url).send().await.unwrap().text().await.unwrap() });
    // The clock moves when the report is waited for.
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.stop().await.unwrap();
    assert_eq!(answer.await.unwrap(), "all is well\n");
}

#[checked(start_paused = true)]
async fn request_that_takes_too_long_is_given_up_and_jobs_are_done() {
    let config = Config { report_time: Duration::from_secs(60), ..config("too-long", Only(Fault::ResultTwice)) };
    let mails = config.mails.clone();
    let server = serve(config).await;
    let (client, url) = (server.client.clone(), format!("{}/report", server.url));
    let answer = tokio::spawn(async move { client.get(url).send().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(server.post("users", "ann@example.org").await, 201);
    let error = server.stop().await.unwrap_err();
    assert_eq!(error.to_string(), "gave up waiting for 1 connections");
    assert!(answer.await.unwrap().is_err());
    assert_eq!(mail(mails).unwrap(), "welcome ann");
}

#[checked(start_paused = true)]
async fn job_that_panics_is_counted_and_the_server_stops() {
    let server = serve(config("panics", Only(Fault::PanicLost))).await;
    assert_eq!(server.post("users", "nobody").await, 201);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let failed = if FAULTY { 0 } else { 1 };
    assert_eq!(server.get("healthcheck").await, format!(r#"{{"failed_jobs":{failed},"status":"available"}}"#));
    server.stop().await.unwrap();
}

#[checked(deadline = "3s")]
async fn stop_before_the_start_is_remembered() {
    let app = App::new(config("before", Only(Fault::StopMissed)));
    app.handle().stop();
    app.serve().await.unwrap();
}

#[checked]
async fn server_may_be_stopped_often() {
    let server = serve(config("often", Faults::None)).await;
    let handle = server.handle.clone();
    for _ in 0..3 {
        handle.stop();
    }
    server.stop().await.unwrap();
    handle.stop();
}

#[checked(flavor = "multi_thread", worker_threads = 2)]
async fn server_may_be_stopped_by_32_at_once() {
    let server = serve(config("at-once", Faults::None)).await;
    let stops: Vec<_> = (0..CALLERS)
        .map(|_| {
            let handle = server.handle.clone();
            tokio::spawn(async move { handle.stop() })
        })
        .collect();
    for stop in stops {
        stop.await.unwrap();
    }
    server.serving.await.unwrap().unwrap();
}

#[checked]
async fn server_may_be_stopped_by_one_of_its_own_requests() {
    let server = serve(config("own", Faults::None)).await;
    assert_eq!(server.post("stop", "").await, 202);
    server.serving.await.unwrap().unwrap();
}

#[checked]
async fn server_that_has_stopped_refuses_connections() {
    let server = serve(config("refuses", Faults::None)).await;
    let address = server.handle.listening().await;
    server.stop().await.unwrap();
    refused(address).await;
}

#[checked]
async fn server_that_cannot_start_says_why_and_leaves_nothing() {
    let config = config("cannot", Faults::None);
    fs::remove_file(&config.template).unwrap();
    let Err(Error::Start(cause)) = App::new(config).serve().await else { panic!("it started") };
    assert_eq!(cause.kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use crate::program::{Ended, Program};

    /// Starts the program; a mail takes 300 ms.
    fn start(config: &Config, fault: &str) -> Program {
        let (template, mails) = (config.template.to_str().unwrap(), config.mails.to_str().unwrap());
        Program::start(env!("CARGO_BIN_EXE_web"), &["127.0.0.1:0", template, mails, "300", "0", fault])
    }

    /// Starts the program, and registers a user.
    async fn at_work(config: &Config, fault: &str) -> Program {
        let mut program = start(config, fault);
        let url = format!("http://{}/v1/users", program.says("listening on").await);
        let answer = reqwest::Client::new().post(url).body("ann@example.org").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 201);
        program
    }

    fn assert_well(ended: &Ended) {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!((ended.errors.as_str(), ended.rest.last().unwrap().as_str()), ("", "stopped"));
    }

    #[checked]
    async fn signal_stops_the_server_when_its_mails_are_sent_unless_the_faulty_form_loses_them() {
        for signal in [SIGINT, SIGTERM] {
            let config = config("signal", Faults::None);
            let program = at_work(&config, "jobs-not-waited-for").await;
            program.signal(signal);
            assert_well(&program.end().await);
            assert_eq!(mail(config.mails).is_ok(), !FAULTY);
        }
    }

    #[checked]
    async fn further_signals_are_ignored() {
        let config = config("further", Faults::None);
        let program = at_work(&config, "none").await;
        for _ in 0..CALLERS {
            program.signal(SIGTERM);
            program.signal(SIGINT);
        }
        assert_well(&program.end().await);
        assert_eq!(mail(config.mails).unwrap(), "welcome ann");
    }

    /// The template is a pipe, so the start takes until somebody writes.
    #[checked]
    async fn signal_during_the_start_stops_the_server() {
        let config = config("pipe", Faults::None);
        fs::remove_file(&config.template).unwrap();
        mkfifo(&config.template, Mode::S_IRWXU).unwrap();
        let mut program = start(&config, "none");
        program.says("starting").await;
        program.signal(SIGTERM);
        tokio::fs::write(&config.template, "welcome").await.unwrap();
        assert_well(&program.end().await);
    }

    #[cfg(target_os = "linux")]
    #[checked]
    async fn server_handles_no_signal_unless_asked() {
        let server = serve(config("unasked", Faults::None)).await;
        assert!(!crate::program::handles(nix::unistd::Pid::this(), SIGTERM));
        server.stop().await.unwrap();
        let mut program = start(&config("asked", Faults::None), "none");
        program.says("listening on").await;
        assert!(program.handles(SIGTERM));
        program.signal(SIGTERM);
        assert_well(&program.end().await);
    }
}
