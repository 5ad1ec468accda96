//! tokio mpsc: a message that comes after the receiver's final drain stays in the queue, and with it the reply that is awaited.

use tokio::sync::{mpsc, oneshot};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, ask_and_stop);

type Question = oneshot::Sender<u32>;

/// Asks an actor. The place in its queue is taken before the question is worked out.
async fn ask(form: Form, actor: mpsc::Sender<Question>) -> Option<u32> {
    let (question, answer) = oneshot::channel();
    let place = actor.reserve().await.ok()?;
    tokio::task::yield_now().await;
    // Neither an error nor a drop, although the actor has gone: the queue goes when its last sender does.
    place.send(question);
    match form {
        Form::Buggy => answer.await.ok(),
        Form::Fixed => tokio::select! {
            answer = answer => answer.ok(),
            () = actor.closed() => None,
        },
    }
}

async fn ask_and_stop(form: Form) {
    let (actor, questions) = mpsc::channel(1);
    // leaked-task: the answer's sender is in a queue that it keeps alive itself.
    // waits for `oneshot::channel()`, held by itself.
    tokio::spawn(ask(form, actor));
    tokio::task::yield_now().await;
    drop(questions);
}
