//! moby#21233: a consumer expects every update of a transfer's progress, but updates may merge.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, watch_a_transfer);

const LAST: u32 = 3;

/// A transfer, which those who watch it keep.
struct Transfer {
    progress: watch::Sender<u32>,
}

impl Transfer {
    fn run(&self) {
        for step in 1..=LAST {
            self.progress.send_replace(step);
        }
    }

    async fn follow(&self, form: Form) {
        let mut progress = self.progress.subscribe();
        match form {
            Form::Buggy => {
                for _step in 1..=LAST {
                    progress.changed().await.expect("we keep the transfer");
                }
            }
            Form::Fixed => drop(progress.wait_for(|step| *step == LAST).await),
        }
    }
}

async fn watch_a_transfer(form: Form) {
    let transfer = Arc::new(Transfer { progress: watch::channel(0).0 });
    let watched = transfer.clone();
    // leaked-task: three updates have become one.
    // waits for `watch::channel(0)`, held by itself.
    tokio::spawn(async move { watched.follow(form).await });
    tokio::task::yield_now().await;
    transfer.run();
}
