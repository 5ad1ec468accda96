//! Judges a run of the suite and the reports of its tests. Pure: what is handed in is all that counts.

use std::path::{Path, PathBuf};

use lightsout::{Ending, Enforced, Report};

use crate::cover::{Cover, Sight, Why};
use crate::error::Error;
use crate::exit::Exit;
use crate::gather::Gathered;
use crate::leaks;
use crate::libtest::{Binary, Log, Ran, TestResult, When};

/// What became of the suite.
#[derive(Clone, Debug)]
pub(crate) enum Run {
    /// It did not build.
    NotBuilt {
        /// How cargo ended.
        how: String,
    },
    /// It ran.
    Ran {
        /// How cargo ended.
        ended: Ended,
        /// What it printed.
        log: Log,
    },
}

/// How `cargo test` ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With success.
    Passed,
    /// With an exit status other than 0.
    Failed(String),
    /// By a signal, so that not all tests ran.
    Interrupted(String),
}

/// Everything that the gate has to say.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// What is wrong with the run as a whole.
    pub(crate) whole: Whole,
    /// What the checked tests wrote, ordered by package and test.
    pub(crate) reports: Vec<Report>,
    /// What ordinary tests left, in binaries that link lightsout; ordered by package and test.
    pub(crate) leaks: Vec<Report>,
    /// Reports with findings that a test has as a value and passed with: what it expects.
    pub(crate) expected: Vec<Report>,
    /// Tests that failed for another reason than a finding.
    pub(crate) failures: Vec<Failure>,
    /// Test binaries that did not come to their end.
    pub(crate) deaths: Vec<Death>,
    /// What could not be read.
    pub(crate) faults: Vec<Error>,
    /// Tests that ran without being checked or covered.
    pub(crate) unchecked: Unchecked,
    /// Ordinary tests that ran in binaries whose record was read.
    pub(crate) covered: usize,
    /// How many ordinary tests ran in each binary that does not link lightsout; empty where none does.
    pub(crate) uncovered: Vec<(Place, usize)>,
    /// How many allocations of ordinary tests could not be written down.
    pub(crate) lost: u64,
    /// Tasks of ordinary tests that had not had their turn when their runtime ended.
    pub(crate) undecided: usize,
    /// Binaries with ordinary tests that should have been covered, and were not.
    pub(crate) blind: Vec<Blind>,
    /// Test binaries with a harness of their own, whose tests nobody counted.
    pub(crate) own_harness: Vec<Place>,
    /// Whether a pass would prove nothing.
    pub(crate) vacuous: Vacuous,
    /// Where everything is that the tests printed; `None` where none ran.
    pub(crate) log: Option<PathBuf>,
}

/// What is wrong with the run as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It ran, and what it came to is told by its tests.
    Ran,
    /// It did not build.
    NotBuilt(String),
    /// It was ended from outside.
    Interrupted(String),
    /// It failed, and nothing in its log says why.
    Unexplained {
        /// How cargo ended.
        how: String,
        /// The last lines of the log.
        tail: String,
    },
}

/// A test binary, or the doc tests of a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `tests/it.rs`; empty where cargo did not announce it.
    pub(crate) binary: String,
    /// `None` where the binary is not known by name.
    pub(crate) package: Option<String>,
}

/// A test that failed for another reason than a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) place: Place,
    /// `None` where the log counts it and does not name it.
    pub(crate) test: Option<String>,
    /// What the test printed; empty where nothing was captured.
    pub(crate) output: String,
}

/// A test binary that did not come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Death {
    pub(crate) place: Place,
    /// `None` where the binary pretended success.
    pub(crate) how: Option<String>,
    /// How far it came.
    pub(crate) when: When,
}

/// A test binary that links lightsout and whose ordinary tests were not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blind {
    pub(crate) place: Place,
    pub(crate) why: Why,
}

/// How many tests ran without being checked or covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unchecked {
    /// Every report was found to belong to a test.
    Exactly(usize),
    /// Some checks bear a name that no test has (`Check::new`), or names were not in the log.
    AtMost(usize),
}

/// Whether a pass would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacuous {
    /// Something was checked, or something else is wrong that explains why not.
    No,
    /// Tests ran and none of them was checked or covered.
    NoneChecked,
    /// No test ran.
    NoneRan,
}

impl Verdict {
    /// Returns how the gate ends: the worst of everything that is wrong.
    pub(crate) fn exit(&self) -> Exit {
        let is_unseen = self.vacuous != Vacuous::No || !self.blind.is_empty() || self.lost > 0;
        let wrong = [
            (self.findings() > 0 || is_unseen, Exit::Findings),
            (self.whole != Whole::Ran || !self.failures.is_empty() || !self.deaths.is_empty(), Exit::Suite),
            (!self.faults.is_empty(), Exit::SetUp),
        ];
        wrong.into_iter().filter(|(is_so, _)| *is_so).map(|(_, exit)| exit).max().unwrap_or(Exit::Clean)
    }

