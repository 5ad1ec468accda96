//! tokio#7905: the second Ctrl-C is swallowed, since nobody listens any more and the default is not restored.

use std::future::pending;

use tokio::signal::ctrl_c;

use crate::{Case, Form, Needs, Signal, case};

pub(crate) const CASE: Case =
    case!(LostSignal, serve_until_interrupted, Needs::Signals(&[Signal::Interrupt, Signal::Interrupt]));

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
            again = ctrl_c() => again.expect("signals can be heard"),
        },
    }
}
