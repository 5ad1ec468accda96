//! etcd#7492: a token is announced to its keeper under the lock that the keeper needs to delete one.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, authenticate);

/// The tokens that were given out, and those that their keeper has not heard of.
#[derive(Default)]
struct Tokens {
    given: Mutex<Vec<u32>>,
    announced: Channel<u32>,
}

impl Tokens {
    async fn assign(&self, form: Form, token: u32) {
        let mut given = self.given.lock().await;
        given.push(token);
        if form == Form::Fixed {
            drop(given);
        }
        self.announced.send(token).await;
    }

    /// Deletes each token after its time.
    async fn keep(&self, count: usize) {
        for _ in 0..count {
            let over = self.announced.recv().await;
            self.given.lock().await.retain(|token| *token != over);
        }
    }
}

async fn authenticate(form: Form) {
    let tokens = Arc::new(Tokens::default());
    for token in 0..3 {
        let tokens = tokens.clone();
        // leaked-task: with the lock it waits for room; and behind it another one, for the lock.
        // waits for `mpsc::channel(messages)`, held by task 2.
        // waits for `Tokens::default()`, held by task 1.
        tokio::spawn(async move { tokens.assign(form, token).await });
    }
    // leaked-task: it deletes nothing without the lock, and makes no room before.
    // waits for `Tokens::default()`, held by task 1.
    tokio::spawn(async move { tokens.keep(3).await });
}
