//! Reads what the tests wrote: reports of those that are checked, and records of the others.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lightsout::Report;

use crate::begun::{self, Begun};
use crate::cover::{self, Cover};
use crate::error::Error;
use crate::folder::RunFolder;

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
    root: &Path,
    executables: impl Iterator<Item = &'a PathBuf>,
) -> Result<Gathered, Error> {
    let (cover, faults) = cover::read(folder.records(), root, executables)?;
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
        gathered.unreported.extend(is_temporary(path).then(|| begun::read(path)).flatten());
        let Some(read) = read(path) else { continue };
        match read {
            Ok(report) => gathered.reports.push(report),
            Err(fault) => gathered.faults.push(fault),
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

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(".tmp")
}

/// Reads one file; `None` where it is no report.
///
/// A report is written under a temporary name and renamed, so a temporary one that is left was never finished.
fn read(path: &Path) -> Option<Result<Report, Error>> {
    let name = path.file_name()?.to_string_lossy();
    if is_temporary(path) {
        return begun::read(path).is_none().then(|| Err(Error::unfinished_report(path)));
    }
    if name.starts_with('.') || !name.ends_with(".json") {
        return None;
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return Some(Err(Error::read_report(path, &error))),
    };
    Some(Report::from_json(&text).map_err(|error| Error::parse_report(path, &error)))
}
