//! cockroach#3710: a scan takes the read lock twice in one call chain, and a writer comes between.

use std::sync::Arc;

use tokio::sync::RwLock;

use crate::{Case, Form, Needs, case};

/// The scan does not wait between its two locks, so the writer must come between by chance.
pub(crate) const CASE: Case = case!(QueuedWriter, scan_and_process, Needs::Delays(1));

#[derive(Default)]
struct Store {
    replicas: RwLock<Vec<u32>>,
}

impl Store {
    async fn force_log_scan(&self, form: Form) {
        let replicas = self.replicas.read().await;
        let scanned = replicas.clone();
        if form == Form::Fixed {
            drop(replicas);
        }
        for replica in scanned {
            assert!(self.raft_status(replica).await);
        }
    }

    async fn raft_status(&self, replica: u32) -> bool {
        self.replicas.read().await.contains(&replica)
    }

    async fn process_raft(&self) {
        self.replicas.write().await.push(3);
    }
}

async fn scan_and_process(form: Form) {
    let store = Arc::new(Store::default());
    store.replicas.write().await.extend([1, 2]);
    let scanned = store.clone();
    // leaked-task: its second read lock stands behind the writer.
    // waits for `Store::default()`, held by task 2.
    tokio::spawn(async move { scanned.force_log_scan(form).await });
    // leaked-task: it waits for the first read lock.
    // waits for `Store::default()`, held by task 1.
    tokio::spawn(async move { store.process_raft().await });
}
