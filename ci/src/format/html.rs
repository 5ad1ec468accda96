//! A page for a browser: one file that needs no other, readable by keyboard, on a phone, in light and in dark, and without scripts.
//!
//! Everything that comes from a test is escaped; the page loads nothing.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use lightsout::Report;

use super::Page;
use crate::exit::Exit;
use crate::show;
use crate::told::{Group, Problem, Standing};
use crate::words;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// Returns the page.
pub(super) fn text(page: &Page<'_>) -> String {
    let mut text = String::new();
    write(page, &mut text).expect("lightsout bug: a string takes all text");
    text
}

fn write(page: &Page<'_>, out: &mut String) -> fmt::Result {
    let verdict = page.verdict;
    let (class, exit) = (if verdict.exit() == Exit::Clean { "good" } else { "bad" }, words::exit(verdict));
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>lightsout: {0}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#findings\">To the findings</a>\n\
         <header class=\"{class}\"><h1>lightsout</h1><p class=\"exit\">{0}</p><p>{1}</p></header>\n<main>",
        escaped(&exit),
        escaped(&words::summary(verdict))
    )?;
    let (new, known): (Vec<_>, Vec<_>) = page.groups.iter().partition(|group| group.standing == Standing::New);
    section(out, "findings", "What leaked, by place", |out| findings(&new, &known, page.build, out))?;
    if !page.problems.is_empty() {
        section(out, "problems", "What else is wrong", |out| page.problems.iter().try_for_each(|it| problem(it, out)))?;
    }
    section(out, "tests", "By test", |out| tests(page, out))?;
    section(out, "coverage", "What was searched", |out| coverage(page, out))?;
    writeln!(
        out,
        "</main>\n<footer><p>Keys: <kbd>j</kbd> and <kbd>k</kbd> go from finding to finding, <kbd>/</kbd> to the filter. \
                   What a kind means: <code>cargo lightsout explain KIND</code></p></footer>\n<script>\n{SCRIPT}</script>\n</body>\n</html>"
    )
}

fn section(out: &mut String, id: &str, title: &str, body: impl FnOnce(&mut String) -> fmt::Result) -> fmt::Result {
    writeln!(out, "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>")?;
    body(out)?;
    writeln!(out, "</section>")
}

fn findings(new: &[&Group<'_>], known: &[&Group<'_>], build: &str, out: &mut String) -> fmt::Result {
    if new.is_empty() {
        writeln!(out, "<p>{}</p>", if known.is_empty() { "Nothing was found." } else { "Nothing new was found." })?;
    }
    for (number, group) in new.iter().enumerate() {
        finding(group, &format!("finding-{}", number + 1), "open", build, out)?;
    }
    if !known.is_empty() {
        writeln!(out, "<h3>In the baseline: {}</h3>", known.len())?;
    }
    for (number, group) in known.iter().enumerate() {
        finding(group, &format!("known-{}", number + 1), "", build, out)?;
    }
    Ok(())
}

fn finding(group: &Group<'_>, id: &str, open: &str, build: &str, out: &mut String) -> fmt::Result {
    let class = if group.standing == Standing::New { "new" } else { "known" };
    let place = group.site().map(|site| format!(" <code>{}</code>", escaped(&site.to_string()))).unwrap_or_default();
    let (kind, summary) = (group.finding.kind().name(), escaped(group.finding.summary()));
    writeln!(
        out,
        "<details class=\"finding {class}\" id=\"{id}\" {open}>\n<summary><strong>{kind}</strong>: {summary}{place}</summary>\n<dl>"
    )?;
    for reason in &group.reasons {
        writeln!(out, "<dt>known</dt><dd>{}</dd>", escaped(reason))?;
    }
    for (label, value) in group.lines(build) {
        let value = escaped(&value);
        match label.as_str() {
            "run again" | "if meant" => writeln!(out, "<dt>{label}</dt><dd class=\"copy\"><code>{value}</code></dd>")?,
            _ => writeln!(out, "<dt>{}</dt><dd>{value}</dd>", escaped(&label))?,
        }
    }
    writeln!(out, "</dl>\n</details>")
}

