//! The report as JSON: the contract with the outside.

use serde::Deserialize;

use crate::error::Error;
use crate::finding::{FORMAT_VERSION, Report};

impl Report {
    /// Returns the report as JSON: kebab-case keys, `version` first, pretty-printed.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("lightsout bug: a report is plain data")
    }

    /// Reads a report back.
    ///
    /// # Errors
    ///
    /// If the text is not a whole report, or one of a newer format.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let Versioned { version } = serde_json::from_str(text).map_err(Error::parse_report)?;
        if version > FORMAT_VERSION.into() {
            return Err(Error::newer_report(version));
        }
        serde_json::from_str(text).map_err(Error::parse_report)
    }
}
