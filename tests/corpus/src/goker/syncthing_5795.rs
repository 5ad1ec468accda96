//! syncthing#5795: a connection is closed from inside its own callback, and waits for the loop that called.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, close_from_the_callback);

#[derive(Default)]
struct Connection {
    closed: CancellationToken,
    dispatcher_stopped: CancellationToken,
}

impl Connection {
    async fn dispatch(self: Arc<Self>, form: Form, mut inbox: mpsc::Receiver<&'static str>) {
        while let Some(Some(message)) = self.closed.run_until_cancelled(inbox.recv()).await {
            if message == "configuration that we do not accept" {
                self.clone().on_bad_configuration(form).await;
            }
        }
        self.dispatcher_stopped.cancel();
    }

    /// What the program that uses the connection does at such a message.
    async fn on_bad_configuration(self: Arc<Self>, form: Form) {
        match form {
            Form::Buggy => self.close().await,
            Form::Fixed => drop(tokio::spawn(async move { self.close().await })),
        }
    }

    async fn close(&self) {
        self.closed.cancel();
        self.dispatcher_stopped.cancelled().await;
    }
}

async fn close_from_the_callback(form: Form) {
    let (peer, inbox) = mpsc::channel(1);
    // leaked-task: it waits for itself.
    // waits for `dispatcher_stopped: CancellationToken,`, held by itself.
    tokio::spawn(Arc::new(Connection::default()).dispatch(form, inbox));
    peer.send("configuration that we do not accept").await.expect("it is being dispatched");
}
