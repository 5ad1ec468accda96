//! kubernetes#62464: a look-up has the read lock and calls two that take it again, and a removal writes in between.

use std::sync::Arc;

use tokio::sync::RwLock;

use crate::{Case, Form, Needs, case};

/// Nothing is waited for between the read locks, so the removal must come between by chance.
pub(crate) const CASE: Case = case!(QueuedWriter, reconcile_and_remove, Needs::Delays(1));

/// The processors that a container may use, or those that all others may use.
#[derive(Default)]
struct Processors {
    own: Option<u32>,
    default: u32,
}

#[derive(Default)]
struct State {
    processors: RwLock<Processors>,
}

impl State {
    async fn own_or_default(&self, form: Form) -> u32 {
        let processors = self.processors.read().await;
        if form == Form::Fixed {
            return processors.own.unwrap_or(processors.default);
        }
        match self.own().await {
            Some(own) => own,
            None => self.shared().await,
        }
    }

    async fn own(&self) -> Option<u32> {
        self.processors.read().await.own
    }

    async fn shared(&self) -> u32 {
        self.processors.read().await.default
    }

    async fn remove(&self) {
        self.processors.write().await.own = None;
    }
}

async fn reconcile_and_remove(form: Form) {
    let state = Arc::new(State::default());
    let reconciled = state.clone();
    // leaked-task: its inner read lock stands behind the removal.
    // waits for `State::default()`, held by task 2.
    tokio::spawn(async move { reconciled.own_or_default(form).await });
    // leaked-task: it waits for the outer read lock.
    // waits for `State::default()`, held by task 1.
    tokio::spawn(async move { state.remove().await });
}
