//! grpc-go#862: dialling is given up, and the connection that it had begun goes on connecting.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(NoExit, dial_and_give_up);

/// Tries to connect until it is told to stop.
async fn connect(stop: CancellationToken) {
    while stop.run_until_cancelled(sleep(Duration::from_millis(20))).await.is_some() {}
}

async fn dial(form: Form) {
    let stop = CancellationToken::new();
    // In Go a `defer` that closes the connection.
    let _close = (form == Form::Fixed).then(|| stop.clone().drop_guard());
    // leaked-task: who could stop it has given up.
    // waits for a timer.
    // waits for `CancellationToken::new()`, held by itself.
    let connecting = tokio::spawn(connect(stop));
    connecting.await.expect("it only tries");
}

async fn dial_and_give_up(form: Form) {
    assert!(timeout(Duration::from_millis(100), dial(form)).await.is_err());
}
