//! cockroach#25456: a consistency check waits for the quiesce channel where it meant to poll it.

use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, check_and_stop);

/// A store is stopped after its check, so the check cannot wait for that.
async fn check_and_stop(form: Form) {
    let quiesce = CancellationToken::new();
    check_consistency(form, &quiesce).await;
    quiesce.cancel();
}

/// Checks one range after the other, unless the store is about to stop.
async fn check_consistency(form: Form, quiesce: &CancellationToken) {
    for _range in 0..3 {
        match form {
            // hang: who would cancel it waits for this function.
            Form::Buggy => quiesce.cancelled().await,
            Form::Fixed if quiesce.is_cancelled() => return,
            Form::Fixed => tokio::task::yield_now().await,
        }
    }
}
