//! ockam#3105: stop is called twice; the router is gone, its receiver is not, and the second reply never comes.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, stop_twice);

/// A request to stop, and where to say that it was done.
type Stop = oneshot::Sender<()>;

/// The context of a node. The executor keeps its parts until the process ends.
struct Node {
    router: mpsc::Sender<Stop>,
    requests: Arc<Mutex<mpsc::Receiver<Stop>>>,
}

impl Node {
    fn start(form: Form) -> Self {
        let (router, requests) = mpsc::channel::<Stop>(4);
        let requests = Arc::new(Mutex::new(requests));
        let routed = requests.clone();
        tokio::spawn(async move {
            let mut requests = routed.lock().await;
            if let Some(stop) = requests.recv().await {
                let _ = stop.send(());
            }
            if form == Form::Fixed {
                requests.close();
            }
        });
        Self { router, requests }
    }

    async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.router.send(done).await.is_ok() {
            // hang: nobody takes the second request, and nobody drops it.
            let _ = stopped.await;
        }
    }
}

async fn stop_twice(form: Form) {
    let node = Node::start(form);
    node.stop().await;
    node.stop().await;
    drop(node.requests);
}
