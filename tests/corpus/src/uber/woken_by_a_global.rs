//! Uber's study, the negative control: a task that a live global can still wake is left behind, but it is not stuck.

use std::sync::Mutex;

use tokio::sync::oneshot;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(NotStuck, subscribe);

/// Those who want to hear when the configuration changes. It may change at any time, also after a test.
static SUBSCRIBERS: Mutex<Vec<oneshot::Sender<()>>> = Mutex::new(Vec::new());

async fn subscribe(form: Form) {
    let (subscriber, changed) = oneshot::channel();
    SUBSCRIBERS.lock().expect("nobody panics with it").push(subscriber);
    // leaked-task: it outlives its test, and a proof that it is stuck would be wrong.
    // waits for `oneshot::channel()`, held by a static.
    let waiter = tokio::spawn(changed);
    if form == Form::Fixed {
        waiter.abort();
    }
}
