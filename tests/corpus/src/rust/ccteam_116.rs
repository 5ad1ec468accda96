//! ccteam#116: the task that drains a queue holds a clone of the queue's sender, to put back what failed.

use tokio::sync::mpsc::{self, Receiver, Sender, WeakSender};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, fill_and_close);

/// Who can put something back: for ever, or while somebody else keeps the queue open.
enum Back {
    Always(Sender<u32>),
    WhileOpen(WeakSender<u32>),
}

impl Back {
    fn put(&self, item: u32) {
        let sender = match self {
            Self::Always(sender) => Some(sender.clone()),
            Self::WhileOpen(sender) => sender.upgrade(),
        };
        let _ = sender.map(|sender| sender.try_send(item));
    }
}

async fn drain(mut queue: Receiver<u32>, back: Back) {
    while let Some(item) = queue.recv().await {
        if item > 1 {
            back.put(item - 1);
        }
    }
}

async fn fill_and_close(form: Form) {
    let (sender, queue) = mpsc::channel(8);
    let back = match form {
        Form::Buggy => Back::Always(sender.clone()),
        Form::Fixed => Back::WhileOpen(sender.downgrade()),
    };
    // leaked-task: its queue stays open as long as it drains it.
    // waits for `mpsc::channel(8)`, held by itself.
    tokio::spawn(drain(queue, back));
    for item in 0..3 {
        sender.send(item).await.expect("it is being drained");
    }
}
