//! grpc-go#1353: a round robin sends its updates under its lock, which their reader needs to tear connections down.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, update_addresses);

const UPDATES: u32 = 5;

#[derive(Default)]
struct RoundRobin {
    connected: Mutex<u32>,
    updates: Channel<u32>,
}

impl RoundRobin {
    async fn watch_updates(&self, form: Form) {
        let mut connected = self.connected.lock().await;
        for update in 0..UPDATES {
            *connected += 1;
            if form == Form::Fixed {
                drop(connected);
                self.updates.send(update).await;
                connected = self.connected.lock().await;
            } else {
                self.updates.send(update).await;
            }
        }
    }

    async fn watch_connections(&self) {
        for _ in 0..UPDATES {
            self.updates.recv().await;
            *self.connected.lock().await -= 1;
        }
    }
}

async fn update_addresses(form: Form) {
    let round_robin = Arc::new(RoundRobin::default());
    let updating = round_robin.clone();
    // leaked-task: it has the lock, and nobody takes its update.
    // waits for `mpsc::channel(messages)`, held by task 2.
    tokio::spawn(async move { updating.watch_updates(form).await });
    // leaked-task: it took an update, and waits for the lock.
    // waits for `RoundRobin::default()`, held by task 1.
    tokio::spawn(async move { round_robin.watch_connections().await });
}
