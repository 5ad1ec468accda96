//! Set-up faults: what keeps the gate from doing its work.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

use crate::words;

/// A set-up fault: what failed, on what, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// Verb and noun: `create folder`.
    doing: &'static str,
    /// The thing, as it is printed between backticks.
    thing: String,
    /// One or more lines.
    cause: String,
    /// `None` where the cause says it all.
    hint: Option<&'static str>,
}

impl Error {
    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        self.hint
    }

    pub(crate) fn run_cargo(program: &OsStr, cause: &io::Error) -> Self {
        Self::new("run", program.display(), cause, Some(words::HINT_CARGO))
    }

    pub(crate) fn find_folder(cause: &io::Error) -> Self {
        Self::new("find folder", ".", cause, None)
    }

    pub(crate) fn find_workspace(place: &Path, cause: &str) -> Self {
        Self::new("find workspace of", place.display(), cause, Some(words::HINT_WORKSPACE))
    }

    pub(crate) fn read_metadata(cause: &serde_json::Error) -> Self {
        Self::new("read answer of", "cargo metadata", cause, None)
    }

    pub(crate) fn create_folder(path: &Path, cause: &io::Error) -> Self {
        Self::new("create folder", path.display(), cause, Some(words::HINT_FOLDER))
    }

    pub(crate) fn read_folder(path: &Path, cause: &io::Error) -> Self {
        Self::new("read folder", path.display(), cause, None)
    }

    pub(crate) fn write_log(path: &Path, cause: &io::Error) -> Self {
        Self::new("write log", path.display(), cause, None)
    }

    pub(crate) fn read_log(path: &Path, cause: &io::Error) -> Self {
        Self::new("read log", path.display(), cause, None)
    }

    pub(crate) fn read_report(path: &Path, cause: &io::Error) -> Self {
        Self::new("read report", path.display(), cause, None)
    }

    pub(crate) fn parse_report(path: &Path, cause: &lightsout::Error) -> Self {
        Self::new("read report", path.display(), words::parse_report(cause), Some(words::HINT_REPORT))
    }

    pub(crate) fn read_record(path: &Path, cause: &io::Error) -> Self {
        Self::new("read record", path.display(), cause, Some(words::HINT_REPORT))
    }

    pub(crate) fn unfinished_report(path: &Path) -> Self {
        Self::new("read report", path.display(), words::NEVER_FINISHED, Some(words::HINT_REPORT))
    }

    pub(crate) fn quiet_log(path: &Path) -> Self {
        Self::new("read log", path.display(), words::QUIET, Some(words::HINT_QUIET))
    }

    pub(crate) fn write_json(path: &Path, cause: &io::Error) -> Self {
        Self::new("write file", path.display(), cause, None)
    }

    fn new(
        doing: &'static str,
        thing: impl fmt::Display,
        cause: impl fmt::Display,
        hint: Option<&'static str>,
    ) -> Self {
        Self { doing, thing: thing.to_string(), cause: cause.to_string(), hint }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, thing, cause, .. } = self;
        write!(f, "failed to {doing} `{thing}`: {cause}")
    }
}

impl std::error::Error for Error {}
