//! Uber's study: a worker ranges over a channel that nobody closes.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, process_all);

async fn process_all(form: Form) {
    let items = Arc::new(Channel::<Option<u32>>::new());
    let queue = items.clone();
    // leaked-task: no message says that there are no more.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { while queue.recv().await.is_some() {} });
    for item in 0..3 {
        items.send(Some(item)).await;
    }
    if form == Form::Fixed {
        items.send(None).await;
    }
}
