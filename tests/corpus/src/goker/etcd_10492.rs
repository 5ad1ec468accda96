//! etcd#10492: a lease is renewed under the lessor's lock, and its checkpointer calls back into the lessor.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(TakenAgain, renew_a_lease);

/// What a lessor knows of its only lease.
#[derive(Default)]
struct Lease {
    remaining: u32,
    checkpoints: u32,
}

#[derive(Default)]
struct Lessor {
    lease: Mutex<Lease>,
}

impl Lessor {
    async fn renew(&self, form: Form) {
        let mut lease = self.lease.lock().await;
        lease.remaining = 60;
        if form == Form::Fixed {
            drop(lease);
        }
        // The checkpointer goes through the log of raft, and comes back here.
        self.checkpoint().await;
    }

    async fn checkpoint(&self) {
        self.lease.lock().await.checkpoints += 1;
    }
}

async fn renew_a_lease(form: Form) {
    let lessor = Arc::new(Lessor::default());
    // leaked-task: it waits for a lock that it holds.
    // waits for `Lessor::default()`, held by itself.
    tokio::spawn(async move { lessor.renew(form).await });
}
