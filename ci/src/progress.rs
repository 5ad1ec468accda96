//! The line that a terminal shows while the suite runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

use crate::words;

/// The line that a terminal shows while the suite runs.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Read up to where the last look ended.
    log: File,
    /// The begin of a line whose end is not yet written.
    rest: Vec<u8>,
    /// Tests that are through.
    tests: usize,
    /// What runs now; `None` before the first binary.
    running: Option<String>,
}

impl Progress {
    /// Returns a line on stderr; `None` where nobody would see it, or where there is no log to look at.
    pub(crate) fn on_terminal(log: &Path) -> Option<Self> {
        let bar = ProgressBar::new_spinner();
        if bar.is_hidden() {
            return None;
        }
        bar.set_style(ProgressStyle::with_template("{spinner} {wide_msg}").ok()?);
        Some(Self { bar, log: File::open(log).ok()?, rest: Vec::new(), tests: 0, running: None })
    }

    /// Shows how far the log has come. A log that cannot be read is told by who needs it, at the end.
    pub(crate) fn look(&mut self) {
        let _ = self.log.read_to_end(&mut self.rest);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        String::from_utf8_lossy(&lines).lines().for_each(|line| self.read(line));
        self.bar.set_message(words::running(self.tests, self.running.as_deref()));
        self.bar.tick();
    }

    fn read(&mut self, line: &str) {
        if line.starts_with("test ") && line.contains(" ... ") {
            self.tests += 1;
        }
        if let Some((name, _)) = line.strip_prefix("     Running ").and_then(|it| it.rsplit_once(" (")) {
            self.running = Some(name.to_owned());
        }
    }

    /// Takes the line away.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}
