//! The report as a file in the folder that the gate asks for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use crate::error::Error;
use crate::finding::{FORMAT_VERSION, Report};
use crate::settings;

/// A report that is to be written. Its file is there, under a temporary name, from the begin of the test: so a reader can tell a test
/// that was killed from one that never ran.
#[derive(Debug)]
#[must_use = "a report that was begun and is not finished is told as one whose test was killed"]
pub(crate) struct Draft {
    /// `None` where nobody asked for reports.
    paths: Option<Paths>,
}

#[derive(Debug)]
struct Paths {
    temporary: PathBuf,
    whole: PathBuf,
}

/// What stands in the file until the report does.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Begun<'a> {
    version: u32,
    begun: &'a str,
    package: Option<&'a str>,
}

impl Draft {
    /// Begins a report in the folder that `LIGHTSOUT_REPORT_DIR` names, if it is set.
    ///
    /// # Errors
    ///
    /// If it cannot be written: a gate would otherwise miss it without a word.
    pub(crate) fn begin(test: &str, package: Option<&str>) -> Result<Self, Error> {
        // A child that plays plans may well be killed, and has nothing to report.
        let Some(dir) = settings::report_dir().filter(|_| !settings::is_child()) else {
            return Ok(Self { paths: None });
        };
        let paths = Paths::new(&dir, test);
        let begun = Begun { version: FORMAT_VERSION, begun: test, package };
        let text = serde_json::to_string(&begun).expect("lightsout bug: a name is plain data");
        let written = fs::write(&paths.temporary, &text).or_else(|_| {
            fs::create_dir_all(&dir)?;
            fs::write(&paths.temporary, &text)
        });
        written.map_err(|cause| Error::write_report(&paths.whole, cause))?;
        Ok(Self { paths: Some(paths) })
    }

    /// Writes the report and renames it, so that no reader ever sees half of one.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn finish(mut self, report: &Report) -> Result<(), Error> {
        let Some(Paths { temporary, whole }) = self.paths.take() else { return Ok(()) };
        let written = fs::write(&temporary, report.to_json()).and_then(|()| fs::rename(&temporary, &whole));
        written.map_err(|cause| Error::write_report(&whole, cause))
    }
}

impl Drop for Draft {
    /// Takes back what was begun: the test could not be checked, and fails by itself.
    fn drop(&mut self) {
        if let Some(paths) = self.paths.take() {
            let _ = fs::remove_file(paths.temporary);
        }
    }
}

impl Paths {
    fn new(dir: &Path, test: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{number}", file_name(test), process::id());
        Self { temporary: dir.join(format!(".{name}.tmp")), whole: dir.join(format!("{name}.json")) }
    }
}

/// Returns a test's name as a part of a file name: short, and without what a file system minds.
fn file_name(test: &str) -> String {
    test.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(120).collect()
}
