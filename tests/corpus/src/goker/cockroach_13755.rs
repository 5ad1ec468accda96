//! cockroach#13755: the rows of a query are not closed, and their watcher waits for the end of their context.

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, first_row);

/// The rows of a query. A watcher releases the connection when their context ends.
struct Rows {
    context: CancellationToken,
    rows: mpsc::Receiver<u32>,
}

impl Rows {
    fn query(count: u32) -> Self {
        let context = CancellationToken::new();
        let (sender, rows) = mpsc::channel(count as usize);
        // leaked-task: dropping a token does not cancel it.
        // waits for `CancellationToken::new()`, held by itself.
        tokio::spawn(release_at_the_end(context.clone(), sender.clone()));
        for row in 0..count {
            sender.try_send(row).expect("there is room for all rows");
        }
        Self { context, rows }
    }

    async fn next(&mut self) -> Option<u32> {
        self.rows.recv().await
    }

    fn close(self) {
        self.context.cancel();
    }
}

async fn release_at_the_end(context: CancellationToken, connection: mpsc::Sender<u32>) {
    context.cancelled().await;
    drop(connection);
}

async fn first_row(form: Form) {
    let mut rows = Rows::query(3);
    assert_eq!(rows.next().await, Some(0));
    if form == Form::Fixed {
        rows.close();
    }
}
