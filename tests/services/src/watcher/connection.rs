//! The connection of a store: requests and their answers, and the updates that come in between.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::Update;
use super::registry::Registry;

/// What a store, its watches and their guards share.
#[derive(Clone, Debug)]
pub(super) struct Client {
    requests: mpsc::UnboundedSender<Request>,
    /// Cancelled when the connection has ended, for whatever reason.
    lost: CancellationToken,
    pub(super) registry: Arc<Registry>,
}

#[derive(Debug)]
struct Request {
    line: String,
    /// Receives the server's `OK`; dropped when the connection is lost before it.
    answer: oneshot::Sender<()>,
}

impl Client {
    /// Starts the connection, a task that ends when it is closed or lost.
    pub(super) fn start(socket: TcpStream, tasks: &TaskTracker, closing: CancellationToken) -> Self {
        let (requests, queued) = mpsc::unbounded_channel();
        let client = Self { requests, lost: CancellationToken::new(), registry: Arc::default() };
        let (registry, lost) = (client.registry.clone(), client.lost.clone().drop_guard());
        tasks.spawn(converse(socket, queued, registry, lost, closing));
        client
    }

    /// Sends a line, and waits for the answer.
    ///
    /// The wait has two ends. A request that is sent in the very moment in which the connection ends can come into the
    /// queue after the receiver has emptied it for the last time. There it stays until the last sender is gone, and we
    /// have one: its answer is neither sent nor dropped.
    pub(super) async fn request(&self, line: String) -> io::Result<()> {
        match self.lost.run_until_cancelled(self.tell(line)).await {
            Some(Ok(())) => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::NotConnected, "the connection is closed or lost")),
        }
    }

    /// Sends a line, and leaves the answer to the caller.
    pub(super) fn tell(&self, line: String) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        // Without a connection the request comes back and its drop is the answer.
        let _ = self.requests.send(Request { line, answer });
        answered
    }
}

/// The connection, until it is closed or lost, or every handle is gone. Then all watches are over.
async fn converse(
    socket: TcpStream,
    queued: mpsc::UnboundedReceiver<Request>,
    registry: Arc<Registry>,
    lost: DropGuard,
    closing: CancellationToken,
) {
    let (input, output) = socket.into_split();
    let (asked, unanswered) = mpsc::unbounded_channel();
    tokio::select! {
        () = closing.cancelled() => {}
        _ = read_lines(input, &registry, unanswered) => {}
        _ = write_lines(output, queued, asked) => {}
    }
    registry.end_all();
    drop(lost);
}

async fn read_lines(
    input: OwnedReadHalf,
    registry: &Registry,
    mut unanswered: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
) -> io::Result<()> {
    let mut lines = BufReader::new(input).lines();
    while let Some(line) = lines.next_line().await? {
        match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
            ["MSG", id, name, text] => {
                registry.publish(number(id)?, Update { name: name.to_owned(), text: text.to_owned() });
            }
            ["END", id] => registry.end(number(id)?),
            ["OK"] => {
                let answer = unanswered.try_recv().map_err(|_| io::ErrorKind::InvalidData)?;
                // Nobody waits if the caller has left.
                let _ = answer.send(());
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
    Ok(())
}

async fn write_lines(
    mut output: OwnedWriteHalf,
    mut queued: mpsc::UnboundedReceiver<Request>,
    asked: mpsc::UnboundedSender<oneshot::Sender<()>>,
) -> io::Result<()> {
    while let Some(Request { line, answer }) = queued.recv().await {
        let _ = asked.send(answer);
        output.write_all(line.as_bytes()).await?;
    }
    Ok(())
}

fn number(word: &str) -> io::Result<u64> {
    word.parse().map_err(|_| io::ErrorKind::InvalidData.into())
}
