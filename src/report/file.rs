//! Reports in the folder that the gate asks for: a file for each process, to which lines of JSON are appended.
//!
//! A line says that a test has begun, and another one has its report: so a reader can tell a test that was killed from one that never
//! ran. Each line is written at once, and nothing is kept back: what a process wrote before it was killed is there, and a line without an
//! end was never finished. A file for each report costs a suite of small tests a tenth of its time, most of it for finding an inode.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serde::Serialize;

use crate::error::Error;
use crate::finding::{FORMAT_VERSION, Report};
use crate::lock::lock;
use crate::report::mould;
use crate::settings;

/// A report that is to be written.
#[derive(Debug)]
#[must_use = "a report that was begun and is not finished is told as one whose test was killed"]
pub(crate) struct Draft {
    /// `None` where nobody asked for reports, and when it was written.
    open: Option<Open>,
}

/// A report that was begun.
#[derive(Debug)]
struct Open {
    file: Arc<Lines>,
    /// Its number in the file.
    of: u32,
}

/// In bytes, more than a clean report needs: to grow again and again takes longer than to write.
const ROOM: usize = 1 << 10;

/// The line of a test that begins.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Begun<'a> {
    version: u32,
    of: u32,
    begun: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    package: Option<&'a str>,
}

impl Draft {
    /// Begins a report in the folder that `LIGHTSOUT_REPORT_DIR` names, if it is set.
    ///
    /// # Errors
    ///
    /// If it cannot be written: a gate would otherwise miss it without a word.
    pub(crate) fn begin(test: &str, package: Option<&str>) -> Result<Self, Error> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // A child that plays plans may well be killed, and has nothing to report.
        let Some(dir) = settings::report_dir().filter(|_| !settings::is_child()) else {
            return Ok(Self { open: None });
        };
        let file = Lines::of_this_process(&dir).map_err(|cause| Error::write_report(&dir, cause))?;
        let of = NEXT.fetch_add(1, Ordering::Relaxed);
        file.append(|line| mould::json(&Begun { version: FORMAT_VERSION, of, begun: test, package }, line))?;
        Ok(Self { open: Some(Open { file, of }) })
    }

    /// Writes the report.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn finish(mut self, report: &Report) -> Result<(), Error> {
        self.open.take().map_or(Ok(()), |open| open.end(Some(report)))
    }
}

impl Drop for Draft {
    /// Takes back what was begun: the test could not be checked, and fails by itself.
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let _ = open.end(None);
        }
    }
}

impl Open {
    /// Writes the report; one that is `null` was taken back.
    fn end(self, report: Option<&Report>) -> Result<(), Error> {
        let Self { file, of } = self;
        file.append(|line| {
            line.extend_from_slice(format!(r#"{{"version":{FORMAT_VERSION},"of":{of},"report":"#).as_bytes());
            match report {
                Some(report) => mould::write(report, line),
                None => line.extend_from_slice(b"null"),
            }
            line.push(b'}');
        })
    }
}

/// A file of lines that is appended to.
#[derive(Debug)]
struct Lines {
    file: File,
    path: PathBuf,
    /// Who made it: a process that was forked off makes its own.
    process: u32,
}

impl Lines {
    /// Returns the file of this process in a folder, which is made if it is not there.
    fn of_this_process(dir: &Path) -> io::Result<Arc<Self>> {
        static LAST: Mutex<Option<Arc<Lines>>> = Mutex::new(None);
        let mut last = lock(&LAST);
        let is_ours = |it: &&Arc<Self>| it.process == process::id() && it.path.parent() == Some(dir);
        if let Some(lines) = last.as_ref().filter(is_ours) {
            return Ok(lines.clone());
        }
        let made = Self::create(dir).or_else(|_| {
            fs::create_dir_all(dir)?;
            Self::create(dir)
        })?;
        Ok(last.insert(Arc::new(made)).clone())
    }

    /// Makes a file that was not there: process ids come again.
    fn create(dir: &Path) -> io::Result<Self> {
        let process = process::id();
        for number in 0_u32.. {
            let path = dir.join(format!("{process}-{number}.jsonl"));
            match File::options().append(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                file => return Ok(Self { file: file?, path, process }),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
        let mut line = Vec::with_capacity(ROOM);
        write(&mut line);
        line.push(b'\n');
        // All of it in one call, so that lines of several threads do not mix.
        (&self.file).write_all(&line).map_err(|cause| Error::write_report(&self.path, cause))
    }
}
