//! grpc-go#1460: keepalive waits to be awakened under the lock that a new stream needs to do so.

use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, keep_alive);

#[derive(Default)]
struct Client {
    streams: Mutex<u32>,
    awaken: Notify,
}

impl Client {
    /// Sends pings while there are streams, and sleeps until there is one.
    async fn keepalive(&self, form: Form) {
        let streams = self.streams.lock().await;
        if *streams == 0 {
            if form == Form::Fixed {
                drop(streams);
            }
            self.awaken.notified().await;
        }
    }

    async fn new_stream(&self) {
        let mut streams = self.streams.lock().await;
        *streams += 1;
        self.awaken.notify_one();
    }
}

async fn keep_alive(form: Form) {
    let client = Arc::new(Client::default());
    let sleeper = client.clone();
    // leaked-task: it sleeps with the lock.
    // waits for `Client::default()`, held by task 2.
    tokio::spawn(async move { sleeper.keepalive(form).await });
    // leaked-task: it needs the lock to wake the other.
    // waits for `Client::default()`, held by task 1.
    tokio::spawn(async move { client.new_stream().await });
}
