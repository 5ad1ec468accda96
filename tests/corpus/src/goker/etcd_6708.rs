//! etcd#6708: a client sets its endpoints under its write lock, and asks for the leader, which takes a read lock.

use tokio::sync::RwLock;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(TakenAgain, synchronise);

/// A client of a cluster.
struct Client {
    endpoints: RwLock<Vec<u32>>,
}

impl Client {
    /// Puts the leader first.
    async fn sync(&self, form: Form) {
        let leader = match form {
            Form::Buggy => None,
            Form::Fixed => Some(self.leader().await),
        };
        let mut endpoints = self.endpoints.write().await;
        let leader = match leader {
            Some(leader) => leader,
            None => self.leader().await,
        };
        endpoints.retain(|endpoint| *endpoint != leader);
        endpoints.insert(0, leader);
    }

    /// Asks any endpoint who leads.
    async fn leader(&self) -> u32 {
        // hang: the caller has the write lock.
        self.endpoints.read().await.iter().copied().max().unwrap_or_default()
    }
}

async fn synchronise(form: Form) {
    let client = Client { endpoints: RwLock::new(vec![1, 2, 3]) };
    client.sync(form).await;
    assert_eq!(*client.endpoints.read().await, [3, 1, 2]);
}
