//! etcd#6873: stop holds the lock while it waits for the update loop, which needs the lock for its last update.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, broadcast_and_stop);

/// What several watches of one key share.
struct Broadcasts {
    watches: Arc<Mutex<Vec<u32>>>,
    updates: mpsc::Sender<u32>,
    update_loop: JoinHandle<()>,
}

impl Broadcasts {
    fn new() -> Self {
        let (updates, mut updated) = mpsc::channel(1);
        let watches = Arc::new(Mutex::new(Vec::new()));
        let coalesced = watches.clone();
        let update_loop = tokio::spawn(async move {
            while let Some(update) = updated.recv().await {
                coalesced.lock().await.push(update);
            }
        });
        Self { watches, updates, update_loop }
    }

    async fn stop(self, form: Form) {
        let mut watches = self.watches.lock().await;
        watches.clear();
        if form == Form::Fixed {
            drop(watches);
        }
        drop(self.updates);
        // hang: the loop needs the lock that we hold.
        self.update_loop.await.expect("it only updates");
    }
}

async fn broadcast_and_stop(form: Form) {
    let broadcasts = Broadcasts::new();
    broadcasts.updates.send(1).await.expect("the loop runs");
    broadcasts.stop(form).await;
}
