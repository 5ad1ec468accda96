//! A channel as Go has it.

use tokio::sync::{Mutex, mpsc};

/// This file, as the compiler names it, and so a report.
pub(crate) const FILE: &str = file!();

/// A channel of which everyone who shares it has both halves, as a server's own struct often does. So it never ends by itself.
#[derive(Debug)]
pub(crate) struct Channel<T> {
    sender: mpsc::Sender<T>,
    receiver: Mutex<mpsc::Receiver<T>>,
}

impl<T> Channel<T> {
    /// Makes a channel with room for one message, which is the least that tokio has.
    pub(crate) fn new() -> Self {
        Self::with_room(1)
    }

    pub(crate) fn with_room(messages: usize) -> Self {
        let (sender, receiver) = mpsc::channel(messages);
        Self { sender, receiver: Mutex::new(receiver) }
    }

    /// Waits for room.
    pub(crate) async fn send(&self, message: T) {
        assert!(self.sender.send(message).await.is_ok(), "the channel has its own receiver");
    }

    /// Sends if there is room, and returns whether there was.
    pub(crate) fn try_send(&self, message: T) -> bool {
        self.sender.try_send(message).is_ok()
    }

    /// Waits for a message.
    pub(crate) async fn recv(&self) -> T {
        self.receiver.lock().await.recv().await.expect("the channel has its own sender")
    }
}

impl<T> Default for Channel<T> {
    fn default() -> Self {
        Self::new()
    }
}
