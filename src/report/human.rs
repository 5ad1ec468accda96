//! The report for a person: what is wrong first, then where, then what to do.

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

use super::words;
use crate::disturb::plan::Plan;
use crate::finding::{Ending, Finding, Kind, Report, Searched};
use crate::graph::data::{NodeKind, WaitGraph};

/// Of how many lines between boxes a person makes sense without a picture.
const FEW: usize = 6;

const BAD: Style = AnsiColor::Red.on_default().bold();
/// A note fails nothing.
const NOTE: Style = AnsiColor::Yellow.on_default();
const PLACE: Style = AnsiColor::Cyan.on_default();
const LABEL: Style = Style::new().dimmed();

/// Labels stand in a column this wide; no label is longer.
const COLUMN: usize = 12;
/// Text is wrapped at this width, so that it stays readable where a CI log is narrow.
const WIDTH: usize = 110;

/// Renders a report for a person. The text ends with a line break.
#[must_use]
pub fn human(report: &Report, color: bool) -> String {
    let mut page = Page { text: String::new(), color };
    page.report(report).expect("lightsout bug: a string takes all text");
    page.text
}

/// Renders one finding for a person, with the tests that show it and the command that runs one of them again; for whoever groups the
/// findings of many tests. The text ends with a line break.
#[must_use]
pub fn finding(finding: &Finding, tests: &str, again: &str, color: bool) -> String {
    let mut page = Page { text: String::new(), color };
    let mut render = || {
        page.finding(finding)?;
        page.line("tests", tests)?;
        page.again(finding.plan(), again)
    };
    render().expect("lightsout bug: a string takes all text");
    page.text
}

struct Page {
    text: String,
    color: bool,
}

