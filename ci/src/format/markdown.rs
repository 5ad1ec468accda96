//! Markdown, for the summary of a job: a table of places first, then each finding as the terminal shows it.

use std::fmt::Write;

use super::Page;
use crate::exit::Exit;
use crate::told::{Group, Problem, Standing};
use crate::words;

/// Returns the text.
pub(super) fn text(page: &Page<'_>) -> String {
    let mut text = String::new();
    write(page, &mut text).expect("lightsout bug: a string takes all text");
    text
}

fn write(page: &Page<'_>, text: &mut String) -> std::fmt::Result {
    let verdict = page.verdict;
    let mark = if verdict.exit() == Exit::Clean { "✅" } else { "❌" };
    writeln!(text, "## {mark} lightsout: {}\n\n{}\n", words::exit(verdict), words::summary(verdict))?;
    let (new, known): (Vec<_>, Vec<_>) = page.groups.iter().partition(|group| group.standing == Standing::New);
    table(&new, text)?;
    new.iter().try_for_each(|group| details(&summary(group), &group.text(page.build, false), text))?;
    page.problems.iter().try_for_each(|it| problem(it, text))?;
    if !known.is_empty() {
        let lines: Vec<_> =
            known.iter().map(|group| format!("{}\n{}", words::known(group), group.text(page.build, false))).collect();
        details(&words::known_places(known.len()), &lines.join("\n"), text)?;
    }
    Ok(())
}

fn table(groups: &[&Group<'_>], text: &mut String) -> std::fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(text, "| what | where | tests |\n| --- | --- | --- |")?;
    for group in groups {
        let place = group.site().map(ToString::to_string).unwrap_or_default();
        let tests: Vec<&str> = group.tests.iter().map(String::as_str).collect();
        writeln!(
            text,
            "| {} | {} | {} |",
            cell(group.finding.kind().name()),
            cell(&place),
            cell(&words::tests(&tests))
        )?;
    }
    writeln!(text)
}

/// Returns a text as code in a cell of a table.
fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<code>{}</code>", escaped(text).replace('|', "&#124;")) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn summary(group: &Group<'_>) -> String {
    let place = group.site().map(|site| format!(" at {site}")).unwrap_or_default();
    format!("{}{place}", group.headline())
}

fn details(summary: &str, body: &str, text: &mut String) -> std::fmt::Result {
    let fence = fence(body);
    let body = body.trim_end();
    writeln!(text, "<details><summary>{}</summary>\n\n{fence}text\n{body}\n{fence}\n\n</details>\n", escaped(summary))
}

/// Returns a fence that the text does not end.
fn fence(body: &str) -> String {
    let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    "`".repeat(longest.max(2) + 1)
}

fn problem(problem: &Problem, text: &mut String) -> std::fmt::Result {
    match problem.text.is_empty() {
        true => writeln!(text, "**{}**\n", escaped(&problem.title)),
        false => details(&problem.title, &problem.text, text),
    }
}
