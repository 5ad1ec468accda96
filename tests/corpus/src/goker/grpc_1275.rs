//! grpc-go#1275: a reader waits for a message that closing should have sent, and the one who closes waits for the reader.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, close_a_stream);

/// What the transport puts into a stream's buffer.
enum Frame {
    Data,
    End,
}

/// A stream of a client, which its reader and its transport share.
struct Stream {
    received: Channel<Frame>,
}

impl Stream {
    async fn read_all(&self) {
        while let Frame::Data = self.received.recv().await {}
    }

    async fn close(&self, form: Form) {
        if form == Form::Fixed {
            self.received.send(Frame::End).await;
        }
    }
}

async fn close_a_stream(form: Form) {
    let stream = Arc::new(Stream { received: Channel::new() });
    let reading = stream.clone();
    stream.received.send(Frame::Data).await;
    // leaked-task: no frame says that the stream is closed.
    // waits for `mpsc::channel(messages)`, held by task 2.
    let reader = tokio::spawn(async move { reading.read_all().await });
    // leaked-task: it waits for the reader.
    // waits for the end of task 1.
    tokio::spawn(async move {
        stream.close(form).await;
        reader.await.expect("it only reads");
    });
}
