//! cockroach#35073: a consumer that closes takes one row, which lets one of those go that wait to push.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, push_and_close);

#[derive(Default)]
struct Outbox {
    rows: Channel<u32>,
    closed: CancellationToken,
}

impl Outbox {
    async fn push(&self, form: Form, row: u32) {
        match form {
            Form::Buggy if self.closed.is_cancelled() => {}
            Form::Buggy => self.rows.send(row).await,
            Form::Fixed => drop(self.closed.run_until_cancelled(self.rows.send(row)).await),
        }
    }

    /// Tells those who come, and makes room for one of those who are there.
    async fn close(&self) {
        self.closed.cancel();
        self.rows.recv().await;
    }
}

async fn push_and_close(form: Form) {
    let outbox = Arc::new(Outbox::default());
    outbox.push(form, 0).await;
    for row in 1..3 {
        let outbox = outbox.clone();
        // leaked-task: two wait for room, and there is room for one.
        // waits for `mpsc::channel(messages)`, held by itself.
        tokio::spawn(async move { outbox.push(form, row).await });
    }
    tokio::task::yield_now().await;
    outbox.close().await;
}
