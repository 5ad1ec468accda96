//! cockroach#10214: heartbeats are sent under their lock and lock a replica; a replica's tick has its own lock and adds heartbeats.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, Needs, case};

/// Neither waits between its two locks, so the other one must come between by chance.
pub(crate) const CASE: Case = case!(LockOrder, send_and_tick, Needs::Delays(1));

#[derive(Default)]
struct Store {
    heartbeats: Mutex<Vec<u32>>,
    replica: Mutex<u32>,
}

impl Store {
    async fn send_heartbeats(&self, form: Form) {
        let mut heartbeats = self.heartbeats.lock().await;
        let queued = std::mem::take(&mut *heartbeats);
        if form == Form::Fixed {
            drop(heartbeats);
        }
        for _unreachable in queued {
            *self.replica.lock().await += 1;
        }
    }

    async fn tick(&self) {
        let replica = self.replica.lock().await;
        self.heartbeats.lock().await.push(*replica);
    }
}

async fn send_and_tick(form: Form) {
    let store = Arc::new(Store::default());
    store.heartbeats.lock().await.push(1);
    let sending = store.clone();
    // leaked-task: it has the heartbeats, and waits for the replica.
    // waits for `Store::default()`, held by task 2.
    tokio::spawn(async move { sending.send_heartbeats(form).await });
    // leaked-task: it has the replica, and waits for the heartbeats.
    // waits for `Store::default()`, held by task 1.
    tokio::spawn(async move { store.tick().await });
}
