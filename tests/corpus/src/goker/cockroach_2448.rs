//! cockroach#2448: two event loops each block while they send to the other.

use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, store_and_raft);

/// The store sends commands to raft, and raft sends events to the store.
async fn store_and_raft(form: Form) {
    let (commands, commanded) = mpsc::channel(1);
    let (events, happened) = mpsc::channel(1);
    // leaked-task: raft does not take commands while it sends.
    // waits for `let (commands, commanded)`, held by task 2.
    tokio::spawn(event_loop(form, commands, happened));
    // leaked-task: the store does not take events while it sends.
    // waits for `let (events, happened)`, held by task 1.
    tokio::spawn(event_loop(form, events, commanded));
}

/// Sends three messages, and handles what comes until the other side is done.
async fn event_loop(form: Form, out: Sender<u32>, mut incoming: Receiver<u32>) {
    for message in 0..3 {
        match form {
            Form::Buggy => out.send(message).await.expect("the other loop is there"),
            Form::Fixed => send_and_take(&out, message, &mut incoming).await,
        }
    }
    drop(out);
    while incoming.recv().await.is_some() {}
}

/// Sends, and handles what comes in the meantime.
async fn send_and_take(out: &Sender<u32>, message: u32, incoming: &mut Receiver<u32>) {
    loop {
        tokio::select! {
            room = out.reserve() => return room.expect("the other loop is there").send(message),
            Some(_) = incoming.recv() => {}
        }
    }
}
