//! fiber#185: only SIGINT is handled, and SIGTERM kills the process in the middle of its work.

use tokio::signal::unix::{SignalKind, signal};

use crate::{Case, Form, Needs, Signal, case};

pub(crate) const CASE: Case = case!(LostSignal, serve_until_told_to_stop, Needs::Signals(&[Signal::Terminate]));

async fn serve_until_told_to_stop(form: Form) {
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be heard");
    if form == Form::Buggy {
        // died: a supervisor sends SIGTERM, for which nobody listens.
        interrupt.recv().await;
        return;
    }
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be heard");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
