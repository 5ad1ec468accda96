//! common: a client that reconnects tries, sleeps and tries again for ever, and nobody waits for the outcome.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(NoExit, connect_and_give_up);

async fn connect() -> Result<(), &'static str> {
    Err("connection refused")
}

async fn reconnect(form: Form, stop: CancellationToken) {
    while connect().await.is_err() {
        let pause = sleep(Duration::from_millis(100));
        match form {
            Form::Buggy => pause.await,
            Form::Fixed if stop.run_until_cancelled(pause).await.is_none() => return,
            Form::Fixed => {}
        }
    }
}

async fn connect_and_give_up(form: Form) {
    let stop = CancellationToken::new();
    // leaked-task: it is never parked for long, and never done.
    // waits for a timer.
    tokio::spawn(reconnect(form, stop.clone()));
    sleep(Duration::from_millis(250)).await;
    stop.cancel();
}
