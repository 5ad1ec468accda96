//! Which subscriber gets what is published.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::mpsc;

use super::protocol;

/// Bytes on their way to a client. Not bounded: a client that never reads costs memory until it is gone.
pub(super) type Outbox = mpsc::UnboundedSender<Vec<u8>>;

/// The subscriptions, by number of the connection and the client's id.
#[derive(Debug, Default)]
pub(super) struct Router(Mutex<BTreeMap<(u64, String), Subscription>>);

#[derive(Debug)]
struct Subscription {
    /// `*` stands for one word of a subject, `>` for all that follow.
    pattern: String,
    outbox: Outbox,
    /// How many messages it still gets; `None` is no limit.
    left: Option<u64>,
}

impl Router {
    pub(super) fn subscribe(&self, connection: u64, id: String, pattern: String, outbox: Outbox) {
        self.subscriptions().insert((connection, id), Subscription { pattern, outbox, left: None });
    }

    /// Ends a subscription: now, or after so many more messages.
    pub(super) fn unsubscribe(&self, connection: u64, id: String, after: Option<u64>) {
        let mut subscriptions = self.subscriptions();
        match (after, subscriptions.get_mut(&(connection, id.clone()))) {
            (Some(after), Some(subscription)) if after > 0 => subscription.left = Some(after),
            _ => drop(subscriptions.remove(&(connection, id))),
        }
    }

    /// Puts a message into the outbox of every subscriber.
    pub(super) fn publish(&self, subject: &str, reply: Option<&str>, payload: &[u8]) {
        self.subscriptions().retain(|(_, id), subscription| {
            if !matches(&subscription.pattern, subject) {
                return true;
            }
            // It fails when the connection is ending, and then it leaves on its own.
            let _ = subscription.outbox.send(protocol::message(subject, id, reply, payload));
            subscription.left = subscription.left.map(|left| left - 1);
            subscription.left != Some(0)
        });
    }

    /// Ends the subscriptions of a connection.
    pub(super) fn leave(&self, connection: u64) {
        self.subscriptions().retain(|(owner, _), _| *owner != connection);
    }

    /// Ends all subscriptions.
    pub(super) fn clear(&self) {
        self.subscriptions().clear();
    }

    pub(super) fn len(&self) -> usize {
        self.subscriptions().len()
    }

    fn subscriptions(&self) -> MutexGuard<'_, BTreeMap<(u64, String), Subscription>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}

fn matches(pattern: &str, subject: &str) -> bool {
    let mut words = subject.split('.');
    for part in pattern.split('.') {
        match (part, words.next()) {
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (part, Some(word)) if part == word => {}
            _ => return false,
        }
    }
    words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn subjects_match_by_word() {
        for (pattern, subject) in [("a.b", "a.b"), ("a.*", "a.b"), ("*.b", "a.b"), ("a.>", "a.b.c"), (">", "a")] {
            assert!(matches(pattern, subject), "{pattern} {subject}");
        }
        for (pattern, subject) in [("a", "a.b"), ("a.b", "a"), ("a.*", "a.b.c"), ("a.*", "a"), ("a.>", "a"), ("b", "a")]
        {
            assert!(!matches(pattern, subject), "{pattern} {subject}");
        }
    }
}