    /// Returns the reports that count: of checked tests, and of ordinary ones.
    pub(crate) fn told(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().chain(&self.leaks)
    }

    /// Returns how many findings there are.
    pub(crate) fn findings(&self) -> usize {
        self.told().map(|report| report.findings().len()).sum()
    }

    /// Returns how many checks were made.
    pub(crate) fn checks(&self) -> usize {
        self.reports.len() + self.expected.len()
    }

    /// Returns how many reports have findings.
    pub(crate) fn not_clean(&self) -> usize {
        self.told().filter(|report| !report.findings().is_empty()).count()
    }
}

/// Judges a run.
pub(crate) fn judge(run: Run, gathered: Gathered, log: Option<&Path>) -> Verdict {
    let Gathered { reports, cover, mut faults } = gathered;
    let (whole, binaries) = match run {
        Run::NotBuilt { how } => (Whole::NotBuilt(how), Vec::new()),
        Run::Ran { ended, log } => (whole(ended, &log), log.binaries),
    };
    faults.extend(log.filter(|_| is_quiet(&binaries, &reports)).map(Error::quiet_log));
    let deaths: Vec<_> = binaries.iter().filter_map(death).collect();
    let mut ledger = Ledger::new(&reports, &cover);
    let failures = ledger.enter(&binaries);
    let (unchecked, ran, covered) = (ledger.unchecked(), ledger.ran, ledger.covered);
    let (blind, mut uncovered) = (ledger.blind, ledger.uncovered);
    if covered == 0 {
        uncovered.clear();
    }
    let leaks = leaks::reports(&cover, &binaries);
    let is_expected: Vec<bool> = ledger.reports.iter().map(|(_, fate)| *fate == Fate::Expected).collect();
    let own_harness = binaries.iter().filter(|it| it.end() == Ran::ByItsOwnHarness).map(Place::of).collect();
    let nothing_else = whole == Whole::Ran && deaths.is_empty() && faults.is_empty();
    let vacuous = match (reports.len() + covered + blind.len(), ran) {
        (0, 0) if nothing_else => Vacuous::NoneRan,
        (0, _) if nothing_else => Vacuous::NoneChecked,
        _ => Vacuous::No,
    };
    let log = log.map(Path::to_owned);
    let (expected, reports) = split(reports, &is_expected);
    let (undecided, lost) = (cover.undecided, cover.lost);
    Verdict {
        whole,
        reports,
        leaks,
        expected,
        failures,
        deaths,
        faults,
        unchecked,
        covered,
        uncovered,
        lost,
        undecided,
        blind,
        own_harness,
        vacuous,
        log,
    }
}

/// Splits reports into those that are marked and the others.
fn split(reports: Vec<Report>, marked: &[bool]) -> (Vec<Report>, Vec<Report>) {
    let (with, without): (Vec<_>, Vec<_>) = reports.into_iter().zip(marked).partition(|(_, marked)| **marked);
    let reports = |half: Vec<(Report, &bool)>| half.into_iter().map(|(report, _)| report).collect();
    (reports(with), reports(without))
}

/// Looks at the run as a whole: a failing exit status must be explained by what the log says of a binary.
fn whole(ended: Ended, log: &Log) -> Whole {
    let is_explained = log.binaries.iter().any(|binary| binary.failed > 0 || death(binary).is_some());
    match ended {
        Ended::Passed => Whole::Ran,
        Ended::Failed(_) if is_explained => Whole::Ran,
        Ended::Failed(how) => Whole::Unexplained { how, tail: log.tail.clone() },
        Ended::Interrupted(how) => Whole::Interrupted(how),
    }
}

/// Returns whether cargo did not announce what it ran (`--quiet`): a binary that died could not be told from one that passed.
fn is_quiet(binaries: &[Binary], reports: &[Report]) -> bool {
    binaries.iter().any(|binary| binary.name.is_empty()) || (binaries.is_empty() && !reports.is_empty())
}

fn death(binary: &Binary) -> Option<Death> {
    match binary.end() {
        Ran::ToTheEnd | Ran::ByItsOwnHarness => None,
        Ran::Died { how, when } => Some(Death { place: Place::of(binary), how, when }),
    }
}

impl Place {
    fn of(binary: &Binary) -> Self {
        Self { binary: binary.name.clone(), package: binary.package.clone() }
    }
}

/// Sets tests against reports: each report belongs to one test, and a test may have several.
struct Ledger<'a> {
    reports: Vec<(&'a Report, Fate)>,
    /// Tests that ran.
    ran: usize,
    /// Tests that have a report.
    checked: usize,
    /// Tests without a report whose binary's record was read.
    covered: usize,
    cover: &'a Cover,
    blind: Vec<Blind>,
    uncovered: Vec<(Place, usize)>,
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// No test has claimed it.
    Unclaimed,
    /// It counts.
    Claimed,
    /// Its test passed, and has its findings as a value.
    Expected,
}

