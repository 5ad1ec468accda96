//! kubernetes#1321: a mux sends to its watchers under the lock that a watcher needs to leave.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, watch_and_leave);

#[derive(Default)]
struct Mux {
    watchers: Mutex<BTreeMap<u32, mpsc::Sender<u32>>>,
}

impl Mux {
    async fn watch(&self, watcher: u32) -> mpsc::Receiver<u32> {
        let (results, watched) = mpsc::channel(1);
        self.watchers.lock().await.insert(watcher, results);
        watched
    }

    async fn distribute(&self, form: Form, event: u32) {
        let watchers = self.watchers.lock().await;
        let each: Vec<_> = watchers.values().cloned().collect();
        if form == Form::Fixed {
            drop(watchers);
        }
        for watcher in each {
            // A watcher that has left does not take it.
            let _ = watcher.send(event).await;
        }
    }

    async fn leave(&self, watcher: u32) {
        self.watchers.lock().await.remove(&watcher);
    }
}

async fn watch_and_leave(form: Form) {
    let mux = Arc::new(Mux::default());
    let mut watched = mux.watch(1).await;
    let distributing = mux.clone();
    // leaked-task: with the lock it waits for the watcher to take the second event.
    // waits for `mpsc::channel(1)`, held by task 2.
    tokio::spawn(async move {
        for event in 0..2 {
            distributing.distribute(form, event).await;
        }
    });
    tokio::task::yield_now().await;
    // leaked-task: it needs the lock to leave, and its receiver lives as long.
    // waits for `Mux::default()`, held by task 1.
    tokio::spawn(async move {
        mux.leave(1).await;
        watched.close();
    });
}
