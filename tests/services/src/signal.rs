//! When a person or a supervisor asks a program to stop.
//!
//! Only the binaries use this: a service takes its stop as a future or a call, and installs no handler.

use std::io;

/// Starts to listen for SIGINT (Ctrl-C) and SIGTERM, and returns a future that ends with the first of them.
///
/// The handlers are in place when this returns, so a signal that comes before the future is polled is not missed.
/// A second signal is ignored: stopping is bounded, and there is nothing that force would add.
///
/// # Errors
/// The handlers could not be installed.
#[cfg(unix)]
pub fn stop_requested() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Starts to listen for Ctrl-C, and returns a future that ends with the first.
///
/// # Errors
/// The handler could not be installed.
#[cfg(windows)]
pub fn stop_requested() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
