//! When a person or a supervisor asks a program to stop.
//!
//! A service takes its stop as a future or a call, and installs no handler unless it is asked to.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// The requests to stop: SIGINT (Ctrl-C) and SIGTERM; on Windows Ctrl-C.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(windows)]
    interrupt: CtrlC,
}

impl Signals {
    /// Starts to listen. The handlers are in place when this returns, so a signal that comes before [`Signals::next`] is not missed.
    ///
    /// They stay in place for good, as tokio never takes a handler away: from here on a signal that nobody reads does nothing.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(windows)]
            interrupt: ctrl_c()?,
        })
    }

    /// Waits for the next one. Equal signals that come before they are read count as one.
    pub async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        #[cfg(windows)]
        self.interrupt.recv().await;
    }
}

/// Starts to listen, and returns a future that ends with the first signal. A second one is ignored.
///
/// # Errors
/// The handlers could not be installed.
pub fn stop_requested() -> io::Result<impl Future<Output = ()>> {
    let mut signals = Signals::listen()?;
    Ok(async move { signals.next().await })
}
