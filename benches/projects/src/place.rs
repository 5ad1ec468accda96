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

    /// Returns the macro whose body this is in: debug information has this place, and hooks are told where the macro is used.
    pub(crate) fn macro_around(&self, folder: &Path) -> Option<String> {
        let text = fs::read_to_string(folder.join(&self.file)).ok()?;
        let before: Vec<&str> = text.lines().take(self.line).collect();
        let head = before.iter().rposition(|line| line.trim_start().starts_with("macro_rules! "))?;
        let indent = &before[head][..before[head].len() - before[head].trim_start().len()];
        let is_over =
            before[head + 1..].iter().any(|line| line.strip_prefix(indent).is_some_and(|it| it.starts_with('}')));
        let name = before[head].trim_start().strip_prefix("macro_rules! ")?.split([' ', '{', '(']).next()?;
        (!is_over).then(|| name.to_owned())
    }

    /// Returns whether a macro is used here.
    pub(crate) fn uses(&self, name: &str, folder: &Path) -> bool {
        let text = fs::read_to_string(folder.join(&self.file)).unwrap_or_default();
        text.lines().nth(self.line.saturating_sub(1)).is_some_and(|line| line.contains(&format!("{name}!")))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
