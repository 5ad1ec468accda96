//! What a run and its reports are judged as.

use std::path::Path;

use lightsout::Report;
use serde_json::json;

use super::{Ended, Run, Unchecked, Vacuous, Verdict, Whole, judge};
use crate::error::Error;
use crate::exit::Exit;
use crate::gather::Gathered;
use crate::libtest;
use crate::suite::Built;

/// A suite of two binaries, `one` and `two`, of the package `shop`; a line a test.
fn log(one: &[&str], two: &[&str]) -> libtest::Log {
    let names = ["one", "two"];
    let built = Built {
        dir: "/w".into(),
        executables: names.map(|name| (format!("/w/{name}").into(), "shop".to_owned())).into(),
        libraries: [].into(),
    };
    let text: String = [one, two].iter().zip(names).map(|(tests, name)| binary(tests, name)).collect();
    libtest::parse(&text, &built)
}

fn binary(tests: &[&str], name: &str) -> String {
    let lines: String = tests.iter().map(|test| format!("test {test}\n")).collect();
    let failed: Vec<_> = tests.iter().filter_map(|test| test.strip_suffix(" ... FAILED")).collect();
    let sections: String = failed.iter().map(|test| format!("---- {test} stdout ----\nsaid by {test}\n")).collect();
    let list: String = failed.iter().map(|test| format!("    {test}\n")).collect();
    let (word, passed) = (if failed.is_empty() { "ok" } else { "FAILED" }, tests.len() - failed.len());
    let failures =
        if failed.is_empty() { String::new() } else { format!("\nfailures:\n\n{sections}\nfailures:\n{list}") };
    format!(
        "     Running tests/{name}.rs ({name})\n\nrunning {} tests\n{lines}{failures}\n\
         test result: {word}. {passed} passed; {} failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n",
        tests.len(),
        failed.len()
    )
}

fn report(test: &str, ending: &serde_json::Value, kinds: &[&str]) -> Report {
    let finding = |kind: &&str| {
        json!({ "kind": kind, "test": test, "summary": "still alive", "count": 1, "sites": [], "evidence": [],
                "next": "end it" })
    };
    let text = json!({
        "version": 1, "test": test, "package": "shop", "ending": ending, "enforced": "by-attribute", "allowed": [], "again": "cargo test",
        "micros": 1200, "findings": kinds.iter().map(finding).collect::<Vec<_>>(),
        "coverage": { "runs": 1, "tasks": 2, "exact": true, "unseen": [] },
    });
    Report::from_json(&text.to_string()).expect("a report")
}

fn clean(test: &str) -> Report {
    report(test, &json!({ "how": "passed" }), &[])
}

fn leaking(test: &str) -> Report {
    report(test, &json!({ "how": "passed" }), &["leaked-task"])
}

fn judged(ended: Ended, log: libtest::Log, reports: Vec<Report>) -> Verdict {
    judge(Run::Ran { ended, log }, Gathered { reports, ..Gathered::default() }, Some(Path::new("/log")))
}

fn failed() -> Ended {
    Ended::Failed("exit status: 101".to_owned())
}

fn failures(verdict: &Verdict) -> Vec<(&str, &str, &str)> {
    let of = verdict.failures.iter();
    of.map(|it| (it.place.binary.as_str(), it.test.as_deref().unwrap_or("?"), it.output.as_str())).collect()
}

#[test]
fn clean_suite_is_clean() {
    let verdict = judged(Ended::Passed, log(&["a ... ok", "b ... ok"], &["c ... ok"]), vec![clean("a"), clean("c")]);
    assert_eq!((verdict.exit(), verdict.unchecked), (Exit::Clean, Unchecked::Exactly(1)));
}

#[test]
fn every_way_to_fail() {
    let panicked = json!({ "how": "panicked", "message": "oh" });
    let unfinished = json!({ "how": "unfinished" });
    let leaking_and_panicked = || report("a", &panicked, &["leaked-task"]);
    for (what, reports, exit, own) in [
        ("a finding", vec![leaking("a")], Exit::Findings, false),
        ("a hang", vec![report("a", &unfinished, &["hang"])], Exit::Findings, false),
        ("a panic", vec![report("a", &panicked, &[])], Exit::Suite, true),
        ("a panic and a finding", vec![leaking_and_panicked()], Exit::Suite, true),
        ("something that lightsout did not look at", vec![clean("b")], Exit::Suite, true),
        ("an unfinished body without a finding", vec![report("a", &unfinished, &[])], Exit::Suite, true),
    ] {
        let verdict = judged(failed(), log(&["a ... FAILED", "b ... ok"], &[]), reports);
        assert_eq!(verdict.exit(), exit, "{what}");
        let expected: &[_] = if own { &[("tests/one.rs", "a", "said by a")] } else { &[] };
        assert_eq!(failures(&verdict), expected, "{what}");
    }
}

#[test]
fn finding_of_a_passed_test_counts() {
    let verdict = judged(Ended::Passed, log(&["a ... ok"], &[]), vec![leaking("a")]);
    assert_eq!((verdict.exit(), verdict.unchecked), (Exit::Findings, Unchecked::Exactly(0)));
}

#[test]
fn report_excuses_one_test_only() {
    let verdict = judged(failed(), log(&["a ... FAILED"], &["a ... FAILED"]), vec![leaking("a")]);
    assert_eq!(failures(&verdict), [("tests/two.rs", "a", "said by a")]);
    assert_eq!((verdict.exit(), verdict.unchecked), (Exit::Suite, Unchecked::Exactly(1)));
}