impl<'a> Ledger<'a> {
    fn new(reports: &'a [Report], cover: &'a Cover) -> Self {
        let reports = reports.iter().map(|report| (report, Fate::Unclaimed)).collect();
        Self { reports, ran: 0, checked: 0, covered: 0, cover, blind: Vec::new(), uncovered: Vec::new() }
    }

    /// Enters the tests of all binaries, and returns those that failed for another reason than a finding.
    fn enter(&mut self, binaries: &[Binary]) -> Vec<Failure> {
        self.ran = binaries.iter().map(Binary::ran).sum();
        let mut failures = Vec::new();
        for binary in binaries {
            let before = self.checked;
            failures.extend(self.failures(binary));
            self.see(binary, binary.ran().saturating_sub(self.checked - before));
        }
        failures
    }

    /// Says whether the ordinary tests of a binary were looked at.
    fn see(&mut self, binary: &Binary, ordinary: usize) {
        match binary.file.as_ref().and_then(|file| self.cover.binaries.get(file)) {
            Some(Sight::Open) => self.covered += ordinary,
            Some(Sight::Blind(why)) if ordinary > 0 => self.blind.push(Blind { place: Place::of(binary), why: *why }),
            None if ordinary > 0 => self.uncovered.push((Place::of(binary), ordinary)),
            Some(Sight::Blind(_)) | None => {}
        }
    }

    fn failures(&mut self, binary: &Binary) -> Vec<Failure> {
        let mut failures = Vec::new();
        for test in &binary.tests {
            match &test.result {
                TestResult::Passed => self.passed(binary, &test.name),
                TestResult::Failed { output } if self.is_excused(binary, &test.name, output) => {}
                TestResult::Failed { output } => {
                    let (test, output) = (Some(test.name.clone()), output.clone());
                    failures.push(Failure { place: Place::of(binary), test, output });
                }
            }
        }
        let nameless = || Failure { place: Place::of(binary), test: None, output: String::new() };
        failures.extend(std::iter::repeat_with(nameless).take(binary.failed_without_name()));
        failures
    }

    fn passed(&mut self, binary: &Binary, test: &str) {
        let fate = |report: &Report| match report.enforced() {
            Enforced::ByCaller if !report.is_clean() => Fate::Expected,
            _ => Fate::Claimed,
        };
        self.claim(|report| is_of(report, binary, test), fate);
    }

    /// Returns whether a test failed because of its findings: those of its own checks, else those that it printed.
    fn is_excused(&mut self, binary: &Binary, test: &str, output: &str) -> bool {
        let of_test = |report: &Report| is_of(report, binary, test);
        let claimed = self.claim(of_test, |_| Fate::Claimed);
        let claimed = if claimed.is_empty() {
            self.claim(|report| is_excuse(report) && is_told(report, binary, output), |_| Fate::Claimed)
        } else {
            claimed
        };
        claimed.into_iter().any(is_excuse)
    }

    /// Claims every report that fits for one test.
    fn claim(&mut self, fits: impl Fn(&Report) -> bool, fate: impl Fn(&Report) -> Fate) -> Vec<&'a Report> {
        let unclaimed = self.reports.iter_mut().filter(|(_, fate)| *fate == Fate::Unclaimed);
        let mut claimed = Vec::new();
        for (report, its_fate) in unclaimed.filter(|(report, _)| fits(report)) {
            *its_fate = fate(report);
            claimed.push(*report);
        }
        self.checked += usize::from(!claimed.is_empty());
        claimed
    }

    fn unchecked(&self) -> Unchecked {
        let count = self.ran.saturating_sub(self.checked + self.covered);
        match self.reports.iter().any(|(_, fate)| *fate == Fate::Unclaimed) {
            false => Unchecked::Exactly(count),
            true => Unchecked::AtMost(count),
        }
    }
}

/// Returns whether a report is of a check that this test made.
fn is_of(report: &Report, binary: &Binary, test: &str) -> bool {
    let same_file = match (report.binary(), &binary.file) {
        (Some(report), Some(binary)) => report == binary,
        _ => true,
    };
    same_file && is_of_package(report, binary) && report.case().unwrap_or(report.test()) == test
}

fn is_of_package(report: &Report, binary: &Binary) -> bool {
    report.package().is_none() || binary.package.is_none() || report.package() == binary.package.as_deref()
}

/// Returns whether a report is why its test failed: there are findings, and its body did not fail by itself.
fn is_excuse(report: &Report) -> bool {
    !report.findings().is_empty() && matches!(report.ending(), Ending::Passed | Ending::Unfinished)
}

/// Returns whether a test printed this report: how a `Check` is found whose name is not that of its test.
fn is_told(report: &Report, binary: &Binary, output: &str) -> bool {
    let told = |text: &str| !text.is_empty() && output.contains(text);
    is_of_package(report, binary) && told(report.test()) && report.findings().iter().all(|it| told(it.summary()))
}

#[cfg(test)]
mod tests;
