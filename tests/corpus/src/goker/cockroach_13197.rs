//! cockroach#13197: a transaction is neither committed nor rolled back, and its watcher waits for either.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, begin_and_forget);

/// A transaction. A watcher gives its connection back when it is over.
struct Transaction {
    over: Arc<Notify>,
}

impl Transaction {
    fn begin() -> Self {
        let over = Arc::new(Notify::new());
        let watched = over.clone();
        // leaked-task: nobody ends the transaction.
        // waits for `Arc::new(Notify::new())`, held by itself.
        tokio::spawn(async move { watched.notified().await });
        Self { over }
    }

    fn roll_back(&self) {
        self.over.notify_one();
    }
}

async fn begin_and_forget(form: Form) {
    let transaction = Transaction::begin();
    if form == Form::Fixed {
        transaction.roll_back();
    }
}
