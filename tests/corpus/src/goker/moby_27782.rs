//! moby#27782: remove() waits on a condition for an event whose reader is blocked sending to a channel that nobody reads.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, follow_and_remove);

/// A watcher of a log file, which its reader and its owner share.
struct Watcher {
    errors: Channel<&'static str>,
    removed: Notify,
}

impl Watcher {
    /// Reads the system's events until the file is gone.
    async fn read_events(&self, form: Form) {
        for error in ["overflow", "overflow again"] {
            match form {
                Form::Buggy => self.errors.send(error).await,
                // Errors are reported while there is somebody who takes them.
                Form::Fixed => drop(self.errors.try_send(error)),
            }
        }
        self.removed.notify_one();
    }

    /// Waits until the reader has seen that the file is gone.
    async fn remove(&self) {
        self.removed.notified().await;
    }
}

async fn follow_and_remove(form: Form) {
    let watcher = Arc::new(Watcher { errors: Channel::new(), removed: Notify::new() });
    let reader = watcher.clone();
    // leaked-task: the follower, which took the errors, has left.
    // waits for `mpsc::channel(messages)`, held by task 2.
    // waits for `mpsc::channel(messages)`, held by itself.
    tokio::spawn(async move { reader.read_events(form).await });
    // leaked-task: the reader does not come to the removal.
    // waits for `Arc::new(Watcher`, held by task 1.
    tokio::spawn(async move { watcher.remove().await });
}
