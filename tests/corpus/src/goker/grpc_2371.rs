//! grpc-go#2371: the resolver hands an update to the balancer of a connection that was closed in the meantime.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(UseAfterClose, dial_and_close);

/// A connection; its balancer is `None` once it is closed.
struct Connection {
    balancer: Mutex<Option<watch::Sender<u32>>>,
}

impl Connection {
    fn handle_resolved(&self, form: Form, address: u32) {
        let balancer = self.balancer.lock().expect("nobody panics with it").clone();
        if form == Form::Fixed && balancer.is_none() {
            return;
        }
        // task-panic: the connection was closed before the first address came.
        balancer.expect("the connection is open").send_replace(address);
    }

    fn close(&self) {
        self.balancer.lock().expect("nobody panics with it").take();
    }
}

async fn dial_and_close(form: Form) {
    let connection = Arc::new(Connection { balancer: Mutex::new(Some(watch::channel(0).0)) });
    let resolved = connection.clone();
    let resolver = tokio::spawn(async move { resolved.handle_resolved(form, 7) });
    connection.close();
    let _ = resolver.await;
}
