//! Annotations of GitHub Actions: lines that it shows beside the code of a change.
//!
//! It shows the first ten errors and the first ten notices of a step, so what fails comes first.

use super::Page;
use crate::told::{Group, Problem, Standing};

/// Returns a line for each group and each problem.
pub(super) fn text(page: &Page<'_>) -> String {
    let problems = page.problems.iter().map(problem);
    let (new, known): (Vec<_>, Vec<_>) = page.groups.iter().partition(|group| group.standing == Standing::New);
    let new = new.into_iter().map(|it| group(it, page.build));
    let known = known.into_iter().map(|it| group(it, page.build));
    new.chain(problems).chain(known).collect()
}

fn group(group: &Group<'_>, build: &str) -> String {
    let level = match group.standing {
        Standing::New => "error",
        Standing::Known => "notice",
    };
    let place = group.site().map(|site| {
        let column = if site.column > 0 { format!(",col={}", site.column) } else { String::new() };
        format!("file={},line={}{column},", property(&site.file), site.line)
    });
    let title = property(&group.headline());
    format!("::{level} {}title={title}::{}\n", place.unwrap_or_default(), message(group.text(build, false).trim_end()))
}

fn problem(problem: &Problem) -> String {
    let text = if problem.text.is_empty() { &problem.title } else { &problem.text };
    format!("::error title={}::{}\n", property(&problem.title), message(text.trim_end()))
}

/// Escapes a text, as the runner of GitHub Actions reads it.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
