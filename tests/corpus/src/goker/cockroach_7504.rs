//! cockroach#7504: releasing a lease locks the lease, then the name cache; looking a name up locks them the other way round.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, Needs, case};

/// Nothing stands between the two locks of a task, so the other one must come between by chance.
pub(crate) const CASE: Case = case!(LockOrder, release_and_look_up, Needs::Delays(1));

#[derive(Default)]
struct Tables {
    lease: Mutex<u32>,
    names: Mutex<Vec<&'static str>>,
}

impl Tables {
    async fn release(&self) {
        let mut lease = self.lease.lock().await;
        self.names.lock().await.clear();
        *lease += 1;
    }

    async fn look_up(&self, form: Form) -> Option<u32> {
        let names = self.names.lock().await;
        let is_known = names.contains(&"table");
        if form == Form::Fixed {
            drop(names);
        }
        is_known.then_some(*self.lease.lock().await)
    }
}

async fn release_and_look_up(form: Form) {
    let tables = Arc::new(Tables::default());
    tables.names.lock().await.push("table");
    let released = tables.clone();
    // leaked-task: it has the lease, and waits for the names.
    // waits for `Tables::default()`, held by task 2.
    tokio::spawn(async move { released.release().await });
    // leaked-task: it has the names, and waits for the lease.
    // waits for `Tables::default()`, held by task 1.
    tokio::spawn(async move { tables.look_up(form).await });
}
