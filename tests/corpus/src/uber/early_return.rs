//! Uber's study: the receiver returns early on an error of its own, and the sender waits for it.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, load);

const PARTS: usize = 2;

async fn load_parts(parts: &Channel<usize>) {
    for part in 0..PARTS {
        parts.send(part).await;
    }
}

async fn check_access() -> Result<(), &'static str> {
    Err("no access")
}

async fn load_all(form: Form) -> Result<usize, &'static str> {
    let parts = match form {
        Form::Buggy => Channel::new(),
        Form::Fixed => Channel::with_room(PARTS),
    };
    let parts = Arc::new(parts);
    let loading = parts.clone();
    // leaked-task: nobody comes for the second part.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { load_parts(&loading).await });
    check_access().await?;
    Ok(parts.recv().await + parts.recv().await)
}

async fn load(form: Form) {
    assert_eq!(load_all(form).await, Err("no access"));
}
