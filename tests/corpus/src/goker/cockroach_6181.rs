//! cockroach#6181: a look-up prints the cache under its read lock, and printing takes a read lock, behind a writer.

use std::sync::Arc;

use tokio::sync::RwLock;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(QueuedWriter, look_up_side_by_side);

/// A cache of ranges.
#[derive(Default)]
struct Ranges {
    cached: RwLock<Vec<u32>>,
}

impl Ranges {
    async fn look_up(&self, form: Form, range: u32) {
        let cached = self.cached.read().await;
        let is_known = cached.contains(&range);
        tokio::task::yield_now().await;
        let printed = match form {
            Form::Buggy => self.print().await,
            Form::Fixed => format!("{cached:?}"),
        };
        drop(cached);
        if !is_known && printed == "[]" {
            self.cached.write().await.push(range);
        }
    }

    async fn print(&self) -> String {
        format!("{:?}", self.cached.read().await)
    }
}

async fn look_up_side_by_side(form: Form) {
    let ranges = Arc::new(Ranges::default());
    let looking = ranges.clone();
    // leaked-task: it prints behind the writer.
    // waits for `Ranges::default()`, held by task 2.
    tokio::spawn(async move { looking.look_up(form, 2).await });
    // leaked-task: a writer, which waits for the look-up to end.
    // waits for `Ranges::default()`, held by task 1.
    tokio::spawn(async move { ranges.cached.write().await.push(1) });
}
