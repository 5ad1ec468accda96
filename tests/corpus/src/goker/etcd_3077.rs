//! etcd#3077: a server stops its raft node before that has made the channels by which it is stopped.

use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(UseAfterClose, start_and_stop);

/// A node that runs until it is stopped.
#[derive(Default)]
struct Node {
    /// `None` until the node can be stopped, and after it was.
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Node {
    fn prepare(&self) -> oneshot::Receiver<()> {
        let (stop, stopped) = oneshot::channel();
        *self.stop.lock().expect("nobody panics with it") = Some(stop);
        stopped
    }

    fn stop(&self) {
        let stop = self.stop.lock().expect("nobody panics with it").take();
        // task-panic: the node has not had a turn yet.
        stop.expect("the node runs").send(()).expect("the node listens");
    }
}

async fn start_and_stop(form: Form) {
    let node = Arc::new(Node::default());
    let stopped = (form == Form::Fixed).then(|| node.prepare());
    let (running, stopping) = (node.clone(), node);
    let server = tokio::spawn(async move { stopping.stop() });
    let run = tokio::spawn(async move {
        let stopped = stopped.unwrap_or_else(|| running.prepare());
        drop(running);
        let _ = stopped.await;
    });
    let _ = server.await;
    let _ = run.await;
}