fn problem(problem: &Problem, out: &mut String) -> fmt::Result {
    let title = escaped(&problem.title);
    match problem.text.is_empty() {
        true => writeln!(out, "<p class=\"problem\">{title}</p>"),
        false => {
            writeln!(
                out,
                "<details class=\"problem\" open><summary>{title}</summary><pre tabindex=\"0\">{}</pre></details>",
                escaped(&problem.text)
            )
        }
    }
}

fn tests(page: &Page<'_>, out: &mut String) -> fmt::Result {
    let reports: Vec<&Report> = page.verdict.told().collect();
    if reports.is_empty() {
        return writeln!(out, "<p>No test was checked.</p>");
    }
    writeln!(
        out,
        "<p><label for=\"filter\">Filter</label> <input id=\"filter\" type=\"search\" autocomplete=\"off\"> <span id=\"shown\" role=\"status\"></span></p>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"tests-title\"><table>\n<thead><tr>\
         <th scope=\"col\">package</th><th scope=\"col\">test</th><th scope=\"col\">findings</th><th scope=\"col\" class=\"number\">tasks</th>\
         <th scope=\"col\" class=\"number\">runs</th><th scope=\"col\" class=\"number\">time</th></tr></thead>\n<tbody>"
    )?;
    let links = links(page);
    let (clean, others): (Vec<&Report>, Vec<&Report>) = reports.into_iter().partition(|report| report.is_clean());
    others.iter().chain(&clean).try_for_each(|report| row(report, &links, out))?;
    writeln!(out, "</tbody></table></div>")
}

/// The places of findings on the page, by kind and place.
type Links<'a> = BTreeMap<*const Report, Vec<(String, &'a str)>>;

fn links<'a>(page: &'a Page<'_>) -> Links<'a> {
    let mut links = Links::new();
    let (mut new, mut known) = (0, 0);
    for group in &page.groups {
        let id = match group.standing {
            Standing::New => {
                new += 1;
                format!("finding-{new}")
            }
            Standing::Known => {
                known += 1;
                format!("known-{known}")
            }
        };
        for report in &group.reports {
            links.entry(std::ptr::from_ref(*report)).or_default().push((id.clone(), group.finding.kind().name()));
        }
    }
    links
}

fn row(report: &Report, links: &Links<'_>, out: &mut String) -> fmt::Result {
    let links = links.get(&std::ptr::from_ref(report)).into_iter().flatten();
    let links: Vec<_> = links.map(|(id, kind)| format!("<a href=\"#{id}\">{kind}</a>")).collect();
    let found = if links.is_empty() { show::findings(report) } else { links.join(", ") };
    let class = if report.is_clean() { "clean" } else { "not-clean" };
    let [_, tasks, _, time] = show::row(report, false);
    writeln!(
        out,
        "<tr class=\"{class}\"><td>{}</td><th scope=\"row\">{}</th><td>{found}</td><td class=\"number\">{tasks}</td>\
         <td class=\"number\">{}</td><td class=\"number\">{time}</td></tr>",
        escaped(report.package().unwrap_or_default()),
        escaped(report.test()),
        report.coverage().runs(),
    )
}

fn coverage(page: &Page<'_>, out: &mut String) -> fmt::Result {
    let verdict = page.verdict;
    let runs: u64 = verdict.told().map(|report| report.coverage().runs()).sum();
    let tasks: u64 = verdict.told().map(|report| report.coverage().tasks()).sum();
    writeln!(out, "<ul>\n<li>{}</li>", escaped(&words::searched(verdict.checks(), runs, tasks)))?;
    for note in show::notes(verdict).lines() {
        writeln!(out, "<li>{}</li>", escaped(note))?;
    }
    writeln!(out, "</ul>")
}

/// Escapes a text for an element or an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
