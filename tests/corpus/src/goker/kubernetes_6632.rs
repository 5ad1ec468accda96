//! kubernetes#6632: a frame's writer resets the idle timer under the lock that the timer's owner needs to end it.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, write_and_close);

#[derive(Default)]
struct Framer {
    /// Whether the idle timer still listens.
    is_open: Mutex<bool>,
    resets: Channel<()>,
    closed: CancellationToken,
}

impl Framer {
    async fn monitor(&self) {
        while self.closed.run_until_cancelled(self.resets.recv()).await.is_some() {}
        *self.is_open.lock().await = false;
    }

    async fn write_frame(&self, form: Form) {
        let is_open = self.is_open.lock().await;
        if *is_open {
            match form {
                Form::Buggy => self.resets.send(()).await,
                Form::Fixed => drop(self.closed.run_until_cancelled(self.resets.send(())).await),
            }
        }
    }
}

async fn write_and_close(form: Form) {
    let framer = Arc::new(Framer::default());
    *framer.is_open.lock().await = true;
    framer.resets.send(()).await;
    framer.closed.cancel();
    let (writing, monitoring) = (framer.clone(), framer);
    // leaked-task: it has the lock, and nobody takes its reset.
    // waits for `mpsc::channel(messages)`, held by task 2.
    tokio::spawn(async move { writing.write_frame(form).await });
    // leaked-task: it needs the lock to say that it has left.
    // waits for `Framer::default()`, held by task 1.
    tokio::spawn(async move { monitoring.monitor().await });
}
