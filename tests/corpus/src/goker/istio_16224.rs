//! istio#16224: a handler says under a lock that it was called, and its test takes the lock before it listens.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, handle_two_events);

#[derive(Default)]
struct Handler {
    handled: Mutex<u32>,
    done: Channel<()>,
}

impl Handler {
    async fn handle(&self, form: Form) {
        let mut handled = self.handled.lock().await;
        *handled += 1;
        if form == Form::Fixed {
            drop(handled);
        }
        self.done.send(()).await;
    }
}

async fn handle_two_events(form: Form) {
    let handler = Arc::new(Handler::default());
    let handling = handler.clone();
    // leaked-task: it has the lock, and nobody listens yet.
    // waits for `mpsc::channel(messages)`, held by task 2.
    tokio::spawn(async move {
        handling.handle(form).await;
        handling.handle(form).await;
    });
    // leaked-task: it wants the lock before it listens.
    // waits for `Handler::default()`, held by task 1.
    tokio::spawn(async move {
        for _ in 0..2 {
            let _handled = handler.handled.lock().await;
            handler.done.recv().await;
        }
    });
}
