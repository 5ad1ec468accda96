//! Checked tests that began and never reported: they were killed, or something in them ended the process.

use std::fs;
use std::path::Path;

use serde::Deserialize;

/// A checked test that never reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Begun {
    /// `None` where the test runner does not tell it.
    pub(crate) package: Option<String>,
    /// The name of the test.
    #[serde(rename = "begun")]
    pub(crate) test: String,
}

/// Reads what stands in the file of a report before the report does; `None` where it is something else.
pub(crate) fn read(path: &Path) -> Option<Begun> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
