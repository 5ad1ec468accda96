//! A stop that nobody waits for yet, and jobs that the stop does not wait for.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use lightsout::Kind;
use services::Faults::{self, Only};
use services::web::{App, Config, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{BOUND, LOOPBACK, alone, file, found_unless_fixed, search};

/// Mails take 2 s.
fn config(test: &str, faults: Faults<Fault>) -> Config {
    let template = file(&format!("web-{test}"), "welcome");
    let mails = template.with_extension("mails");
    fs::create_dir_all(&mails).unwrap();
    let (mail_time, report_time) = (Duration::from_secs(2), Duration::from_secs(1));
    Config { address: LOOPBACK.to_owned(), template, mails, mail_time, report_time, bound: BOUND, faults }
}

#[test]
fn signal_before_somebody_waits_for_it_is_missed() {
    let _alone = alone();
    let config = config("missed", Only(Fault::StopMissed));
    let report = search("stop missed", 1).run(move || {
        let config = config.clone();
        async move { App::new(config).stop_on_signals().unwrap().serve().await }
    });
    found_unless_fixed(&report, Kind::Hang, "web.rs");
}

/// Registers a user, who is sent a mail; a server that has stopped does not answer.
async fn register(address: SocketAddr) -> Option<()> {
    let mut client = TcpStream::connect(address).await.ok()?;
    let request =
        "POST /v1/users HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 15\r\n\r\nann@example.org";
    client.write_all(request.as_bytes()).await.ok()?;
    client.read_to_end(&mut Vec::new()).await.ok()?;
    Some(())
}

#[test]
fn signal_under_a_job_leaves_it_behind() {
    let _alone = alone();
    let config = config("jobs", Only(Fault::JobsNotWaitedFor));
    let report = search("jobs not waited for", 1).run(move || {
        let config = config.clone();
        async move {
            let app = App::new(config).stop_on_signals().unwrap();
            let handle = app.handle();
            let serving = tokio::spawn(app.serve());
            register(handle.listening().await).await;
            serving.await.unwrap().unwrap();
        }
    });
    found_unless_fixed(&report, Kind::LeakedTask, "web.rs");
}
