//! etcd#7902: a follower waits for the next round under the lock that the leader needs to begin it.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, elect);

/// A round of an election.
struct Round {
    clients: Mutex<u32>,
    next: watch::Sender<bool>,
}

impl Round {
    /// Takes part; the leader ends the round for all.
    async fn release(&self, form: Form, is_leader: bool) {
        let mut clients = self.clients.lock().await;
        *clients += 1;
        if form == Form::Fixed {
            drop(clients);
        }
        if is_leader {
            self.next.send_replace(true);
        }
        let mut next = self.next.subscribe();
        next.wait_for(|next| *next).await.expect("we keep the round");
    }
}

async fn elect(form: Form) {
    let round = Arc::new(Round { clients: Mutex::new(0), next: watch::channel(false).0 });
    for client in 0..3 {
        let round = round.clone();
        // leaked-task: the first follower has the lock, and all others wait for it, the leader too.
        // waits for `watch::channel(false)`, held by task 1.
        tokio::spawn(async move { round.release(form, client == 2).await });
    }
}
