//! cockroach#24808: a compactor is poked before it is started, and its start pokes it again before anybody takes the first poke.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, poke_and_start);

#[derive(Default)]
struct Compactor {
    pokes: Channel<()>,
    stop: CancellationToken,
}

impl Compactor {
    async fn start(self: Arc<Self>, form: Form) {
        match form {
            Form::Buggy => self.pokes.send(()).await,
            // One poke is as good as two.
            Form::Fixed => drop(self.pokes.try_send(())),
        }
        tokio::spawn(async move { while self.stop.run_until_cancelled(self.pokes.recv()).await.is_some() {} });
    }
}

async fn poke_and_start(form: Form) {
    let compactor = Arc::new(Compactor::default());
    compactor.pokes.send(()).await;
    // leaked-task: who would take the first poke is started after the second.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(compactor.clone().start(form));
    compactor.stop.cancel();
}
