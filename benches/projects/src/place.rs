//! A place in source code, as the compiler wrote it down.

use std::fmt;
use std::fs;
use std::path::Path;

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: usize,
}

impl Place {
    pub(crate) fn of_json(site: &Value) -> Self {
        let line = site["line"].as_u64().unwrap_or_default() as usize;
        Self { file: site["file"].as_str().unwrap_or_default().to_owned(), line }
    }

    /// Reads `src/lib.rs:12`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (file, line) = text.rsplit_once(':')?;
        Some(Self { file: file.to_owned(), line: line.parse().ok()? })
    }

    /// Returns whether the function around it stands for its callers: hooks are told of these, and not of the place.
    pub(crate) fn is_for_callers(&self, folder: &Path) -> bool {
        let text = fs::read_to_string(folder.join(&self.file)).unwrap_or_default();
        let before: Vec<&str> = text.lines().take(self.line).map(str::trim_start).collect();
        let head = before.iter().rposition(|line| line.starts_with("fn ") || line.contains(" fn ")).unwrap_or(0);
        let above = before[..head].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.into_iter().any(|line| line.starts_with("#[track_caller]"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
