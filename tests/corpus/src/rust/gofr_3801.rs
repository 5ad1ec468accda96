//! gofr#3801: a shutdown is lost when the signal comes before the server was published.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, Needs, Signal, case};

pub(crate) const CASE: Case = case!(LostSignal, start_and_serve, Needs::Signals(&[Signal::Terminate]));

#[derive(Default)]
struct App {
    /// The server's stop; `None` until it is published.
    server: Mutex<Option<CancellationToken>>,
    stopped: CancellationToken,
}

impl App {
    fn shutdown(&self, form: Form) {
        if form == Form::Fixed {
            self.stopped.cancel();
        }
        if let Some(server) = &*self.server.lock().expect("nobody panics with it") {
            server.cancel();
        }
    }

    async fn run(&self) {
        // Migrations come first.
        sleep(Duration::from_millis(10)).await;
        let server = self.stopped.child_token();
        *self.server.lock().expect("nobody panics with it") = Some(server.clone());
        // hang: the signal came during the migrations.
        server.cancelled().await;
    }
}

async fn start_and_serve(form: Form) {
    let app = Arc::new(App::default());
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be heard");
    let stopping = app.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stopping.shutdown(form);
    });
    app.run().await;
}
