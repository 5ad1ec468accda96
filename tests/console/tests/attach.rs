//! A test that hangs, or has left a task, and somebody who attaches to it.
#![cfg(tokio_unstable)]

#[path = "../../it/again.rs"]
mod again;

use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Duration;

use console_api::instrument::InstrumentRequest;
use console_api::instrument::instrument_client::InstrumentClient;
use lightsout::Check;

use crate::again::again;

/// Ends the process that was attached to, however the test ends.
struct Attached(Child);

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs one of the tests below in a process of its own, with a console at this address.
fn start(test: &str, address: &str) -> Attached {
    let mut command = again(test);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env("LIGHTSOUT_CONSOLE", "1")
        .env("TOKIO_CONSOLE_BIND", address)
        .env("TOKIO_CONSOLE_PUBLISH_INTERVAL", "50ms");
    Attached(command.spawn().unwrap())
}

/// Returns the lines of this file at which the first tasks were spawned that the console tells of.
async fn spawned_at(address: &str) -> Vec<u32> {
    let client = loop {
        match InstrumentClient::connect(format!("http://{address}")).await {
            Ok(client) => break client,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let mut client = client;
    let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
    loop {
        let update = updates.message().await.unwrap().expect("the console goes on");
        let tasks = update.task_update.map(|update| update.new_tasks).unwrap_or_default();
        let places = tasks.into_iter().filter_map(|task| task.location).filter(|place| place.file() == file!());
        let lines: Vec<u32> = places.filter_map(|place| place.line).collect();
        if !lines.is_empty() {
            return lines;
        }
    }
}

/// Returns an address that nobody listens at.
fn address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[lightsout::test]
async fn task_of_a_test_that_hangs_is_read() {
    let address = address();
    let _attached = start("hangs", &address);
    assert_eq!(spawned_at(&address).await, [line!() + 14]);
}

#[lightsout::test]
async fn task_that_a_test_has_left_is_read() {
    let address = address();
    let _attached = start("leaves", &address);
    assert_eq!(spawned_at(&address).await, [line!() + 16]);
}

#[test]
#[ignore = "it hangs: somebody attaches to it"]
fn hangs() {
    let _ = Check::new("hangs").run(|| async {
        tokio::spawn(std::future::pending::<()>());
        std::future::pending::<()>().await;
    });
}

#[test]
#[ignore = "it is held: somebody attaches to it"]
fn leaves() {
    let _ = Check::new("leaves").start_paused(true).run(|| async {
        tokio::spawn(std::future::pending::<()>());
    });
}

#[test]
fn report_of_a_hang_says_how_to_look_at_it() {
    let report = Check::new("told").deadline(Duration::from_millis(50)).run(std::future::pending::<()>);
    let told = &report.findings()[0].evidence();
    assert!(told.iter().any(|line| line.about == "live" && line.seen.starts_with("run it with LIGHTSOUT_CONSOLE=1")));
}
