//! A service's own binary, driven with real signals.
//!
//! A signal is sent when the program has said something that it says only with its handlers in place; never after a time.

use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A program that runs; killed when dropped.
pub(crate) struct Program {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// What it printed that was not read before.
    pub(crate) rest: Vec<String>,
    /// What it wrote to standard error.
    pub(crate) errors: String,
}

impl Program {
    pub(crate) fn start(binary: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.env_remove("RUST_BACKTRACE").kill_on_drop(true).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for a line that starts with this, and returns the rest of it up to the next comma.
    pub(crate) async fn says(&mut self, start: &str) -> String {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            if let Some(rest) = line.strip_prefix(start) {
                return rest.split(',').next().unwrap().trim().to_owned();
            }
        }
        let ended = self.wait().await;
        panic!("`{start}` was not said: {ended:?}");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Whether it has a handler for this signal.
    #[cfg(target_os = "linux")]
    pub(crate) fn handles(&self, signal: Signal) -> bool {
        handles(self.pid(), signal)
    }

    /// Waits until it has ended.
    pub(crate) async fn end(mut self) -> Ended {
        self.wait().await
    }

    async fn wait(&mut self) -> Ended {
        let mut rest = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            rest.push(line);
        }
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).await.unwrap();
        Ended { status: self.child.wait().await.unwrap(), rest, errors }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap())
    }
}

/// Whether this process has a handler for this signal.
#[cfg(target_os = "linux")]
pub(crate) fn handles(pid: Pid, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() >> (signal as u32 - 1) & 1 == 1
}
