//! tokio#7905: the second Ctrl-C is swallowed, since nobody listens any more and the default is not restored.

use std::time::Duration;

use tokio::signal::ctrl_c;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::{Case, Form, Needs, Signal, case};

pub(crate) const CASE: Case =
    case!(LostSignal, serve_until_interrupted, Needs::Signals(&[Signal::Interrupt, Signal::Interrupt]));

/// How long draining may take. A second Ctrl-C that comes with the first one is not seen as one.
const DRAINED: Duration = Duration::from_secs(30);

async fn serve_until_interrupted(form: Form) {
    // The last client has stopped answering.
    let drained = Notify::new();
    ctrl_c().await.expect("signals can be heard");
    match form {
        // hang: the second Ctrl-C was meant to force an end.
        Form::Buggy => drained.notified().await,
        Form::Fixed => tokio::select! {
            () = drained.notified() => {}
            () = sleep(DRAINED) => {}
            again = ctrl_c() => again.expect("signals can be heard"),
        },
    }
}
