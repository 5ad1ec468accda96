//! The side that has the objects.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after a failed accept, so that a lack of file descriptors is not answered with a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running object store.
///
/// [`Server::shutdown`] ends it and waits; a drop asks its tasks to end and does not wait.
#[derive(Debug)]
#[must_use = "a dropped server stops"]
pub struct Server {
    address: SocketAddr,
    stopping: CancellationToken,
    /// The accept loop and one task a connection.
    tasks: TaskTracker,
}

impl Server {
    /// Listens on `address` and serves whoever connects.
    ///
    /// # Errors
    /// The address could not be bound.
    pub async fn start(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, stopping.clone(), tasks.clone()));
        Ok(Self { address, stopping, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops to accept, drops the connections, and returns when no task is left.
    ///
    /// May be called often and at the same time: every call returns after all is done.
    pub async fn shutdown(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// The accept loop: one task a connection, until stopped.
async fn accept(listener: TcpListener, stopping: CancellationToken, tasks: TaskTracker) {
    let hub = Arc::new(Hub::default());
    for connection in 0.. {
        match stopping.run_until_cancelled(listener.accept()).await {
            Some(Ok((socket, _))) => {
                tasks.spawn(serve(socket, connection, hub.clone(), stopping.clone()));
            }
            Some(Err(_)) => {
                stopping.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
            }
            None => return,
        }
    }
}

/// One connection, until it ends, breaks the protocol, or the server stops.
///
/// Reading does not wait for writing: a client that is slow to read can still unsubscribe.
async fn serve(socket: TcpStream, connection: u64, hub: Arc<Hub>, stopping: CancellationToken) {
    let _ = socket.set_nodelay(true);
    let (input, output) = socket.into_split();
    let (outbox, queued) = mpsc::unbounded_channel();
    tokio::select! {
        () = stopping.cancelled() => {}
        _ = answer_requests(input, connection, &hub, &outbox) => {}
        _ = write_lines(output, queued) => {}
    }
    hub.leave(connection);
}

async fn answer_requests(input: OwnedReadHalf, connection: u64, hub: &Hub, outbox: &Outbox) -> io::Result<()> {
    let mut lines = BufReader::new(input).lines();
    while let Some(line) = lines.next_line().await? {
        match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
            ["PUT", name, text] => hub.put(name, text),
            ["SUB", id] => hub.subscribe(connection, id, outbox),
            ["UNSUB", id] => {
                hub.unsubscribe(connection, id);
                let _ = outbox.send(format!("END {id}\n"));
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        let _ = outbox.send("OK\n".to_owned());
    }
    Ok(())
}

async fn write_lines(mut output: OwnedWriteHalf, mut queued: mpsc::UnboundedReceiver<String>) -> io::Result<()> {
    while let Some(line) = queued.recv().await {
        output.write_all(line.as_bytes()).await?;
    }
    Ok(())
}

/// Lines on their way to a client. Not bounded: a client that never reads costs memory until it is gone.
type Outbox = mpsc::UnboundedSender<String>;

/// The objects, and who is told when one is put.
#[derive(Debug, Default)]
struct Hub(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    /// Content by name.
    objects: BTreeMap<String, String>,
    /// By number of the connection and the client's id of the watch.
    subscribers: BTreeMap<(u64, String), Outbox>,
}

// A send fails when the connection is ending, and then it leaves the hub on its own.
impl Hub {
    fn put(&self, name: &str, text: &str) {
        let mut shelf = self.shelf();
        shelf.objects.insert(name.to_owned(), text.to_owned());
        for ((_, id), outbox) in &shelf.subscribers {
            let _ = outbox.send(format!("MSG {id} {name} {text}\n"));
        }
    }

    fn subscribe(&self, connection: u64, id: &str, outbox: &Outbox) {
        let mut shelf = self.shelf();
        for (name, text) in &shelf.objects {
            let _ = outbox.send(format!("MSG {id} {name} {text}\n"));
        }
        shelf.subscribers.insert((connection, id.to_owned()), outbox.clone());
    }

    fn unsubscribe(&self, connection: u64, id: &str) {
        self.shelf().subscribers.remove(&(connection, id.to_owned()));
    }

    fn leave(&self, connection: u64) {
        self.shelf().subscribers.retain(|(owner, _), _| *owner != connection);
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().expect("no holder of the lock panics")
    }
}
