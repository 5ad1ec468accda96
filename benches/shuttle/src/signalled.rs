//! Signals at the wrong moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::spawn;
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::Form;

const MS: Duration = Duration::from_millis(1);

/// A second signal while it drains closes what is closed.
pub(crate) async fn closed_twice(form: Form) {
    let mut term = signal(SignalKind::terminate()).expect("it can listen");
    let (close, closed) = oneshot::channel::<()>();
    let listening = spawn(async move {
        let mut close = Some(close);
        loop {
            term.recv().await;
            match (close.take(), form) {
                (Some(close), _) => drop(close.send(())),
                (None, Form::Fixed) => {}
                (None, Form::Buggy) => panic!("closed twice"),
            }
        }
    });
    let _ = closed.await;
    for _ in 0..3 {
        sleep(2 * MS).await;
    }
    listening.abort();
    assert!(listening.await.is_err_and(|error| error.is_cancelled()), "the listener does not panic");
}

/// A signal that comes before the server is published stops nothing.
pub(crate) async fn lost_before_the_server(form: Form) {
    let mut term = signal(SignalKind::terminate()).expect("it can listen");
    let server: Arc<Mutex<Option<watch::Sender<bool>>>> = Arc::default();
    let told = Arc::new(Mutex::new(false));
    let (published, is_told) = (server.clone(), told.clone());
    let listening = spawn(async move {
        term.recv().await;
        *told.lock().expect("nobody panics with it") = true;
        if let Some(stop) = &*published.lock().expect("nobody panics with it") {
            stop.send_replace(true);
        }
    });
    // Migrations come first.
    sleep(10 * MS).await;
    let (stop, mut stopped) = watch::channel(false);
    *server.lock().expect("nobody panics with it") = Some(stop);
    let is_late = form == Form::Fixed && *is_told.lock().expect("nobody panics with it");
    if !is_late {
        let _ = stopped.changed().await;
    }
    listening.await.expect("it does not panic");
}
