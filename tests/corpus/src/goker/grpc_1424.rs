//! grpc-go#1424: dialling waits on a done channel that an early exit of the watcher never closes.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, dial);

/// What a balancer tells of.
#[derive(Default)]
struct Balancer {
    updates: Channel<Option<&'static str>>,
    done: CancellationToken,
}

impl Balancer {
    /// Follows the addresses until there are no more, and says that it is done.
    async fn watch(&self, form: Form) {
        // Fires wherever this function is left, as Go's `defer` does.
        let _done = (form == Form::Fixed).then(|| self.done.clone().drop_guard());
        while let Some(address) = self.updates.recv().await {
            if address.is_empty() {
                return;
            }
        }
        self.done.cancel();
    }
}

async fn dial(form: Form) {
    let balancer = Arc::new(Balancer::default());
    let (watcher, dialler) = (balancer.clone(), balancer.clone());
    tokio::spawn(async move { watcher.watch(form).await });
    // leaked-task: the watcher left at an empty address, and said nothing.
    // waits for `done: CancellationToken,`, held by itself.
    tokio::spawn(async move { dialler.done.cancelled().await });
    balancer.updates.send(Some("")).await;
}
