//! Links lightsout into each test crate, by one line; without it a crate that names nothing of lightsout is not looked at.

use super::changes::Changes;
use crate::error::Error;
use crate::suite::{Member, Target};
use crate::words;

const USE: &str = "use lightsout as _;";

/// Adds the line to every test crate of a package; returns what a person has to look at.
pub(super) fn add_uses(changes: &mut Changes, member: &Member) -> Result<Vec<String>, Error> {
    let mut notes = Vec::new();
    for target in member.targets.iter().filter(|target| target.test) {
        let line = if target.is_test() { USE.to_owned() } else { format!("#[cfg(test)]\n{USE}") };
        let mut is_told = false;
        changes.change(&target.src_path, |text| {
            if text.contains("lightsout") || !(target.is_test() || has_tests(text)) {
                return Ok(text.to_owned());
            }
            let added = add(text, &line);
            is_told = added.is_none();
            Ok(added.unwrap_or_else(|| text.to_owned()))
        })?;
        notes.extend(is_told.then(|| words::add_by_hand(&target.src_path, &line)));
    }
    Ok(notes)
}

/// Returns whether a crate's own file has tests in it, or modules that may have.
fn has_tests(text: &str) -> bool {
    text.contains("#[cfg(test)]") || text.contains("#[test]") || text.contains("::test")
}

/// Adds a line before the first item that is no inner attribute and no documentation of the file; `None` for a text that is no Rust.
fn add(text: &str, line: &str) -> Option<String> {
    let file = syn::parse_file(text).ok()?;
    let first = file.items.first().map(first_line);
    let lines: Vec<&str> = text.lines().collect();
    let at = first.map_or(lines.len(), |number| number - 1).min(lines.len());
    let (before, after) = (lines[..at].join("\n"), lines[at..].join("\n"));
    // Between uses no empty line is missed; before anything else there is one.
    let gap = if matches!(file.items.first(), Some(syn::Item::Use(_)) | None) { "\n" } else { "\n\n" };
    let before = if before.is_empty() { before } else { before + "\n" };
    let after = if after.is_empty() { after } else { after + "\n" };
    let gap = if after.is_empty() { "\n" } else { gap };
    Some(format!("{before}{line}{gap}{after}"))
}

/// Returns the line where an item begins, with its attributes and its documentation.
fn first_line(item: &syn::Item) -> usize {
    use syn::spanned::Spanned;
    item.span().start().line
}

impl Target {
    /// Returns whether it is a crate of tests, and not one with tests in it.
    fn is_test(&self) -> bool {
        self.kind.iter().any(|kind| kind == "test")
    }
}

#[cfg(test)]
mod tests {
    use super::{USE, add};

    #[test]
    fn line_stands_before_the_first_item() {
        for (text, expected) in [
            ("//! Tests.\n#![deny(x)]\n\nuse a::b;\n", "//! Tests.\n#![deny(x)]\n\nuse lightsout as _;\nuse a::b;\n"),
            ("/// A test.\n#[test]\nfn a() {}\n", "use lightsout as _;\n\n/// A test.\n#[test]\nfn a() {}\n"),
            ("", "use lightsout as _;\n"),
            ("//! Only this.\n", "//! Only this.\nuse lightsout as _;\n"),
        ] {
            assert_eq!(add(text, USE).as_deref(), Some(expected));
        }
        assert_eq!(add("fn broken( {", USE), None);
    }
}
