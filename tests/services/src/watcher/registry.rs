//! The watches of a connection, and the one place that ends them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Update;
use crate::FAULTY;

/// The watches of a store that are not over.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<BTreeMap<u64, Subscription>>);

#[derive(Debug)]
struct Subscription {
    /// The only sender of the watch: its drop ends the stream.
    sender: mpsc::UnboundedSender<Update>,
    over: CancellationToken,
}

impl Registry {
    pub(super) fn add(&self, id: u64) -> (CancellationToken, mpsc::UnboundedReceiver<Update>) {
        let (sender, updates) = mpsc::unbounded_channel();
        let over = CancellationToken::new();
        self.subscriptions().insert(id, Subscription { sender, over: over.clone() });
        (over, updates)
    }

    pub(super) fn publish(&self, id: u64, update: Update) {
        if let Some(subscription) = self.subscriptions().get(&id) {
            let _ = subscription.sender.send(update);
        }
    }

    /// Ends a watch: the one place for stop, loss and cancel. Only the first call for an id finds something to end.
    pub(super) fn end(&self, id: u64) {
        let mut subscriptions = self.subscriptions();
        if let Some(subscription) = subscriptions.get(&id) {
            subscription.over.cancel();
        }
        // Bug (nats.go before #1844): the watch is over but its stream is not closed. The entry stays, with it the
        // sender, and the consumer that drains the stream waits for ever.
        if !FAULTY {
            subscriptions.remove(&id);
        }
    }

    pub(super) fn end_all(&self) {
        let ids: Vec<u64> = self.subscriptions().keys().copied().collect();
        for id in ids {
            self.end(id);
        }
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<u64, Subscription>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}
