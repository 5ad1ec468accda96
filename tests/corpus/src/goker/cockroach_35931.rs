//! cockroach#35931: the cancellation of a flow writes to its streams one by one, and the first is full.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, cancel_a_flow);

/// What a stream carries.
#[derive(PartialEq)]
enum Message {
    Row,
    Cancelled,
}

/// A flow, as the registry keeps it: with its inbound streams.
struct Flow {
    streams: [Channel<Message>; 2],
}

impl Flow {
    async fn cancel(&self, form: Form) {
        for stream in &self.streams {
            match form {
                Form::Buggy => stream.send(Message::Cancelled).await,
                // Who has a full stream before it finds out at its next row.
                Form::Fixed => drop(stream.try_send(Message::Cancelled)),
            }
        }
    }

    async fn consume(&self, stream: usize) {
        while self.streams[stream].recv().await == Message::Row {}
    }
}

async fn cancel_a_flow(form: Form) {
    let flow = Arc::new(Flow { streams: [Channel::new(), Channel::new()] });
    let (consumer, canceller) = (flow.clone(), flow.clone());
    flow.streams[0].send(Message::Row).await;
    // leaked-task: the cancellation does not come to the second stream.
    // waits for `mpsc::channel(messages)`, held by task 2.
    tokio::spawn(async move { consumer.consume(1).await });
    // leaked-task: the consumer of the first stream has not been set up yet.
    // waits for `mpsc::channel(messages)`, held by task 1.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { canceller.cancel(form).await });
}
