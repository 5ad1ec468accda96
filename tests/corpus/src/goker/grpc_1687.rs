//! grpc-go#1687: a handler writes to a stream whose status it has written already, which closes the stream.

use tokio::sync::mpsc;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(UseAfterClose, handle_a_stream);

/// The server's side of a stream; `None` after its status.
struct Transport {
    writes: Option<mpsc::Sender<&'static str>>,
}

impl Transport {
    async fn write(&mut self, form: Form, data: &'static str) -> Result<(), &'static str> {
        let writes = match (&self.writes, form) {
            (None, Form::Fixed) => return Err("the stream is closed"),
            // task-panic: the status came first.
            (writes, _) => writes.as_ref().expect("the stream is open"),
        };
        writes.send(data).await.map_err(|_| "the client has left")
    }

    async fn write_status(&mut self, form: Form) {
        let _ = self.write(form, "ok").await;
        self.writes = None;
    }
}

async fn handle_a_stream(form: Form) {
    let (writes, mut written) = mpsc::channel(1);
    let mut transport = Transport { writes: Some(writes) };
    tokio::spawn(async move {
        transport.write_status(form).await;
        let _ = transport.write(form, "data").await;
    });
    while written.recv().await.is_some() {}
}
