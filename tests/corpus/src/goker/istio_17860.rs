//! istio#17860: the agent's loop has left, and what it ran still sends its exit status.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, run_and_terminate);

/// Runs one proxy an epoch, and hears how each ended.
#[derive(Default)]
struct Agent {
    exits: Channel<u32>,
    stop: CancellationToken,
}

impl Agent {
    /// Takes exit statuses until it is told to stop.
    async fn run(&self) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _epoch = self.exits.recv() => {}
            }
        }
    }

    /// Waits for the proxy of an epoch to end, and says so.
    async fn wait_for(&self, epoch: u32, form: Form) {
        self.stop.cancelled().await;
        match form {
            Form::Buggy => self.exits.send(epoch).await,
            Form::Fixed => drop(self.stop.run_until_cancelled(self.exits.send(epoch)).await),
        }
    }
}

async fn run_and_terminate(form: Form) {
    let agent = Arc::new(Agent::default());
    for epoch in 0..2 {
        let agent = agent.clone();
        // leaked-task: there is room for one status, and nobody takes the second one.
        // waits for `mpsc::channel(messages)`, held by itself.
        tokio::spawn(async move { agent.wait_for(epoch, form).await });
    }
    let running = agent.clone();
    let run = tokio::spawn(async move { running.run().await });
    tokio::task::yield_now().await;
    agent.stop.cancel();
    run.await.expect("it only takes statuses");
}
