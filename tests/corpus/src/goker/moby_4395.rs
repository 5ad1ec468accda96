//! moby#4395: a job sends its result to a channel that the caller ignores.

use std::sync::Arc;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, ignore_the_result);

/// Runs jobs in the background.
struct Runner {
    results: Channel<Result<(), &'static str>>,
}

impl Runner {
    fn new(form: Form, jobs: usize) -> Arc<Self> {
        let results = match form {
            Form::Buggy => Channel::new(),
            Form::Fixed => Channel::with_room(jobs),
        };
        Arc::new(Self { results })
    }

    /// Starts a job. Its result comes over `results`, for whoever cares.
    fn start(self: &Arc<Self>) {
        let runner = self.clone();
        // leaked-task: the second result finds no room.
        // waits for `mpsc::channel(messages)`, held by itself.
        tokio::spawn(async move { runner.results.send(Ok(())).await });
    }
}

async fn ignore_the_result(form: Form) {
    let runner = Runner::new(form, 2);
    runner.start();
    runner.start();
}
