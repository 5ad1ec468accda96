//! The services' own tests, as their team writes them: each asserts what it is about, and stops what it started.
//!
//! Whether everything stopped is not asserted here: the test attribute looks. A service with several faults is built with the one
//! that the test is about; in the fixed form that says nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io, process};

use lightsout::test as checked;
use tokio::net::{TcpStream, ToSocketAddrs};

mod application;
mod group;
mod machines;
mod messaging;
#[cfg(unix)]
mod program;
mod sequence;
#[cfg(target_os = "linux")]
mod table;
mod watcher;
mod web;

/// Attempts that are made at the same time, as in the real test of the messaging server.
const CALLERS: usize = 32;

/// A file for the test of this name, that is not there.
fn absent(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", process::id()));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            panic!("failed to remove `{}`: {error}", path.display())
        }
        _ => path,
    }
}

/// Where a server of one test may listen. The host is its own where the system has so many: a port that it has left may be taken
/// by somebody else at once, and would then not refuse connections.
fn loopback() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if cfg!(target_os = "linux") {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        format!("127.{}.{}.{}:0", 1 + process::id() % 250, number >> 8, number & 0xff)
    } else {
        "127.0.0.1:0".to_owned()
    }
}

/// Waits until nobody listens there. Whoever left the port is gone at once, but a child process that a test beside this one starts
/// holds all sockets of this process for a moment, between its fork and its exec.
async fn refused(address: impl ToSocketAddrs + Copy) {
    loop {
        match TcpStream::connect(address).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return,
            _ => tokio::task::yield_now().await,
        }
    }
}
