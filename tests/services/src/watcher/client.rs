//! The side that puts objects and watches them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Update;
use super::connection::Client;

/// A connection to an object store.
///
/// [`Store::close`] ends it and waits. Without it, the connection ends when it is lost, or when the store and all its
/// watchers are gone.
#[derive(Debug)]
pub struct Store {
    client: Client,
    /// Id of the next watch.
    next: AtomicU64,
    closing: CancellationToken,
    /// The connection, and one guard for each watch that is not over.
    tasks: TaskTracker,
}

impl Store {
    /// Connects to the server at `address`.
    ///
    /// # Errors
    /// Nobody answers there.
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        let client = Client::start(socket, &tasks, closing.clone());
        Ok(Self { client, next: AtomicU64::new(0), closing, tasks })
    }

    /// Puts an object. When this returns, the update is on its way to every watcher.
    ///
    /// # Errors
    /// The name is not one word, the text is not one line, or the connection is closed or lost.
    pub async fn put(&self, name: &str, text: &str) -> io::Result<()> {
        if name.is_empty() || name.contains(char::is_whitespace) || text.contains(['\r', '\n']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name is one word, and a text is one line"));
        }
        self.client.request(format!("PUT {name} {text}\n")).await
    }

    /// Watches the store: first come the objects that it has, then every update, until the watch is over.
    ///
    /// It is over when [`Watcher::stop`] was called, the connection is lost or closed, `context` is cancelled, or the
    /// last handle to it is dropped.
    ///
    /// # Errors
    /// The connection is closed or lost.
    pub async fn watch(&self, context: &CancellationToken) -> io::Result<Watcher> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (over, updates) = self.client.registry.add(id);
        // From here on the drop of `watch` ends it, also when we fail or are dropped while we wait for the answer.
        let watch = Watch { id, over, updates: Mutex::new(updates), client: self.client.clone() };
        self.client.request(format!("SUB {id}\n")).await?;
        self.tasks.spawn(end_on_cancel(self.client.clone(), id, watch.over.clone(), context.clone()));
        Ok(Watcher(Arc::new(watch)))
    }

    /// Ends the connection and all watches, and returns when no task is left.
    ///
    /// May be called often and at the same time: every call returns after all is done.
    pub async fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A handle to a watch. Clones are handles to the same watch.
#[derive(Clone, Debug)]
pub struct Watcher(Arc<Watch>);

impl Watcher {
    /// The stream of the updates. All streams of a watch share its updates: each update is seen by one of them.
    pub fn updates(&self) -> Updates {
        Updates(self.0.clone())
    }

    /// Spawns the consumer: it runs `callback` on each update, one after the other, until the watch is over.
    ///
    /// The task returns how many updates it saw. The callback may stop the watch.
    pub fn for_each<F, C>(&self, mut callback: F) -> JoinHandle<usize>
    where
        F: FnMut(Update) -> C + Send + 'static,
        C: Future<Output = ()> + Send,
    {
        let updates = self.updates();
        tokio::spawn(async move {
            let mut seen = 0;
            while let Some(update) = updates.next().await {
                callback(update).await;
                seen += 1;
            }
            seen
        })
    }

    /// Ends the watch. Updates that were put before the call are still in the stream, then it ends.
    ///
    /// May be called often, at the same time, and after the watch is over: every call returns after all is done.
    pub async fn stop(&self) {
        let Watch { id, client, .. } = &*self.0;
        // The server answers with the end of the watch. Without a connection there is nobody to wait for.
        if client.request(format!("UNSUB {id}\n")).await.is_err() {
            client.registry.end(*id);
        }
    }

    /// Waits until the watch is over, whoever ended it.
    pub async fn ended(&self) {
        self.0.over.cancelled().await;
    }
}

/// The stream of the updates of a watch.
#[derive(Debug)]
pub struct Updates(Arc<Watch>);

impl Updates {
    /// Waits for the next update; `None` when the watch is over and all its updates were taken.
    pub async fn next(&self) -> Option<Update> {
        self.0.updates.lock().await.recv().await
    }
}

/// What the handles to a watch share.
#[derive(Debug)]
struct Watch {
    id: u64,
    /// Cancelled when the watch is over.
    over: CancellationToken,
    /// Its sender is in the registry.
    updates: Mutex<mpsc::UnboundedReceiver<Update>>,
    client: Client,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !self.over.is_cancelled() {
            self.client.registry.end(self.id);
            self.client.tell(format!("UNSUB {}\n", self.id));
        }
    }
}

/// The guard of a watch: ends it, at once, when its context is cancelled.
async fn end_on_cancel(client: Client, id: u64, over: CancellationToken, context: CancellationToken) {
    if over.run_until_cancelled(context.cancelled()).await.is_some() {
        client.registry.end(id);
        client.tell(format!("UNSUB {id}\n"));
    }
}
