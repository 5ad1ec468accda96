//! cockroach#9935: an error path takes the lock that its caller holds.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(TakenAgain, log_to_a_full_disk);

/// A log that says goodbye when it cannot be written any more.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<&'static str>>,
}

impl Log {
    async fn write(&self, form: Form, line: &'static str) {
        let mut lines = self.lines.lock().await;
        match create_file() {
            Ok(()) => lines.push(line),
            Err(error) if form == Form::Buggy => self.exit(error).await,
            Err(error) => {
                drop(lines);
                self.exit(error).await;
            }
        }
    }

    async fn exit(&self, error: &'static str) {
        self.lines.lock().await.push(error);
    }
}

fn create_file() -> Result<(), &'static str> {
    Err("no space left on the device")
}

async fn log_to_a_full_disk(form: Form) {
    let log = Arc::new(Log::default());
    // leaked-task: it waits for a lock that it holds.
    // waits for `Log::default()`, held by itself.
    tokio::spawn(async move { log.write(form, "started").await });
}
