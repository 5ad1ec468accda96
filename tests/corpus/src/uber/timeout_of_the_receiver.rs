//! Uber's study: the receiver leaves on its timeout, and the sender, which is only slow, waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, ask_with_a_timeout);

const PATIENCE: Duration = Duration::from_millis(10);

async fn answer_slowly(answers: &Channel<&'static str>) {
    for part in ["head", "body"] {
        sleep(5 * PATIENCE).await;
        answers.send(part).await;
    }
}

async fn ask_with_a_timeout(form: Form) {
    let answers = Arc::new(Channel::new());
    let slow = answers.clone();
    // leaked-task: when it comes to the second part, nobody is there.
    // waits for `mpsc::channel(messages)`, held by itself.
    // waits for a timer.
    let answering = tokio::spawn(async move { answer_slowly(&slow).await });
    assert!(timeout(PATIENCE, answers.recv()).await.is_err());
    if form == Form::Fixed {
        answering.abort();
    }
}
