//! hugo#3251: a lock for each address is waited for under the lock of their table, which unlocking needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, fetch_side_by_side);

type Table<T> = Mutex<BTreeMap<&'static str, T>>;

/// Locks by address, which are taken and given back by their address.
#[derive(Default)]
struct Locks {
    all: Table<Arc<Mutex<()>>>,
    /// Those that are taken, so that they can be given back by address.
    taken: Table<OwnedMutexGuard<()>>,
}

impl Locks {
    async fn lock(&self, form: Form, address: &'static str) {
        let mut all = self.all.lock().await;
        let lock = all.entry(address).or_default().clone();
        if form == Form::Fixed {
            drop(all);
        }
        let taken = lock.lock_owned().await;
        self.taken.lock().await.insert(address, taken);
    }

    async fn unlock(&self, address: &'static str) {
        let all = self.all.lock().await;
        assert!(all.contains_key(address));
        self.taken.lock().await.remove(address);
    }
}

async fn fetch_side_by_side(form: Form) {
    let locks = Arc::new(Locks::default());
    for _ in 0..2 {
        let locks = locks.clone();
        // leaked-task: the second one has the table and waits for the address; the first one the other way round.
        // waits for `or_default()`, held by task 1.
        // waits for `Locks::default()`, held by task 1.
        tokio::spawn(async move {
            locks.lock(form, "https://example.org").await;
            tokio::task::yield_now().await;
            locks.unlock("https://example.org").await;
        });
    }
}
