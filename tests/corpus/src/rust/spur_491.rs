//! spur#491: an accept loop has no exit.

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(NoExit, start_and_stop);

/// Greets whoever comes.
async fn accept(form: Form, listener: TcpListener, stop: CancellationToken) {
    loop {
        let accepted = match form {
            Form::Buggy => listener.accept().await,
            Form::Fixed => match stop.run_until_cancelled(listener.accept()).await {
                Some(accepted) => accepted,
                None => return,
            },
        };
        let (stream, _) = accepted.expect("the listener works");
        let _ = stream.try_write(b"hello\n");
    }
}

async fn start_and_stop(form: Form) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
    let stop = CancellationToken::new();
    // leaked-task: it accepts until the process ends.
    // waits for a source of events.
    tokio::spawn(accept(form, listener, stop.clone()));
    tokio::task::yield_now().await;
    stop.cancel();
}
