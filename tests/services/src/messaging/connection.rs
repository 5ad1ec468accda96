//! The listener and the connections: for each a task that reads and one that writes.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::events::{Event, Events};
use super::protocol::{self, Command};
use super::router::{Outbox, Router};

/// Pause after a failed accept, so that a lack of file descriptors is not answered with a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The connection manager: each stage of the end has a token that asks for it and a tracker that waits for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections {
    accepting: CancellationToken,
    reading: CancellationToken,
    writing: CancellationToken,
    /// The accept loop.
    listener: TaskTracker,
    readers: TaskTracker,
    writers: TaskTracker,
}

impl Connections {
    pub(super) fn start(listener: TcpListener, router: Arc<Router>, events: Events) -> Self {
        let connections = Self::default();
        connections.listener.spawn(connections.clone().accept(listener, router, events));
        connections
    }

    pub(super) async fn stop_accepting(&self) {
        end(&self.accepting, &self.listener).await;
    }

    /// Stops to read, everywhere between two commands.
    pub(super) async fn stop_reading(&self) {
        end(&self.reading, &self.readers).await;
    }

    /// Waits until all that was on its way is written, and the connections are over.
    pub(super) async fn written(&self) {
        self.writers.close();
        self.writers.wait().await;
    }

    /// Ends connections whatever is on its way.
    pub(super) async fn abort(&self) {
        end(&self.writing, &self.writers).await;
    }

    async fn accept(self, listener: TcpListener, router: Arc<Router>, events: Events) {
        let port = listener.local_addr().map_or(0, |address| address.port());
        for id in 0.. {
            match self.accepting.run_until_cancelled(listener.accept()).await {
                Some(Ok((socket, _))) => self.open(id, port, socket, &router, &events),
                Some(Err(_)) => drop(self.accepting.run_until_cancelled(sleep(ACCEPT_PAUSE)).await),
                None => return,
            }
        }
    }

    fn open(&self, id: u64, port: u16, socket: TcpStream, router: &Arc<Router>, events: &Events) {
        let _ = socket.set_nodelay(true);
        let (input, output) = socket.into_split();
        let (outbox, queued) = mpsc::unbounded_channel();
        let _ = outbox.send(protocol::info(id, port));
        events.send(Event::Connected(id));
        let (router, reading) = (router.clone(), self.reading.clone());
        self.readers.spawn(async move {
            let closed = outbox.clone();
            tokio::select! {
                // Its subscriptions stay: others may still send to it.
                () = reading.cancelled() => {}
                () = read(input, id, &router, outbox) => router.leave(id),
                // The client does not take what is sent to it.
                () = closed.closed() => router.leave(id),
            }
        });
        let (events, writing) = (events.clone(), self.writing.clone());
        self.writers.spawn(async move {
            let _ = writing.run_until_cancelled(write(output, queued)).await;
            events.send(Event::Disconnected(id));
        });
    }
}

async fn end(asked: &CancellationToken, tasks: &TaskTracker) {
    asked.cancel();
    tasks.close();
    tasks.wait().await;
}

/// Does what the client asks for, until it leaves or breaks the protocol.
async fn read(input: OwnedReadHalf, connection: u64, router: &Router, outbox: Outbox) {
    let (mut input, mut is_verbose) = (BufReader::new(input), false);
    // A send fails when the connection is ending.
    let say = |text: &str| drop(outbox.send(format!("{text}\r\n").into_bytes()));
    loop {
        match protocol::read_command(&mut input).await {
            Ok(Some(Command::Connect { verbose })) => is_verbose = verbose,
            Ok(Some(Command::Ping)) => say("PONG"),
            Ok(Some(Command::Pong)) => {}
            Ok(Some(Command::Subscribe { pattern, id })) => router.subscribe(connection, id, pattern, outbox.clone()),
            Ok(Some(Command::Unsubscribe { id, after })) => router.unsubscribe(connection, id, after),
            Ok(Some(Command::Publish { subject, reply, payload })) => {
                router.publish(&subject, reply.as_deref(), &payload)
            }
            Ok(None) => return,
            Err(reason) => return say(&format!("-ERR '{reason}'")),
        }
        if is_verbose {
            say("+OK");
        }
    }
}

/// Writes until nobody can send any more, or the client is gone.
async fn write(mut output: OwnedWriteHalf, mut queued: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(bytes) = queued.recv().await {
        if output.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
