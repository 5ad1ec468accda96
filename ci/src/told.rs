//! Findings as they are told: those of one kind and place together, which a mend at that place ends. Every format tells these, in the
//! same words.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use lightsout::{Finding, Report, Site};

use crate::verdict::{Vacuous, Verdict};
use crate::words;

/// Something that is wrong beside findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// One line.
    pub(crate) title: String,
    /// What more there is to say; empty where the title says it all.
    pub(crate) text: String,
    /// Whether it is told with its test where tests are told.
    pub(crate) is_of_a_test: bool,
}

impl Problem {
    /// Splits a sentence from the lines below it.
    fn new(text: &str, more: &str) -> Self {
        let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
        let text = [rest, more].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n");
        Self { title: title.to_owned(), text, is_of_a_test: false }
    }
}

/// Returns everything that is wrong beside findings; there is something whenever the gate fails without a new one.
pub(crate) fn problems(verdict: &Verdict) -> Vec<Problem> {
    let failures = verdict
        .failures
        .iter()
        .map(|it| Problem { is_of_a_test: it.test.is_some(), ..Problem::new(&words::failure(it), &it.output) });
    let deaths = verdict.deaths.iter().map(|it| Problem::new(&words::death(it), ""));
    let whole = words::whole(&verdict.whole).map(|(sentence, lines)| Problem::new(&sentence, lines));
    let faults = verdict.faults.iter().map(|it| Problem::new(&it.to_string(), it.hint().unwrap_or_default()));
    let blind = verdict.blind.iter().map(|it| Problem::new(&words::blind(it), ""));
    let lost = (verdict.lost > 0).then(|| Problem::new(&words::lost(verdict.lost), ""));
    let gone = words::gone(&verdict.ratchet.gone).map(|text| Problem::new(&text, ""));
    let vacuous = Some(verdict.vacuous).filter(|it| *it != Vacuous::No).and_then(words::vacuous);
    let vacuous = vacuous.map(|text| Problem::new(text, ""));
    let unreported = words::unreported(&verdict.unreported).map(|text| Problem::new(&text, ""));
    failures
        .chain(deaths)
        .chain(unreported)
        .chain(whole)
        .chain(faults)
        .chain(blind)
        .chain(lost)
        .chain(gone)
        .chain(vacuous)
        .collect()
}

/// What a finding means for the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It fails the gate.
    New,
    /// It is in the baseline.
    Known,
}

/// Findings of one kind and place.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) standing: Standing,
    /// The fullest of them.
    pub(crate) finding: &'a Finding,
    /// That of the fullest.
    pub(crate) report: &'a Report,
    /// All that show it, ordered by package and test.
    pub(crate) reports: Vec<&'a Report>,
    /// Why it is in the baseline.
    pub(crate) reasons: BTreeSet<&'a str>,
    /// Names of tests, each with how often it showed it where it ran more than once.
    pub(crate) tests: Vec<String>,
}

/// Returns the findings of a verdict: what fails first, then by kind and place.
pub(crate) fn groups(verdict: &Verdict) -> Vec<Group<'_>> {
    let mut groups: BTreeMap<_, Group<'_>> = BTreeMap::new();
    let attempts = Attempts::of(verdict);
    for (number, report) in verdict.told().enumerate() {
        for (at, finding) in report.findings().iter().enumerate() {
            let known = verdict.ratchet.known(number, at);
            let standing = if known.is_some() { Standing::Known } else { Standing::New };
            // Checked and ordinary tests may leave the same thing: what can be said of it differs.
            let key = (standing, finding.kind(), finding.sites(), finding.next_step());
            let group = groups.entry(key).or_insert_with(|| Group {
                standing,
                finding,
                report,
                reports: Vec::new(),
                reasons: BTreeSet::new(),
                tests: Vec::new(),
            });
            group.add(report, finding, known.flatten());
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.iter_mut().for_each(|group| group.tests = attempts.names(&group.reports));
    groups
}

impl<'a> Group<'a> {
    fn add(&mut self, report: &'a Report, finding: &'a Finding, reason: Option<&'a str>) {
        // Ordinary tests come in no order of their own.
        let weight =
            |finding: &Finding, report: &'a Report| (finding.count(), Reverse((report.package(), report.test())));
        if weight(finding, report) > weight(self.finding, self.report) {
            (self.finding, self.report) = (finding, report);
        }
        self.reports.push(report);
        self.reasons.extend(reason);
    }

    /// Returns the finding as one line: `leaked-task: 1 task is still alive after the test`.
    pub(crate) fn headline(&self) -> String {
        words::headline(self.finding)
    }

    /// Returns the first place to look at, where there is one in a file.
    pub(crate) fn site(&self) -> Option<&'a Site> {
        self.finding.sites().iter().find(|site| site.line > 0)
    }

    /// Returns the finding as everything tells it: what, where, what was seen, what to do, the tests, and how to see it again. `build` is
    /// what commands need to run a test of the same build.
    pub(crate) fn text(&self, build: &str, color: bool) -> String {
        let tests: Vec<&str> = self.tests.iter().map(String::as_str).collect();
        let again = words::again(self.report.again(), build);
        lightsout::report::finding(self.finding, &words::tests(&tests), &again, color)
    }
}

impl Group<'_> {
    /// Returns the lines of [`text`](Self::text) below its first one, each with its label and without the breaks that a terminal needs.
    pub(crate) fn lines(&self, build: &str) -> Vec<(String, String)> {
        let text = self.text(build, false);
        let mut lines: Vec<(String, String)> = Vec::new();
        for line in text.lines().skip(1) {
            let (label, value) = line.split_at_checked(LABELS).unwrap_or((line, ""));
            match lines.last_mut() {
                Some((_, so_far)) if label.trim().is_empty() => *so_far += &format!(" {value}"),
                _ => lines.push((label.trim().to_owned(), value.to_owned())),
            }
        }
        lines
    }
}

/// The width of the column of labels in a finding's text, with its indentation.
const LABELS: usize = 14;

/// The name of a test, with its package and its binary.
type Name<'a> = (Option<&'a str>, Option<&'a str>, &'a str);

fn name(report: &Report) -> Name<'_> {
    (report.package(), report.binary(), report.case().unwrap_or(report.test()))
}

/// How often tests ran that ran more than once.
#[derive(Debug)]
pub(crate) struct Attempts<'a>(BTreeMap<(Option<&'a str>, &'a str), usize>);

impl<'a> Attempts<'a> {
    pub(crate) fn of(verdict: &'a Verdict) -> Self {
        let tests = verdict.binaries.iter().flat_map(|binary| {
            let retried = binary.tests.iter().filter(|test| test.attempts > 1);
            retried.map(|test| ((binary.package.as_deref(), test.name.as_str()), test.attempts))
        });
        Self(tests.collect())
    }

    /// Returns the tests of some reports, each once.
    fn names(&self, reports: &[&Report]) -> Vec<String> {
        let mut times: BTreeMap<Name<'_>, (usize, &str)> = BTreeMap::new();
        reports.iter().for_each(|report| times.entry(name(report)).or_insert((0, report.test())).0 += 1);
        times
            .into_iter()
            .map(|((package, _, case), (seen, test))| match self.0.get(&(package, case)) {
                Some(attempts) => words::flaky(test, seen, *attempts),
                None => test.to_owned(),
            })
            .collect()
    }
}
