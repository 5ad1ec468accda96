//! Reads what the tests wrote: reports of those that are checked, and records of the others.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use lightsout::Report;
use lightsout::records::Names;

use crate::begun::Begun;
use crate::cover::{self, Cover};
use crate::error::Error;
use crate::folder::RunFolder;
use crate::lines;

/// What was in the folder of a run.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Ordered by package and test.
    pub(crate) reports: Vec<Report>,
    /// What the records of ordinary tests say.
    pub(crate) cover: Cover,
    /// What could not be read, ordered by file.
    pub(crate) faults: Vec<Error>,
    /// What of that were records, which are gone when they have been read once.
    pub(crate) unread_records: Vec<String>,
    /// Checked tests that never reported.
    pub(crate) unreported: Vec<Begun>,
}

/// Reads everything in the folder. A file that cannot be read does not hide the others. `executables` are all test binaries that ran.
pub(crate) fn gather<'a>(
    folder: &RunFolder,
    names: &mut Names,
    executables: impl Iterator<Item = &'a PathBuf>,
) -> Result<Gathered, Error> {
    let (cover, faults) = cover::read(folder.records(), names, executables)?;
    let mut gathered = reports(folder.path())?;
    gathered.cover = cover;
    gathered.unread_records = faults.iter().map(ToString::to_string).collect();
    gathered.faults.splice(..0, faults);
    Ok(gathered)
}

/// Reads every report in the folder, and leaves records alone.
pub(crate) fn reports(folder: &Path) -> Result<Gathered, Error> {
    let failed = |error| Error::read_folder(folder, &error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>, Error>>()?;
    paths.sort();
    let mut gathered = Gathered::default();
    for path in &paths {
        match path.extension().and_then(OsStr::to_str) {
            Some(lines::EXTENSION) => lines::read(path, &mut gathered),
            Some("json") if !is_hidden(path) => match read(path) {
                Ok(report) => gathered.reports.push(report),
                Err(fault) => gathered.faults.push(fault),
            },
            _ => {}
        }
    }
    gathered.sort();
    Ok(gathered)
}

impl Gathered {
    /// Returns the file names of test binaries, as reports and records tell them.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let reports = self.reports.iter().filter_map(|report| report.binary()).map(str::to_owned);
        reports.chain(self.cover.binaries.keys().cloned()).collect()
    }

    /// Adds what was in another folder.
    pub(crate) fn add(&mut self, other: Self) {
        self.reports.extend(other.reports);
        self.faults.extend(other.faults);
        self.unreported.extend(other.unreported);
    }

    /// Puts the reports in order.
    pub(crate) fn sort(&mut self) {
        self.reports.sort_by(|a, b| (a.package(), a.test()).cmp(&(b.package(), b.test())));
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// Reads a report that stands alone in its file.
fn read(path: &Path) -> Result<Report, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::read_report(path, &error))?;
    Report::from_json(&text).map_err(|error| Error::parse_report(path, &error))
}
