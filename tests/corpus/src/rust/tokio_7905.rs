//! tokio#7905: the second Ctrl-C is swallowed, since nobody listens any more and the default is not restored.

use std::future::pending;
use std::time::Duration;

use tokio::signal::ctrl_c;
use tokio::time::sleep;

use crate::{Case, Form, Needs, Signal, case};

pub(crate) const CASE: Case =
    case!(LostSignal, serve_until_interrupted, Needs::Signals(&[Signal::Interrupt, Signal::Interrupt]));

/// How long draining may take. A second Ctrl-C that comes with the first one is not seen as one.
const DRAINED: Duration = Duration::from_secs(30);

/// Waits for a client that has stopped answering.
async fn drain() {
    pending().await
}

async fn serve_until_interrupted(form: Form) {
    ctrl_c().await.expect("signals can be heard");
    match form {
        // hang: the second Ctrl-C was meant to force an end.
        Form::Buggy => drain().await,
        Form::Fixed => tokio::select! {
            () = drain() => {}
            () = sleep(DRAINED) => {}
            again = ctrl_c() => again.expect("signals can be heard"),
        },
    }
}