/// The report, with these keys of its JSON set.
fn with(report: &Report, keys: &[(&str, &str)]) -> Report {
    let mut json = serde_json::to_value(report).expect("JSON");
    for (key, value) in keys {
        json[*key] = json!(value);
    }
    Report::from_json(&json.to_string()).expect("a report")
}

#[test]
fn tests_of_one_name_are_told_apart_by_their_binaries() {
    let log = || log(&["a ... ok"], &["a ... FAILED"]);
    let in_two = with(&leaking("a"), &[("binary", "two")]);
    let verdict = judged(failed(), log(), vec![in_two, with(&clean("a"), &[("binary", "one")])]);
    assert_eq!((verdict.exit(), failures(&verdict)), (Exit::Findings, vec![]));
    assert_eq!(verdict.unchecked, Unchecked::Exactly(0));

    let verdict = judged(failed(), log(), vec![with(&leaking("a"), &[("binary", "one")])]);
    assert_eq!((verdict.exit(), failures(&verdict).len()), (Exit::Suite, 1));
}

#[test]
fn finding_that_a_passed_test_has_as_a_value_is_expected() {
    let value = with(&leaking("my check"), &[("case", "a"), ("enforced", "by-caller")]);
    let verdict = judged(Ended::Passed, log(&["a ... ok"], &[]), vec![value.clone()]);
    assert_eq!((verdict.exit(), verdict.expected.len(), verdict.findings()), (Exit::Clean, 1, 0));
    assert_eq!(verdict.unchecked, Unchecked::Exactly(0));

    let verdict = judged(failed(), log(&["a ... FAILED"], &[]), vec![value]);
    assert_eq!((verdict.exit(), verdict.expected.len(), verdict.findings()), (Exit::Findings, 0, 1));
}

#[test]
fn report_that_no_test_claims_counts() {
    let value = with(&leaking("my check"), &[("enforced", "by-caller")]);
    let verdict = judged(Ended::Passed, log(&["a ... ok"], &[]), vec![value]);
    assert_eq!((verdict.exit(), verdict.unchecked), (Exit::Findings, Unchecked::AtMost(1)));
}

#[test]
fn report_of_another_package_is_no_excuse() {
    let foreign = with(&leaking("a"), &[("package", "bank")]);
    let verdict = judged(failed(), log(&["a ... FAILED"], &[]), vec![foreign]);
    assert_eq!(failures(&verdict).len(), 1);
}

#[test]
fn check_with_a_name_of_its_own_is_found_by_what_the_test_printed() {
    let mut log = log(&["a ... FAILED", "b ... ok"], &[]);
    log.binaries[0].tests[0].result =
        libtest::TestResult::Failed { output: "leaked-task in `twice`: still alive".to_owned() };
    let verdict = judged(failed(), log.clone(), vec![leaking("twice")]);
    assert_eq!((verdict.exit(), verdict.unchecked), (Exit::Findings, Unchecked::Exactly(1)));
    let verdict = judged(failed(), log, vec![leaking("thrice")]);
    assert_eq!((verdict.exit(), verdict.unchecked), (Exit::Suite, Unchecked::AtMost(2)));
}

#[test]
fn nothing_checked_is_never_clean() {
    for (what, log, vacuous) in [
        ("none checked", log(&["a ... ok"], &[]), Vacuous::NoneChecked),
        ("none ran", log(&[], &[]), Vacuous::NoneRan),
        ("nothing at all", libtest::Log::default(), Vacuous::NoneRan),
    ] {
        let verdict = judged(Ended::Passed, log, Vec::new());
        assert_eq!((verdict.exit(), verdict.vacuous), (Exit::Findings, vacuous), "{what}");
    }
}

#[test]
fn failing_status_that_nothing_explains_is_told() {
    let verdict = judged(failed(), log(&["a ... ok"], &[]), vec![clean("a")]);
    assert!(matches!(&verdict.whole, Whole::Unexplained { how, .. } if how == "exit status: 101"), "{verdict:?}");
    assert_eq!(verdict.exit(), Exit::Suite);
}

#[test]
fn interrupted_run_is_never_clean() {
    let ended = Ended::Interrupted("signal: 15 (SIGTERM)".to_owned());
    assert_eq!(judged(ended, log(&["a ... ok"], &[]), vec![clean("a")]).exit(), Exit::Suite);
}

#[test]
fn quiet_log_is_never_clean() {
    let log = libtest::parse(
        "running 1 test\n.\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n",
        &Built::default(),
    );
    assert_eq!(judged(Ended::Passed, log, vec![clean("a")]).exit(), Exit::SetUp);
    assert_eq!(judged(Ended::Passed, libtest::Log::default(), vec![clean("a")]).exit(), Exit::SetUp);
}

#[test]
fn suite_that_does_not_build_is_not_vacuous() {
    let verdict = judge(Run::NotBuilt { how: "exit status: 101".to_owned() }, Gathered::default(), None);
    assert_eq!((verdict.exit(), verdict.vacuous), (Exit::Suite, Vacuous::No));
}

#[test]
fn worst_wins_and_all_is_kept() {
    let faults = vec![Error::unfinished_report(Path::new("x"))];
    let run = Run::Ran { ended: failed(), log: log(&["a ... FAILED", "b ... FAILED"], &[]) };
    let verdict = judge(run, Gathered { reports: vec![leaking("a")], faults, ..Gathered::default() }, None);
    assert_eq!(verdict.exit(), Exit::SetUp);
    assert_eq!((verdict.findings(), verdict.failures.len(), verdict.faults.len()), (1, 1, 1));
}
