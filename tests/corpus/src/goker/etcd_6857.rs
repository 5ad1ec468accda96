//! etcd#6857: a node is asked for its status after it has stopped.

use std::sync::Arc;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, stop_and_ask);

/// A node, which everyone who talks to it keeps with its channels.
#[derive(Default)]
struct Node {
    questions: Channel<oneshot::Sender<&'static str>>,
    stop: CancellationToken,
}

impl Node {
    async fn run(&self) {
        while let Some(question) = self.stop.run_until_cancelled(self.questions.recv()).await {
            let _ = question.send("leader");
        }
    }

    async fn status(&self, form: Form) -> Option<&'static str> {
        let (question, status) = oneshot::channel();
        self.questions.send(question).await;
        match form {
            Form::Buggy => status.await.ok(),
            Form::Fixed => self.stop.run_until_cancelled(status).await?.ok(),
        }
    }
}

async fn stop_and_ask(form: Form) {
    let node = Arc::new(Node::default());
    let (running, asking) = (node.clone(), node.clone());
    tokio::spawn(async move { running.run().await });
    node.stop.cancel();
    // leaked-task: its question stays in the queue.
    // waits for `oneshot::channel()`, held by itself.
    tokio::spawn(async move { asking.status(form).await });
}
