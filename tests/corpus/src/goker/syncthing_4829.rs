//! syncthing#4829: a mapping clears its addresses under its write lock and notifies, which takes a read lock.

use std::sync::Arc;

use tokio::sync::RwLock;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(TakenAgain, remove_a_mapping);

#[derive(Default)]
struct Mapping {
    addresses: RwLock<Vec<&'static str>>,
    subscribers: RwLock<Vec<Vec<&'static str>>>,
}

impl Mapping {
    async fn clear_addresses(&self, form: Form) {
        let mut addresses = self.addresses.write().await;
        addresses.clear();
        if form == Form::Fixed {
            drop(addresses);
        }
        self.notify().await;
    }

    /// Tells all subscribers of the addresses that there are.
    async fn notify(&self) {
        let addresses = self.addresses.read().await;
        for subscriber in self.subscribers.write().await.iter_mut() {
            subscriber.clone_from(&*addresses);
        }
    }
}

async fn remove_a_mapping(form: Form) {
    let mapping = Arc::new(Mapping::default());
    mapping.addresses.write().await.push("198.51.100.7");
    // leaked-task: its read lock waits for its write lock.
    // waits for `Mapping::default()`, held by itself.
    tokio::spawn(async move { mapping.clear_addresses(form).await });
}
