//! sim-ln#193: events are sent to receivers that have left on the signal, while a reply to each is awaited.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, simulate_and_stop);

/// A simulation, with the results of all its nodes.
#[derive(Default)]
struct Simulation {
    results: Channel<u32>,
    shutdown: CancellationToken,
}

impl Simulation {
    /// Makes payments until the shutdown.
    async fn consume(&self, mut payments: mpsc::Receiver<u32>) {
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return,
                Some(payment) = payments.recv() => self.results.send(payment).await,
            }
        }
    }

    /// Sends three payments, and waits for their results.
    async fn produce(&self, form: Form, payments: mpsc::Sender<u32>) {
        let mut dispatched = 0;
        for payment in 0..3 {
            let sent = payments.send(payment).await;
            if form == Form::Buggy || sent.is_ok() {
                dispatched += 1;
            }
        }
        for _ in 0..dispatched {
            self.results.recv().await;
        }
    }
}

async fn simulate_and_stop(form: Form) {
    let simulation = Arc::new(Simulation::default());
    let (payments, paid) = mpsc::channel(1);
    simulation.shutdown.cancel();
    let (consumer, producer) = (simulation.clone(), simulation);
    tokio::spawn(async move { consumer.consume(paid).await });
    tokio::task::yield_now().await;
    // leaked-task: it waits for the results of payments that nobody took.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { producer.produce(form, payments).await });
}
