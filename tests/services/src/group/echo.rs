//! An actor: a server on TCP that answers each line with a greeting from a file, and with the line when it has worked on it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Failure, Fault};
use crate::Faults;

/// The actor. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Echo {
    address: String,
    greeting: PathBuf,
    /// Time that it spends on a line.
    work: Duration,
    stop: Arc<Mutex<CancellationToken>>,
    listening: watch::Sender<Option<SocketAddr>>,
    faults: Faults<Fault>,
}

impl Echo {
    /// Makes the actor, which does nothing until it is executed.
    pub fn new(address: &str, greeting: PathBuf, work: Duration, faults: Faults<Fault>) -> Self {
        let (stop, listening) = (Arc::default(), watch::Sender::new(None));
        Self { address: address.to_owned(), greeting, work, stop, listening, faults }
    }

    /// Answers lines until it is interrupted. A line that was read by then is answered.
    ///
    /// # Errors
    /// The greeting could not be read, or the address not be bound.
    pub async fn execute(self) -> Result<(), Failure> {
        let greeting: Arc<str> = tokio::fs::read_to_string(&self.greeting).await?.trim().into();
        // Bug: what the interrupt needs is made here. One that came before has ended what nobody will look at.
        if self.faults.has(Fault::InterruptTooEarly) {
            *self.stop.lock().expect("no holder of the lock panics") = CancellationToken::new();
        }
        let stop = self.stop.lock().expect("no holder of the lock panics").clone();
        let listener = TcpListener::bind(&self.address).await?;
        self.listening.send_replace(Some(listener.local_addr()?));
        let mut connections = JoinSet::new();
        while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
            let (socket, _) = accepted?;
            connections.spawn(answer(socket, greeting.clone(), self.work, stop.clone()));
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        connections.join_all().await;
        Ok(())
    }

    /// Makes [`Echo::execute`] return, also when it has not begun.
    pub fn interrupt(&self) {
        self.stop.lock().expect("no holder of the lock panics").cancel();
    }

    /// Waits until it listens, and returns where.
    pub async fn listening(&self) -> SocketAddr {
        let mut listening = self.listening.subscribe();
        let address = listening.wait_for(Option::is_some).await.expect("we have the sender");
        address.expect("it was waited for")
    }
}

/// One connection, until the client leaves or the stop comes between two lines.
async fn answer(socket: TcpStream, greeting: Arc<str>, work: Duration, stop: CancellationToken) -> io::Result<()> {
    let (input, mut output) = socket.into_split();
    let mut lines = BufReader::new(input).lines();
    while let Some(line) = stop.run_until_cancelled(lines.next_line()).await {
        let Some(line) = line? else { break };
        output.write_all(format!("{greeting} ").as_bytes()).await?;
        tokio::time::sleep(work).await;
        output.write_all(format!("{line}\n").as_bytes()).await?;
    }
    Ok(())
}
