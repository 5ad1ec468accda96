//! Reads what the tests wrote: reports of those that are checked, and records of the others.

use std::fs;
use std::path::Path;

use lightsout::Report;

use crate::cover::{self, Cover};
use crate::error::Error;
use crate::folder::RunFolder;
use crate::suite::Built;

/// What was in the folder of a run.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// Ordered by package and test.
    pub(crate) reports: Vec<Report>,
    /// What the records of ordinary tests say.
    pub(crate) cover: Cover,
    /// What could not be read, ordered by file.
    pub(crate) faults: Vec<Error>,
}

/// Reads everything in the folder. A file that cannot be read does not hide the others.
pub(crate) fn gather(folder: &RunFolder, built: &Built, root: &Path) -> Result<Gathered, Error> {
    let failed = |error| Error::read_folder(folder.path(), &error);
    let entries = fs::read_dir(folder.path()).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>, Error>>()?;
    paths.sort();
    let (cover, faults) = cover::read(folder.path(), root, built.executables.keys())?;
    let mut gathered = Gathered { cover, faults, reports: Vec::new() };
    for read in paths.iter().filter_map(|path| read(path)) {
        match read {
            Ok(report) => gathered.reports.push(report),
            Err(fault) => gathered.faults.push(fault),
        }
    }
    gathered.reports.sort_by(|a, b| (a.package(), a.test()).cmp(&(b.package(), b.test())));
    Ok(gathered)
}

/// Reads one file; `None` where it is no report.
///
/// A report is written under a temporary name and renamed, so a temporary one that is left was never finished.
fn read(path: &Path) -> Option<Result<Report, Error>> {
    let name = path.file_name()?.to_string_lossy();
    if name.starts_with('.') && name.ends_with(".tmp") {
        return Some(Err(Error::unfinished_report(path)));
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
