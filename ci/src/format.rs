//! Tells a verdict to programs and to web pages. Each form is one file; all of them tell the same [groups](crate::told) in the same words.

mod github;
mod html;
mod junit;
mod markdown;
mod sarif;

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cli::{Formats, When};
use crate::error::Error;
use crate::json;
use crate::told::{self, Group, Problem};
use crate::verdict::Verdict;

/// What every form tells.
#[derive(Debug)]
struct Page<'a> {
    verdict: &'a Verdict,
    groups: Vec<Group<'a>>,
    problems: Vec<Problem>,
    /// What commands need to run a test of the same build again.
    build: &'a str,
}

impl<'a> Page<'a> {
    fn new(verdict: &'a Verdict, build: &'a str) -> Self {
        Self { verdict, groups: told::groups(verdict), problems: told::problems(verdict), build }
    }
}

/// Returns a verdict's text in one form.
type Form = fn(&Page<'_>) -> String;

fn forms(formats: &Formats) -> impl Iterator<Item = (&PathBuf, Form)> {
    let forms: [(_, Form); 5] = [
        (&formats.json, |page| json::text(page.verdict)),
        (&formats.junit, junit::text),
        (&formats.sarif, sarif::text),
        (&formats.markdown, markdown::text),
        (&formats.html, html::text),
    ];
    forms.into_iter().filter_map(|(path, form)| Some((path.as_ref()?, form)))
}

/// Removes what an earlier run wrote: a file that is there is of this run.
pub(crate) fn forget(formats: &Formats) -> Result<(), Error> {
    forms(formats)
        .filter(|(path, _)| is_file(path))
        .try_for_each(|(path, _)| fs::remove_file(path).map_err(|error| Error::write_file(path, &error)))
}

/// Returns whether a file is there that may be replaced by another one. `/dev/stdout` and the like may not.
fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|it| it.is_file())
}

/// Writes a verdict in every form that was asked for. A file that cannot be written does not keep the others from being written.
pub(crate) fn write(formats: &Formats, verdict: &Verdict, build: &str) -> Result<(), Error> {
    let page = Page::new(verdict, build);
    let written: Vec<_> = forms(formats).map(|(path, form)| replace(path, &form(&page))).collect();
    let told = tell_github(formats.github.unwrap_or_default(), &page);
    written.into_iter().chain([told]).collect()
}

/// Writes under a temporary name first, so that nobody reads half a file.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    if path.exists() && !is_file(path) {
        return fs::write(path, text).map_err(|error| Error::write_file(path, &error));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // It is of no use to anyone, and may be what fills the disk.
        let _ = fs::remove_file(&temporary);
        Error::write_file(path, &error)
    })
}

/// Prints annotations, and adds to the summary of the job where there is one.
fn tell_github(when: When, page: &Page<'_>) -> Result<(), Error> {
    let is_there = std::env::var_os("GITHUB_ACTIONS").is_some_and(|it| it == "true");
    if when == When::Never || when == When::Auto && !is_there {
        return Ok(());
    }
    let mut stdout = io::stdout();
    // A reader that has gone away does not change the exit code.
    let _ = stdout.write_all(github::text(page).as_bytes()).and_then(|()| stdout.flush());
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(());
    };
    let summary = OpenOptions::new().append(true).create(true).open(&path);
    let written = summary.and_then(|mut file| file.write_all(markdown::text(page).as_bytes()));
    written.map_err(|error| Error::write_file(&path, &error))
}
