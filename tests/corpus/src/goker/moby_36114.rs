//! moby#36114: disks are added to a virtual machine under its lock, and those that fail are removed by a method that locks.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(TakenAgain, add_disks);

#[derive(Default)]
struct Machine {
    disks: Mutex<Vec<u32>>,
}

impl Machine {
    /// Adds all disks, or none of them.
    async fn add(&self, form: Form, added: &[u32]) {
        let mut disks = self.disks.lock().await;
        for disk in added {
            if *disk == 0 {
                match form {
                    Form::Buggy => self.remove(added).await,
                    Form::Fixed => disks.retain(|disk| !added.contains(disk)),
                }
                return;
            }
            disks.push(*disk);
        }
    }

    async fn remove(&self, removed: &[u32]) {
        self.disks.lock().await.retain(|disk| !removed.contains(disk));
    }
}

async fn add_disks(form: Form) {
    let machine = Arc::new(Machine::default());
    // leaked-task: it waits for a lock that it holds.
    // waits for `Machine::default()`, held by itself.
    tokio::spawn(async move { machine.add(form, &[7, 0]).await });
}