impl Page {
    fn report(&mut self, report: &Report) -> fmt::Result {
        let (count, test) = (words::count(report.findings.len(), "finding"), self.paint(PLACE, report.test()));
        if report.findings.is_empty() {
            writeln!(self.text, "lightsout: nothing found in {test}")?;
        } else {
            let count = self.paint(BAD, &count);
            writeln!(self.text, "lightsout: {count} in {test}")?;
        }
        for finding in &report.findings {
            writeln!(self.text)?;
            self.finding(finding)?;
            if finding.plan().is_some() {
                self.again(finding.plan(), &report.again)?;
            }
        }
        for note in &report.notes {
            writeln!(self.text)?;
            self.told(note, NOTE)?;
        }
        writeln!(self.text)?;
        self.ending(&report.ending)?;
        if let Some(plan) = &report.plan {
            self.line("under", &plan.to_string())?;
            self.again(Some(plan), &report.again)?;
        }
        if let Some(searched) = &report.coverage.searched {
            self.searched(searched)?;
        }
        for allowed in &report.allowed {
            let text = match allowed.count {
                0 => format!("{} matched nothing: take the rule out ({})", allowed.rule, allowed.reason),
                count => format!("{}, by {} ({})", count, allowed.rule, allowed.reason),
            };
            self.line("allowed", &text)?;
        }
        if report.coverage.work.lost > 0 {
            self.line("work", &words::work(report.coverage.work))?;
        }
        for unseen in &report.coverage.unseen {
            self.line("not seen", &format!("{} ({})", unseen.what, unseen.why))?;
        }
        if !report.is_clean() {
            self.verbatim("run again", &report.again)?;
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> fmt::Result {
        self.told(finding, BAD)
    }

    fn told(&mut self, finding: &Finding, style: Style) -> fmt::Result {
        let note = if style == NOTE { "note, " } else { "" };
        let kind = self.paint(style, &format!("{note}{}", finding.kind.name()));
        writeln!(self.text, "{kind}: {}", finding.summary)?;
        for (place, site) in finding.sites.iter().enumerate() {
            let label = site_label(finding.kind, place);
            self.painted_line(label, &site.to_string(), PLACE)?;
        }
        if let Some(plan) = finding.plan() {
            self.painted_line("under", &plan.to_string(), PLACE)?;
        }
        for evidence in &finding.evidence {
            self.line(&evidence.about, &evidence.seen)?;
        }
        self.waits(finding)?;
        self.line("to do", &finding.next)?;
        finding.rule.iter().try_for_each(|rule| self.verbatim("if meant", rule))
    }

    /// Draws who waits for whom, where it is more than one task and still small.
    fn waits(&mut self, finding: &Finding) -> fmt::Result {
        let tasks = |graph: &&WaitGraph| graph.nodes.iter().filter(|node| node.kind == NodeKind::Task).count() > 1;
        let text = finding.waits().filter(tasks).and_then(WaitGraph::to_text).unwrap_or_default();
        if text.lines().count() > FEW {
            return Ok(());
        }
        let labels = std::iter::once("graph").chain(std::iter::repeat(""));
        text.lines().zip(labels).try_for_each(|(line, label)| self.verbatim(label, line))
    }

    /// Writes the command that shows it again.
    fn again(&mut self, plan: Option<&Plan>, again: &str) -> fmt::Result {
        match plan {
            Some(plan) => self.verbatim("replay", &words::replay(plan, again)),
            None => self.verbatim("run again", again),
        }
    }

    fn searched(&mut self, searched: &Searched) -> fmt::Result {
        self.line("searched", &words::searched(searched))?;
        words::start_up(searched).iter().try_for_each(|text| self.line("start-up", text))?;
        searched.restless_at.iter().try_for_each(|at| self.line("horizon", &words::horizon(*at)))?;
        for (number, line) in searched.steps.lines().iter().enumerate().filter(|_| !searched.steps.is_empty()) {
            self.verbatim(if number == 0 { "steps" } else { "" }, line)?;
        }
        words::kept(searched).iter().try_for_each(|text| self.line("kept", text))?;
        searched.parted().iter().try_for_each(|parted| self.line("no proof", &words::not_a_proof(parted)))
    }

    fn ending(&mut self, ending: &Ending) -> fmt::Result {
        match ending {
            Ending::Passed => Ok(()),
            Ending::Failed(message) => self.line("the body", &format!("failed: {message}")),
            Ending::Panicked(message) => self.line("the body", &format!("panicked: {message}")),
            Ending::Unfinished => self.line("the body", "had not finished"),
        }
    }

    /// Writes a line to be copied, which nothing may break.
    fn verbatim(&mut self, label: &str, text: &str) -> fmt::Result {
        let label = self.paint(LABEL, &format!("{label:<COLUMN$}"));
        writeln!(self.text, "  {label}{text}")
    }

    fn line(&mut self, label: &str, text: &str) -> fmt::Result {
        self.painted_line(label, text, Style::new())
    }

    fn painted_line(&mut self, label: &str, text: &str, style: Style) -> fmt::Result {
        let label = self.paint(LABEL, &format!("{label:<COLUMN$}"));
        for (number, line) in wrap(text).iter().enumerate() {
            let line = self.paint(style, line);
            if number == 0 {
                writeln!(self.text, "  {label}{line}")?;
            } else {
                writeln!(self.text, "  {:<COLUMN$}{line}", "")?;
            }
        }
        Ok(())
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.color && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Returns what a place of a finding is, the first one having the number 0.
fn site_label(kind: Kind, place: usize) -> &'static str {
    match (kind, place) {
        (Kind::LeakedTask | Kind::BlockedThread, _) => "spawned at",
        (Kind::OpenChannel, _) => "created at",
        (Kind::TaskPanic, _) => "panicked at",
        (Kind::DoubleClose | Kind::UseAfterClose, 0) => "closed at",
        (Kind::DoubleClose, _) => "again at",
        (Kind::UseAfterClose, _) => "used at",
        (Kind::OutOfOrder, 0) => "ended at",
        (Kind::OutOfOrder, _) => "only then",
        (Kind::LostWork, 0) => "made at",
        (Kind::LostWork, _) => "dropped at",
        (Kind::Hang | Kind::Died | Kind::Vacuous, _) => "test at",
    }
}

/// Breaks text into lines between words. A word that is longer than a line, a path above all, stays whole.
fn wrap(text: &str) -> Vec<String> {
    let width = WIDTH - COLUMN - 2;
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.len() + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

impl Report {
    /// Returns the report for a person, without colour.
    #[must_use]
    pub fn to_text(&self) -> String {
        human(self, false)
    }

    /// Fails if anything was found, or if the body itself did not pass.
    ///
    /// # Panics
    ///
    /// With the whole report as its message.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{}", self.to_text());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}
