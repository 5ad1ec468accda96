//! kubernetes#26980: a listener waits for its consumer under the lock that everybody needs to add to it.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, add_and_stop);

#[derive(Default)]
struct Listener {
    pending: Mutex<VecDeque<u32>>,
    next: Channel<u32>,
    stop: CancellationToken,
}

impl Listener {
    async fn add(&self, notification: u32) {
        self.pending.lock().await.push_back(notification);
    }

    /// Hands notifications to the consumer, until it is told to stop.
    async fn pop(&self, form: Form) {
        loop {
            let mut pending = self.pending.lock().await;
            let Some(notification) = pending.pop_front() else { return };
            if form == Form::Fixed {
                drop(pending);
            }
            if self.stop.run_until_cancelled(self.next.send(notification)).await.is_none() {
                return;
            }
        }
    }
}

async fn add_and_stop(form: Form) {
    let listener = Arc::new(Listener::default());
    listener.add(1).await;
    listener.add(2).await;
    let (popping, adding) = (listener.clone(), listener);
    // leaked-task: with the lock it waits for its consumer, or for a stop.
    // waits for `mpsc::channel(messages)`, held by task 2.
    // waits for `stop: CancellationToken,`, held by task 2.
    tokio::spawn(async move { popping.pop(form).await });
    // leaked-task: it needs the lock to add, and it would tell the other to stop.
    // waits for `Listener::default()`, held by task 1.
    tokio::spawn(async move {
        adding.add(3).await;
        adding.stop.cancel();
    });
}
