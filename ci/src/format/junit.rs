//! JUnit's XML, as the usual viewers of CI systems read it: a suite for each test binary, a case for each of its tests.
//!
//! Known findings do not fail their test: they are its output. What is wrong beside findings has cases of its own, so that the file
//! shows a failure whenever the gate fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lightsout::Report;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::Page;
use crate::libtest::{Binary, Test, TestResult};
use crate::told::{Group, Problem, Standing};
use crate::words;

/// The suite of what belongs to no test.
const GATE: &str = "cargo lightsout gate";

/// Returns the file.
pub(super) fn text(page: &Page<'_>) -> String {
    let mut cases = Cases::new(page);
    let mut file = quick_junit::Report::new(GATE);
    for binary in &page.verdict.binaries {
        let suite = cases.suite(binary);
        file.add_test_suite(suite);
    }
    file.add_test_suites(cases.others());
    file.add_test_suite(problems(&page.problems));
    let text = file.to_string().expect("lightsout bug: a string takes all text");
    // Jenkins' schema knows this attribute at suites only, and this is the first one in the file.
    text.replacen(" skipped=\"0\"", "", 1)
}

/// The reports that no case has yet told, and what is found in them.
struct Cases<'a> {
    page: &'a Page<'a>,
    /// By the test's name.
    reports: BTreeMap<&'a str, Vec<&'a Report>>,
    /// The groups of each report, by its address: reports have no number of their own.
    groups: BTreeMap<*const Report, Vec<&'a Group<'a>>>,
}

impl<'a> Cases<'a> {
    fn new(page: &'a Page<'a>) -> Self {
        let mut reports: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for report in page.verdict.told().chain(&page.verdict.expected) {
            reports.entry(report.case().unwrap_or(report.test())).or_default().push(report);
        }
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for group in &page.groups {
            group.reports.iter().for_each(|report| groups.entry(std::ptr::from_ref(*report)).or_default().push(group));
        }
        Self { page, reports, groups }
    }

    fn suite(&mut self, binary: &Binary) -> TestSuite {
        let mut suite = TestSuite::new(words::binary(binary));
        for test in &binary.tests {
            let reports = self.take(binary, &test.name);
            suite.add_test_case(self.case(&binary.package, test, &reports));
        }
        suite
    }

    /// Takes the reports of one test.
    fn take(&mut self, binary: &Binary, test: &str) -> Vec<&'a Report> {
        let Some(reports) = self.reports.get_mut(test) else { return Vec::new() };
        let (taken, left) = reports.drain(..).partition(|report| crate::verdict::is_of(report, binary, test));
        *reports = left;
        taken
    }

    fn case(&self, package: &Option<String>, test: &Test, reports: &[&Report]) -> TestCase {
        let mut groups: Vec<&Group<'_>> = Vec::new();
        for group in reports.iter().filter_map(|report| self.groups.get(&std::ptr::from_ref(*report))).flatten() {
            if !groups.iter().any(|it| std::ptr::eq(*it, *group)) {
                groups.push(group);
            }
        }
        let (new, known): (Vec<_>, Vec<_>) = groups.into_iter().partition(|it| it.standing == Standing::New);
        let mut case = TestCase::new(test.name.as_str(), self.status(&new, own_failure(test, reports)));
        case.set_classname(package.as_deref().unwrap_or(GATE));
        case.set_time(reports.iter().map(|report| report.took()).sum::<Duration>());
        if !known.is_empty() {
            let text = known.iter().map(|it| format!("{}\n{}", words::known(it), it.text(self.page.build, false)));
            case.set_system_out(text.collect::<Vec<_>>().join("\n"));
        }
        case
    }

    fn status(&self, new: &[&Group<'_>], own: Option<&str>) -> TestCaseStatus {
        if new.is_empty() && own.is_none() {
            return TestCaseStatus::success();
        }
        let kinds: BTreeSet<&str> = new.iter().map(|group| group.finding.kind().name()).collect();
        let lines: Vec<_> =
            new.iter().map(|it| it.headline()).chain(own.map(|_| words::FAILED_BY_ITSELF.to_owned())).collect();
        let texts = new.iter().map(|group| group.text(self.page.build, false)).chain(own.map(str::to_owned));
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(if kinds.is_empty() {
            "test".to_owned()
        } else {
            kinds.into_iter().collect::<Vec<_>>().join(" ")
        });
        status.set_message(lines.join("; "));
        status.set_description(texts.collect::<Vec<_>>().join("\n"));
        status
    }

    /// Returns the suites of checks that belong to no test by name.
    fn others(&mut self) -> Vec<TestSuite> {
        let mut suites: BTreeMap<Option<&str>, TestSuite> = BTreeMap::new();
        for report in std::mem::take(&mut self.reports).into_values().flatten() {
            let suite =
                suites.entry(report.package()).or_insert_with(|| TestSuite::new(report.package().unwrap_or(GATE)));
            let test = Test { name: report.test().to_owned(), result: TestResult::Passed, attempts: 1 };
            suite.add_test_case(self.case(&report.package().map(str::to_owned), &test, &[report]));
        }
        suites.into_values().collect()
    }
}

/// Returns what a test printed that failed for another reason than a finding.
fn own_failure<'a>(test: &'a Test, reports: &[&Report]) -> Option<&'a str> {
    match &test.result {
        TestResult::Failed { output } if !reports.iter().any(|report| crate::verdict::is_excuse(report)) => {
            Some(output)
        }
        _ => None,
    }
}

fn problems(problems: &[Problem]) -> TestSuite {
    let mut suite = TestSuite::new(GATE);
    let cases = problems.iter().filter(|problem| !problem.is_of_a_test).map(|problem| {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("gate").set_message(problem.title.as_str()).set_description(problem.text.as_str());
        TestCase::new(problem.title.lines().next().unwrap_or_default(), status)
    });
    suite.add_test_cases(cases);
    suite
}
