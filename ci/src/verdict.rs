//! Judges a run of the suite and the reports of its tests. Pure: what is handed in is all that counts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lightsout::{Ending, Enforced, Finding, Report};
use serde::{Deserialize, Serialize};

use crate::baseline::Ratchet;
use crate::begun::Begun;
use crate::cover::{Cover, Sight, Why};
use crate::error::Error;
use crate::exit::Exit;
use crate::gather::Gathered;
use crate::leaks::{self, Channels, Undecided};
use crate::libtest::{Binary, Log, Ran, TestResult, When};
use crate::preload::Closed;

/// What became of the suite.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// What of that is known.
    pub(crate) ratchet: Ratchet,
    /// What ran.
    pub(crate) binaries: Vec<Binary>,
    /// What ordinary tests left, in binaries that link lightsout; ordered by package and test.
    pub(crate) leaks: Vec<Report>,
    /// Channels that ordinary tests left open, which are no findings; ordered by place.
    pub(crate) channels: Vec<Channels>,
    /// The file names of binaries whose ordinary tests were looked at.
    pub(crate) seen: BTreeSet<String>,
    /// Reports with findings that a test has as a value and passed with: what it expects.
    pub(crate) expected: Vec<Report>,
    /// Tests that failed for another reason than a finding.
    pub(crate) failures: Vec<Failure>,
    /// Test binaries that did not come to their end.
    pub(crate) deaths: Vec<Death>,
    /// What could not be read.
    pub(crate) faults: Vec<Error>,
    /// Checked tests that began and never reported.
    pub(crate) unreported: Vec<Begun>,
    /// Tests that ran without being checked or covered.
    pub(crate) unchecked: Unchecked,
    /// Ordinary tests that ran in binaries whose record was read.
    pub(crate) covered: usize,
    /// How many ordinary tests ran in each binary that does not link lightsout; empty where none does.
    pub(crate) uncovered: Vec<(Place, usize)>,
    /// Tests that ran in binaries which have no task of tokio; 0 where none was covered.
    pub(crate) idle: usize,
    /// Why only binaries are looked at that link lightsout.
    pub(crate) closed: Option<Closed>,
    /// How many allocations of ordinary tests could not be written down.
    pub(crate) lost: u64,
    /// Tasks of ordinary tests of which it cannot be said whether they would have ended; ordered by place.
    pub(crate) undecided: Vec<Undecided>,
    /// Binaries that have tasks of other runtimes, at which nobody looks.
    pub(crate) others: Vec<Place>,
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
            (
                self.new_findings() > 0 || !self.ratchet.gone.is_empty() || !self.unreported.is_empty() || is_unseen,
                Exit::Findings,
            ),
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

    /// Returns how many findings there are that are not in the baseline.
    pub(crate) fn new_findings(&self) -> usize {
        self.findings() - self.ratchet.known_count()
    }

    /// Returns the findings by number of report and number in it.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = ((usize, usize), &Finding)> {
        let all = self.told().enumerate();
        all.flat_map(|(report, it)| it.findings().iter().enumerate().map(move |(at, finding)| ((report, at), finding)))
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
    let Gathered { reports, cover, mut faults, unreported, .. } = gathered;
    let (whole, binaries) = match run {
        Run::NotBuilt { how } => (Whole::NotBuilt(how), Vec::new()),
        Run::Ran { ended, log } => (whole(ended, &log), log.binaries),
    };
    faults.extend(log.filter(|_| is_quiet(&binaries, &reports)).map(Error::quiet_log));
    let deaths: Vec<_> = binaries.iter().filter_map(death).collect();
    let mut ledger = Ledger::new(&reports, &cover);
    let failures = ledger.enter(&binaries);
    let (unchecked, ran, covered) = (ledger.unchecked(), ledger.ran, ledger.covered);
    let (blind, mut uncovered, mut idle) = (ledger.blind, ledger.uncovered, ledger.idle);
    if covered == 0 {
        uncovered.clear();
        idle = 0;
    }
    let leaks = leaks::reports(&cover, &binaries);
    let channels = leaks::channels(&cover);
    let is_expected: Vec<bool> = ledger.reports.iter().map(|(_, fate)| *fate == Fate::Expected).collect();
    let own_harness = binaries.iter().filter(|it| it.end() == Ran::ByItsOwnHarness).map(Place::of).collect();
    let nothing_else = whole == Whole::Ran && deaths.is_empty() && faults.is_empty() && unreported.is_empty();
    let vacuous = match (reports.len() + covered + blind.len(), ran) {
        (0, 0) if nothing_else => Vacuous::NoneRan,
        (0, _) if nothing_else => Vacuous::NoneChecked,
        _ => Vacuous::No,
    };
    let has_others = |binary: &&Binary| binary.file.as_ref().is_some_and(|file| cover.others.contains(file));
    let others = binaries.iter().filter(has_others).map(Place::of).collect();
    let log = log.map(Path::to_owned);
    let (expected, reports) = split(reports, &is_expected);
    let undecided = leaks::undecided(&cover);
    let (lost, closed) = (cover.lost, cover.closed);
    let open = cover.binaries.iter().filter(|(_, sight)| **sight == Sight::Open);
    let seen = open.map(|(file, _)| file.clone()).collect();
    Verdict {
        whole,
        reports,
        ratchet: Ratchet::default(),
        binaries,
        leaks,
        channels,
        seen,
        expected,
        failures,
        deaths,
        faults,
        unreported,
        unchecked,
        covered,
        uncovered,
        idle,
        closed,
        lost,
        undecided,
        others,
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
    /// The numbers of reports by the name of their test, so that a suite of many tests is judged in one go.
    by_test: BTreeMap<&'a str, Vec<usize>>,
    /// Tests that ran.
    ran: usize,
    /// Tests that have a report.
    checked: usize,
    /// Tests without a report whose binary's record was read.
    covered: usize,
    cover: &'a Cover,
    blind: Vec<Blind>,
    uncovered: Vec<(Place, usize)>,
    /// Tests in binaries that have no task of tokio.
    idle: usize,
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
        let mut by_test: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (number, report) in reports.iter().enumerate() {
            by_test.entry(report.case().unwrap_or(report.test())).or_default().push(number);
        }
        let reports = reports.iter().map(|report| (report, Fate::Unclaimed)).collect();
        Self {
            reports,
            by_test,
            ran: 0,
            checked: 0,
            covered: 0,
            cover,
            blind: Vec::new(),
            uncovered: Vec::new(),
            idle: 0,
        }
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
            Some(Sight::NoTokio) => self.idle += ordinary,
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
        self.claim_own(binary, test, fate);
    }

    /// Returns whether a test failed because of its findings: those of its own checks, else those that it printed.
    fn is_excused(&mut self, binary: &Binary, test: &str, output: &str) -> bool {
        let claimed = self.claim_own(binary, test, |_| Fate::Claimed);
        let claimed = if claimed.is_empty() {
            let all = (0..self.reports.len()).collect();
            self.claim(all, |report| is_excuse(report) && is_told(report, binary, output), |_| Fate::Claimed)
        } else {
            claimed
        };
        claimed.into_iter().any(is_excuse)
    }

    /// Claims the reports of a test's own checks.
    fn claim_own(&mut self, binary: &Binary, test: &str, fate: impl Fn(&Report) -> Fate) -> Vec<&'a Report> {
        let numbers = self.by_test.get(test).cloned().unwrap_or_default();
        self.claim(numbers, |report| is_of(report, binary, test), fate)
    }

    /// Claims for one test every report that fits among some.
    fn claim(
        &mut self,
        numbers: Vec<usize>,
        fits: impl Fn(&Report) -> bool,
        fate: impl Fn(&Report) -> Fate,
    ) -> Vec<&'a Report> {
        let mut claimed = Vec::new();
        for number in numbers {
            let (report, its_fate) = &mut self.reports[number];
            if *its_fate == Fate::Unclaimed && fits(report) {
                *its_fate = fate(report);
                claimed.push(*report);
            }
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
pub(crate) fn is_of(report: &Report, binary: &Binary, test: &str) -> bool {
    let same_file = match (report.binary(), &binary.file) {
        (Some(report), Some(binary)) => report == binary || without_hash(report) == binary,
        _ => true,
    };
    same_file && is_of_package(report, binary) && report.case().unwrap_or(report.test()) == test
}

/// Returns `it` of `it-0123456789abcdef`, which is as much of an executable's name as nextest tells.
pub(crate) fn without_hash(file: &str) -> &str {
    let is_hash = |it: &str| it.len() == 16 && it.bytes().all(|byte| byte.is_ascii_hexdigit());
    file.rsplit_once('-').filter(|(_, hash)| is_hash(hash)).map_or(file, |(name, _)| name)
}

fn is_of_package(report: &Report, binary: &Binary) -> bool {
    report.package().is_none() || binary.package.is_none() || report.package() == binary.package.as_deref()
}

/// Returns whether a report is why its test failed: there are findings, and its body did not fail by itself.
pub(crate) fn is_excuse(report: &Report) -> bool {
    !report.findings().is_empty() && matches!(report.ending(), Ending::Passed | Ending::Unfinished)
}

/// Returns whether a test printed this report: how a `Check` is found whose name is not that of its test.
fn is_told(report: &Report, binary: &Binary, output: &str) -> bool {
    let told = |text: &str| !text.is_empty() && output.contains(text);
    is_of_package(report, binary) && told(report.test()) && report.findings().iter().all(|it| told(it.summary()))
}

#[cfg(test)]
mod tests;
