//! A signal before the application listens for it. Nobody knows when that is but a process in which nothing listened before.

use std::process::Command;
use std::time::Duration;

use axum::Router;
use services::FAULTY;
use services::Faults::Only;
use services::application::{App, Config, Fault};
use services::watcher::Server;

use crate::LOOPBACK;

#[lightsout::test(signals = "SIGTERM", startup = "deny")]
#[ignore = "its faulty form fails: `signal_before_the_registration_ends_the_program` runs it"]
async fn application_may_be_signalled_while_it_starts() {
    let discovery = Server::start(LOOPBACK).await.unwrap();
    let config = Config {
        name: "app".to_owned(),
        discovery: discovery.address().to_string(),
        bound: Duration::from_secs(1),
        faults: Only(Fault::SignalsLate),
    };
    let app = App::new(config, |_| {}).http(LOOPBACK.to_owned(), Router::new());
    app.stop_on_signals().unwrap().run().await.unwrap();
    discovery.shutdown().await;
}

#[test]
fn signal_before_the_registration_ends_the_program() {
    let mut search = Command::new(std::env::current_exe().unwrap());
    search.args(["--exact", "application::application_may_be_signalled_while_it_starts", "--include-ignored"]);
    // What it finds is judged here, and by no gate.
    search.env_remove("LIGHTSOUT_REPORT_DIR");
    let run = search.output().unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert_eq!(run.status.success(), !FAULTY, "{text}");
    if FAULTY {
        assert!(text.contains("died: SIGTERM at boundary 1 ends the program at once, with this task alive"), "{text}");
    }
}
