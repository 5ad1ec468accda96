//! Uber's study: several senders race, and only the first result is taken.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, ask_all_mirrors);

const MIRRORS: usize = 3;

async fn ask_all_mirrors(form: Form) {
    let answers = Arc::new(match form {
        Form::Buggy => Channel::new(),
        Form::Fixed => Channel::with_room(MIRRORS),
    });
    for mirror in 0..MIRRORS {
        let answers = answers.clone();
        // leaked-task: the last one finds no room, and nobody takes any more.
        // waits for `mpsc::channel(messages)`, held by itself.
        tokio::spawn(async move { answers.send(mirror).await });
    }
    assert!(answers.recv().await < MIRRORS);
}
