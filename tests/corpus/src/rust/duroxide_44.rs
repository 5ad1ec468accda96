//! duroxide#44: a supervisor is aborted, and the children that it spawned go on without it.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(Orphan, abort_the_supervisor);

/// Runs two children until it is aborted.
async fn supervise(form: Form) {
    match form {
        Form::Buggy => {
            // leaked-task: dropping a JoinHandle detaches its task.
            // waits for a timer.
            let children = [1, 2].map(|child| tokio::spawn(renew_lease(child)));
            for child in children {
                child.await.expect("a child runs for ever");
            }
        }
        Form::Fixed => {
            let mut children: JoinSet<()> = [1, 2].into_iter().map(renew_lease).collect();
            while children.join_next().await.is_some() {}
        }
    }
}

async fn renew_lease(_child: u32) {
    loop {
        sleep(Duration::from_millis(100)).await;
    }
}

async fn abort_the_supervisor(form: Form) {
    let supervisor = tokio::spawn(supervise(form));
    tokio::task::yield_now().await;
    supervisor.abort();
    assert!(supervisor.await.unwrap_err().is_cancelled());
}
