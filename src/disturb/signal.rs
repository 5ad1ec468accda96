//! Signals by meaning, raised for real.
//!
//! A signal that a process raises reaches every listener in it: tests that raise signals by hand need a process each. And one for
//! which nothing listens ends the process; so [`raise`] refuses that, and [`listened`] waits until it is no longer so.
//!
//! ```
//! # #[cfg(unix)]
//! # lightsout::Check::new("by hand").run(|| async {
//! use lightsout::{Signal, signal};
//!
//! let server = tokio::spawn(async {
//!     let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
//!     term.recv().await;
//! });
//! signal::listened(Signal::Term).await;
//! signal::raise(Signal::Term);
//! server.await.unwrap();
//! # }).assert_clean();
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::system::disposition::{self, Disposition};

/// A signal that programs end on, or act on, by its meaning and not by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// `SIGTERM`: come to an orderly end; what service managers send.
    Term,
    /// `SIGINT`: Ctrl-C.
    Int,
    /// `SIGHUP`: the terminal is gone, or read your settings again.
    Hup,
    /// `SIGQUIT`: Ctrl-\.
    Quit,
    /// `SIGUSR1`: what the program says it means.
    Usr1,
    /// `SIGUSR2`: what the program says it means.
    Usr2,
}

impl Signal {
    /// Every signal that can be raised.
    pub const ALL: [Self; 6] = [Self::Term, Self::Int, Self::Hup, Self::Quit, Self::Usr1, Self::Usr2];

    /// Returns the name that plans and reports use: `SIGTERM`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
            Self::Quit => "SIGQUIT",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Signal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|signal| signal.name() == name).ok_or_else(|| Error::signal(name))
    }
}

/// Raises a signal on the calling thread; when this returns, its handler has run.
///
/// # Panics
///
/// If nothing in the process listens for it, since it would end the process: wait with [`listened`] first. Also where the system
/// has no such signals.
#[track_caller]
pub fn raise(signal: Signal) {
    assert!(
        disposition::of(signal) != Disposition::Default,
        "nothing listens for {signal}, which would end the process\nhint: await `lightsout::signal::listened` first"
    );
    disposition::raise(signal);
}

/// Waits until something in the process listens for the signal: until it would no longer end the process. A program goes on to
/// count as listening when it has dropped its listener, since tokio never gives a signal back to the system.
pub async fn listened(signal: Signal) {
    /// Looks that only give way, before the first that waits.
    const QUICK_LOOKS: u32 = 100;
    for look in 0_u32.. {
        if disposition::of(signal) != Disposition::Default {
            return;
        }
        if look < QUICK_LOOKS {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
