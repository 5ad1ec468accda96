//! cockroach#4407: a worker is started on a stopper that has stopped, and uses what was closed after the last worker.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(UseAfterClose, gossip_and_stop);

#[derive(Default)]
struct Server {
    workers: TaskTracker,
    /// `None` once all workers have ended.
    engine: Mutex<Option<watch::Sender<u32>>>,
}

impl Server {
    fn gossip(self: Arc<Self>, form: Form) {
        if form == Form::Fixed && self.workers.is_closed() {
            return;
        }
        let tracker = self.workers.clone();
        tracker.spawn(async move {
            let engine = self.engine.lock().expect("nobody panics with it").clone();
            // task-panic: this worker came after the last one.
            engine.expect("the engine is open").send_replace(1);
        });
    }

    async fn stop(&self) {
        self.workers.close();
        self.workers.wait().await;
        self.engine.lock().expect("nobody panics with it").take();
    }
}

async fn gossip_and_stop(form: Form) {
    let server = Arc::new(Server::default());
    *server.engine.lock().expect("nobody panics with it") = Some(watch::channel(0).0);
    let gossiping = server.clone();
    let gossip = tokio::spawn(async move { gossiping.gossip(form) });
    server.stop().await;
    gossip.await.expect("it only starts a worker");
}
