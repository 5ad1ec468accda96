//! The report as a file in the folder that the gate asks for.

use std::fs;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;
use crate::finding::Report;
use crate::settings;

/// Writes the report to the folder that `LIGHTSOUT_REPORT_DIR` names, if it is set.
///
/// # Errors
///
/// If it cannot be written: a gate would otherwise miss it without a word.
pub(crate) fn write_if_asked(report: &Report) -> Result<(), Error> {
    settings::report_dir().map_or(Ok(()), |dir| write(report, &dir))
}

/// Writes under a temporary name and renames, so that no reader ever sees half a report.
fn write(report: &Report, dir: &Path) -> Result<(), Error> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-{}-{number}", file_name(report.test()), process::id());
    let (temporary, whole) = (dir.join(format!(".{name}.tmp")), dir.join(format!("{name}.json")));
    let written = fs::create_dir_all(dir)
        .and_then(|()| fs::write(&temporary, report.to_json()))
        .and_then(|()| fs::rename(&temporary, &whole));
    written.map_err(|cause| Error::write_report(&whole, cause))
}

/// Returns a test's name as a part of a file name: short, and without what a file system minds.
fn file_name(test: &str) -> String {
    test.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(120).collect()
}
