//! cockroach#1055: a stopper waits for all tasks before it tells its workers to stop, and a worker's task ends when it is told.

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, stop_a_worker);

/// Lets no new task begin, waits for those that run, then stops the workers.
#[derive(Clone, Default)]
struct Stopper {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Stopper {
    async fn work(self, form: Form) {
        let task = self.tasks.token();
        if form == Form::Fixed {
            drop(task);
        }
        self.stop.cancelled().await;
    }

    async fn stop(self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.stop.cancel();
    }
}

async fn stop_a_worker(form: Form) {
    let stopper = Stopper::default();
    // leaked-task: it has begun a task, and ends it when it is told to stop.
    // waits for `stop: CancellationToken,`, held by task 2.
    tokio::spawn(stopper.clone().work(form));
    // leaked-task: it waits for that task before it tells anybody.
    // waits for `tasks: TaskTracker,`, held by task 1.
    tokio::spawn(stopper.stop());
}
