//! cockroach#16167: a statement has the configuration's read lock and takes it again far down, and an update comes between.

use std::sync::Arc;

use tokio::sync::RwLock;

use crate::{Case, Form, Needs, case};

/// Nothing is waited for between the two locks, so the update must come between by chance.
pub(crate) const CASE: Case = case!(QueuedWriter, execute_and_update, Needs::Delays(1));

#[derive(Default)]
struct Executor {
    config: RwLock<u32>,
}

impl Executor {
    async fn execute(&self, form: Form) -> u32 {
        let config = self.config.read().await;
        match form {
            Form::Buggy => self.prepare().await,
            Form::Fixed => *config,
        }
    }

    async fn prepare(&self) -> u32 {
        self.database_cache().await
    }

    async fn database_cache(&self) -> u32 {
        *self.config.read().await
    }

    async fn update(&self) {
        *self.config.write().await += 1;
    }
}

async fn execute_and_update(form: Form) {
    let executor = Arc::new(Executor::default());
    let executing = executor.clone();
    // leaked-task: its second read lock stands behind the update.
    // waits for `Executor::default()`, held by task 2.
    tokio::spawn(async move { executing.execute(form).await });
    // leaked-task: it waits for the first read lock.
    // waits for `Executor::default()`, held by task 1.
    tokio::spawn(async move { executor.update().await });
}
