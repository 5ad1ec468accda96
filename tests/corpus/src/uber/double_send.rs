//! Uber's study: an error is sent, the return after it is missing, and the result is sent too.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, ask_once);

/// A part of the answer to a request.
type Part = Result<&'static str, &'static str>;

fn look_up() -> Part {
    Err("not found")
}

async fn answer(form: Form, parts: &Channel<Part>) {
    let found = look_up();
    if let Err(error) = found {
        parts.send(Err(error)).await;
        if form == Form::Fixed {
            return;
        }
    }
    parts.send(Ok("head")).await;
    parts.send(found).await;
}

async fn ask_once(form: Form) {
    let parts = Arc::new(Channel::new());
    let answered = parts.clone();
    // leaked-task: the error was taken, there is room for the head, and nobody makes room for the rest.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { answer(form, &answered).await });
    assert!(parts.recv().await.is_err());
}
