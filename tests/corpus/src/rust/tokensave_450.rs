//! tokensave#450: a blocking read keeps the process alive after a complete shutdown.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedThread, read_and_shut_down);

/// An input that stays open as long as anybody has it, as a terminal does.
struct Terminal {
    read: UnixStream,
    write: UnixStream,
}

impl Terminal {
    fn open() -> Arc<Self> {
        let (read, write) = UnixStream::pair().expect("there are descriptors left");
        Arc::new(Self { read, write })
    }
}

/// Sends each line that is typed.
fn read_lines(terminal: &Terminal, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(&terminal.read).lines() {
        if line.is_err() || lines.blocking_send(line.unwrap_or_default()).is_err() {
            return;
        }
    }
}

async fn read_and_shut_down(form: Form) {
    let terminal = Terminal::open();
    let (lines, mut typed) = mpsc::channel(1);
    let reading = terminal.clone();
    // blocked-thread: nobody types a line, and nothing else ends the read.
    let reader = tokio::task::spawn_blocking(move || read_lines(&reading, &lines));
    typed.close();
    if form == Form::Fixed {
        terminal.write.shutdown(std::net::Shutdown::Both).expect("it is open");
        reader.await.expect("it only reads");
    }
}
