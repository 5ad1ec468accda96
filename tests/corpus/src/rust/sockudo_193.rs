//! sockudo#193: a connection is closed by aborting its writer, and its reader is forgotten.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(Orphan, connect_and_close);

/// A connection of the server, a task for each direction.
struct Connection {
    writer: JoinHandle<()>,
    reader: JoinHandle<()>,
    send: mpsc::Sender<u8>,
}

impl Connection {
    fn new(stream: DuplexStream) -> Self {
        let (read, write) = split(stream);
        let (send, messages) = mpsc::channel(1);
        let writer = tokio::spawn(write_messages(write, messages));
        // leaked-task: it waits for a client that waits for us to hang up.
        // waits for `duplex(64)`, held by task 2.
        let reader = tokio::spawn(read_messages(read));
        Self { writer, reader, send }
    }

    fn close(self, form: Form) {
        self.writer.abort();
        if form == Form::Fixed {
            self.reader.abort();
        }
    }
}

async fn write_messages(mut write: WriteHalf<DuplexStream>, mut messages: mpsc::Receiver<u8>) {
    while let Some(message) = messages.recv().await {
        write.write_u8(message).await.expect("the client reads");
    }
}

async fn read_messages(mut read: ReadHalf<DuplexStream>) {
    while read.read_u8().await.is_ok() {}
}

async fn connect_and_close(form: Form) {
    let (server, mut client) = duplex(64);
    let connection = Connection::new(server);
    // leaked-task: the client, which stays until the server hangs up.
    // waits for `duplex(64)`, held by task 1.
    tokio::spawn(async move { while client.read_u8().await.is_ok() {} });
    connection.send.send(1).await.expect("the writer runs");
    tokio::task::yield_now().await;
    connection.close(form);
}
