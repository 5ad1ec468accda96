//! cockroach#1462: a transport looks whether it should stop, then sends to a consumer that has stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, intercept_and_stop);

/// How long the consumer takes over an event.
const HANDLED: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Transport {
    events: Channel<u32>,
    stop: CancellationToken,
}

impl Transport {
    async fn send_events(&self, form: Form) {
        while !self.stop.is_cancelled() {
            match form {
                Form::Buggy => self.events.send(1).await,
                Form::Fixed => drop(self.stop.run_until_cancelled(self.events.send(1)).await),
            }
        }
    }

    async fn process_events(&self) {
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                _event = self.events.recv() => sleep(HANDLED).await,
            }
        }
    }
}

async fn intercept_and_stop(form: Form) {
    let transport = Arc::new(Transport::default());
    let (sending, processing) = (transport.clone(), transport.clone());
    tokio::spawn(async move { processing.process_events().await });
    // leaked-task: it was in a send when the consumer stopped.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { sending.send_events(form).await });
    sleep(HANDLED / 2).await;
    transport.stop.cancel();
}
