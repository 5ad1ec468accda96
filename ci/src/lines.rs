//! The lines that a process of checked tests appends to its file: which tests began, and their reports.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use lightsout::Report;
use serde::{Deserialize, Deserializer};

use crate::begun::Begun;
use crate::error::Error;
use crate::gather::Gathered;

/// How the name of such a file ends.
pub(crate) const EXTENSION: &str = "jsonl";

/// One line.
#[derive(Debug, Deserialize)]
struct Line {
    version: u32,
    /// The number of the test in this process.
    of: u32,
    begun: Option<String>,
    package: Option<String>,
    /// `None` in the line of a test that begins, and `Some(None)` where it was taken back.
    #[serde(default, deserialize_with = "present")]
    report: Option<Option<Report>>,
}

fn present<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Option<Option<Report>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Reads all lines of a file; one that cannot be read does not hide the others.
pub(crate) fn read(path: &Path, gathered: &mut Gathered) {
    let mut begun = BTreeMap::new();
    let ended = each(path, |text| match serde_json::from_str(text) {
        Ok(Line { version: ..=lightsout::FORMAT_VERSION, of, begun: test, package, report }) => {
            if report.is_some() {
                begun.remove(&of);
            }
            begun.extend(test.map(|test| (of, Begun { package, test })));
            gathered.reports.extend(report.flatten());
        }
        // What is wrong with it the library says, as of a report that stands alone.
        _ => match Report::from_json(text) {
            Ok(report) => gathered.reports.push(report),
            Err(error) => gathered.faults.push(Error::parse_report(path, &error)),
        },
    });
    gathered.faults.extend(ended.err());
    gathered.unreported.extend(begun.into_values());
}

/// Calls a function with each line; an error is a line without an end, or a file that cannot be read.
fn each(path: &Path, mut read: impl FnMut(&str)) -> Result<(), Error> {
    let failed = |error| Error::read_report(path, &error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    while file.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if line.pop() != Some(b'\n') {
            return Err(Error::unfinished_report(path));
        }
        read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(())
}
