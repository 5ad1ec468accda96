//! vector-store#518: `select!` drops the owner at the stop, and what the owner had spawned is orphaned.

use std::future::pending;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(Orphan, stop_the_engine);

/// Builds an index in the background, for as long as it is wanted.
async fn engine(form: Form) {
    // leaked-task: its owner is dropped, and its handle only lets go.
    // waits for nothing.
    let build = tokio::spawn(build_index());
    match form {
        Form::Buggy => build.await.expect("it builds for ever"),
        Form::Fixed => AbortOnDropHandle::new(build).await.expect("it builds for ever"),
    }
}

async fn build_index() {
    pending().await
}

async fn stop_the_engine(form: Form) {
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    tokio::spawn(async move { stopper.cancel() });
    tokio::select! {
        biased;
        () = engine(form) => {}
        () = stop.cancelled() => {}
    }
}
