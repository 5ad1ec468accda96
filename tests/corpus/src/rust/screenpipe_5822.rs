//! screenpipe#5822: connection tasks outlive their server, and hold on to its closed pool.

use std::sync::Arc;

use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(Orphan, start_and_stop);

/// A database: a pool of connections to it, and news for those who follow a table.
struct Database {
    pool: Semaphore,
    changed: Notify,
}

struct Server {
    database: Arc<Database>,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    fn accept(&self) {
        let (database, stop) = (self.database.clone(), self.stop.clone());
        // leaked-task: the table that it follows will not change any more.
        // waits for `Arc::new(Database`, held by task 1.
        // waits for `Arc::new(Database`, held by itself.
        // waits for `CancellationToken::new()`, held by task 1.
        // waits for `CancellationToken::new()`, held by itself.
        self.connections.spawn(async move {
            while let Ok(_connection) = database.pool.acquire().await {
                if stop.run_until_cancelled(database.changed.notified()).await.is_none() {
                    return;
                }
            }
        });
    }

    async fn stop(self, form: Form) {
        if form == Form::Fixed {
            self.stop.cancel();
            self.connections.close();
            self.connections.wait().await;
        }
        self.database.pool.close();
    }
}

async fn start_and_stop(form: Form) {
    let database = Arc::new(Database { pool: Semaphore::new(4), changed: Notify::new() });
    let server = Server { database, connections: TaskTracker::new(), stop: CancellationToken::new() };
    server.accept();
    server.accept();
    tokio::task::yield_now().await;
    server.stop(form).await;
}
