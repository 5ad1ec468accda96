//! kubernetes#10182: a status is sent under the lock, and who would take it deletes under the lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, sync_statuses);

const PODS: u32 = 4;

#[derive(Default)]
struct StatusManager {
    statuses: Mutex<BTreeMap<u32, &'static str>>,
    changed: Channel<u32>,
}

impl StatusManager {
    async fn set(&self, form: Form, pod: u32) {
        let mut statuses = self.statuses.lock().await;
        statuses.insert(pod, "running");
        if form == Form::Fixed {
            drop(statuses);
        }
        self.changed.send(pod).await;
    }

    async fn sync(&self) {
        for _ in 0..PODS {
            let pod = self.changed.recv().await;
            self.statuses.lock().await.remove(&pod);
        }
    }
}

async fn sync_statuses(form: Form) {
    let manager = Arc::new(StatusManager::default());
    for pod in 0..PODS {
        let manager = manager.clone();
        // leaked-task: one has the lock and waits for room, and the rest wait for the lock.
        // waits for `mpsc::channel(messages)`, held by task 2.
        // waits for `StatusManager::default()`, held by task 1.
        tokio::spawn(async move { manager.set(form, pod).await });
    }
    // leaked-task: it took a status, and cannot delete it.
    // waits for `StatusManager::default()`, held by task 1.
    tokio::spawn(async move { manager.sync().await });
}
