//! etcd#7443: a balancer announces its pinned address under its lock, and who hears of it takes addresses down under that lock.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, bring_up_and_down);

const ADDRESSES: u32 = 3;

#[derive(Default)]
struct Balancer {
    pinned: Mutex<Option<u32>>,
    announced: Channel<u32>,
}

impl Balancer {
    /// Pins an address, and announces that.
    async fn up(&self, form: Form, address: u32) {
        let mut pinned = self.pinned.lock().await;
        *pinned = Some(address);
        if form == Form::Fixed {
            drop(pinned);
        }
        self.announced.send(address).await;
    }

    async fn down(&self, address: u32) {
        let mut pinned = self.pinned.lock().await;
        *pinned = pinned.filter(|pinned| *pinned != address);
    }

    async fn watch(&self) {
        for _ in 0..ADDRESSES {
            let address = self.announced.recv().await;
            self.down(address).await;
        }
    }
}

async fn bring_up_and_down(form: Form) {
    let balancer = Arc::new(Balancer::default());
    for address in 0..ADDRESSES {
        let balancer = balancer.clone();
        // leaked-task: the last one has the lock, and nobody takes its announcement.
        // waits for `mpsc::channel(messages)`, held by task 2.
        tokio::spawn(async move { balancer.up(form, address).await });
    }
    // leaked-task: it heard of an address, and cannot take it down.
    // waits for `Balancer::default()`, held by task 1.
    tokio::spawn(async move { balancer.watch().await });
}
