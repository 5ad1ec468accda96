//! Writes a verdict as JSON, for programs. Kebab-case keys, `version` first; no key is renamed without a new version.

use std::path::Path;

use lightsout::Report;
use serde::Serialize;

use crate::leaks::{self, Channels, Undecided};
use crate::libtest::When;
use crate::verdict::{Unchecked, Vacuous, Verdict, Whole};
use crate::words;

/// The version of the form below.
const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    version: u32,
    /// The exit code of the gate.
    exit: u8,
    /// The line that a person reads.
    summary: String,
    /// Whether the suite was built.
    built: bool,
    /// What is wrong with the run as a whole; `null` where nothing is.
    run: Option<String>,
    /// Whether a pass would prove nothing.
    vacuous: bool,
    findings: usize,
    /// How many of them are in the baseline and fail nothing.
    known: usize,
    /// How many known findings are gone and must be taken out of the baseline.
    gone: usize,
    checked: usize,
    /// Ordinary tests whose binary links lightsout.
    covered: usize,
    /// Neither checked nor covered. An upper bound unless `unchecked-is-exact`.
    unchecked: usize,
    unchecked_is_exact: bool,
    failures: Vec<Failure<'a>>,
    deaths: Vec<Death<'a>>,
    /// What could not be read, a sentence each.
    faults: Vec<String>,
    /// Test binaries that link lightsout, and whose ordinary tests were not looked at.
    blind: Vec<Blind<'a>>,
    /// How many tasks of ordinary tests are not judged.
    undecided: usize,
    /// Which these are.
    not_judged: &'a [Undecided],
    reports: &'a [Report],
    /// What ordinary tests left.
    leaks: &'a [Report],
    /// Channels that ordinary tests left open.
    channels: &'a [Channels],
    /// Reports with findings that a test has as a value and passed with.
    expected: &'a [Report],
    log: Option<&'a Path>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Failure<'a> {
    package: Option<&'a str>,
    binary: &'a str,
    test: Option<&'a str>,
    output: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Blind<'a> {
    package: Option<&'a str>,
    binary: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Death<'a> {
    package: Option<&'a str>,
    binary: &'a str,
    how: Option<&'a str>,
    /// The test that ran; `null` where that cannot be told.
    during: Option<&'a str>,
}

impl<'a> Document<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        let (unchecked, unchecked_is_exact) = match verdict.unchecked {
            Unchecked::Exactly(number) => (number, true),
            Unchecked::AtMost(number) => (number, false),
        };
        let failures = verdict.failures.iter().map(|it| Failure {
            package: it.place.package.as_deref(),
            binary: &it.place.binary,
            test: it.test.as_deref(),
            output: &it.output,
        });
        let deaths = verdict.deaths.iter().map(|it| Death {
            package: it.place.package.as_deref(),
            binary: &it.place.binary,
            how: it.how.as_deref(),
            during: match &it.when {
                When::During(test) => Some(test),
                When::AmongTests | When::AfterTests | When::WithoutTests => None,
            },
        });
        let blind = verdict.blind.iter().map(|it| Blind {
            package: it.place.package.as_deref(),
            binary: &it.place.binary,
            why: words::why_blind(it.why),
        });
        Self {
            version: VERSION,
            exit: verdict.exit().code(),
            summary: words::summary(verdict),
            built: !matches!(verdict.whole, Whole::NotBuilt(_)),
            run: words::whole(&verdict.whole).map(|(sentence, _)| sentence),
            vacuous: verdict.vacuous != Vacuous::No,
            findings: verdict.findings(),
            known: verdict.ratchet.known_count(),
            gone: verdict.ratchet.gone.len(),
            checked: verdict.checks(),
            covered: verdict.covered,
            unchecked,
            unchecked_is_exact,
            failures: failures.collect(),
            deaths: deaths.collect(),
            faults: verdict.faults.iter().map(ToString::to_string).collect(),
            blind: blind.collect(),
            undecided: leaks::sum(&verdict.undecided),
            not_judged: &verdict.undecided,
            channels: &verdict.channels,
            reports: &verdict.reports,
            leaks: &verdict.leaks,
            expected: &verdict.expected,
            log: verdict.log.as_deref(),
        }
    }
}

/// Returns a verdict as JSON.
pub(crate) fn text(verdict: &Verdict) -> String {
    serde_json::to_string_pretty(&Document::new(verdict)).expect("lightsout bug: a verdict is plain data") + "\n"
}
