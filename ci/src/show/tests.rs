//! How a verdict is shown.

use std::time::Duration;

use lightsout::Report;
use serde_json::json;

use super::{CLEAN_ROWS, failure, table, time};
use crate::verdict::{Failure, Place};

fn report(test: &str, package: &str, kinds: &[&str], tasks: u64) -> Report {
    let finding = |kind: &&str| json!({ "kind": kind, "test": test, "summary": "alive", "count": 1, "sites": [], "evidence": [], "next": "" });
    let text = json!({
        "version": 1, "test": test, "package": package, "ending": { "how": "passed" }, "enforced": "by-attribute", "allowed": [], "again": "",
        "micros": 12_345, "findings": kinds.iter().map(finding).collect::<Vec<_>>(),
        "coverage": { "runs": 1, "tasks": tasks, "exact": tasks > 0, "unseen": [] },
    });
    Report::from_json(&text.to_string()).expect("a report")
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn findings_come_first_and_columns_align() {
    let reports = [
        report("a", "shop", &[], 0),
        report("server::stops_twice", "shop", &["leaked-task", "leaked-task", "hang"], 1400),
        report("z", "shop", &[], 3),
    ];
    insta::assert_snapshot!(plain(&table(&reports)), @"
    test                 tasks  findings                time
    server::stops_twice   1400  1 hang, 2 leaked-task  12 ms
    a                        -  clean                  12 ms
    z                        3  clean                  12 ms
    ");
}

#[test]
fn many_clean_tests_are_one_line() {
    let mut reports: Vec<_> = (0..=CLEAN_ROWS).map(|at| report(&format!("t{at}"), "shop", &[], 1)).collect();
    assert_eq!(table(&reports), "9 tests clean");
    reports.push(report("leaks", "bank", &["leaked-task"], 1));
    insta::assert_snapshot!(plain(&table(&reports)), @"
    test        tasks  findings        time
    bank leaks      1  1 leaked-task  12 ms
    9 tests clean
    ");
}

#[test]
fn times_are_short() {
    for (micros, text) in [(0, "0 µs"), (999, "999 µs"), (1_000, "1 ms"), (999_999, "999 ms"), (1_234_567, "1.23 s")]
    {
        assert_eq!(time(Duration::from_micros(micros)), text);
    }
}

#[test]
fn long_output_is_cut_at_its_begin() {
    let output = (0..150).map(|line| format!("line {line}\n")).collect();
    let place = Place { binary: "tests/it.rs".to_owned(), package: None };
    let text = plain(&failure(&Failure { place, test: Some("a".to_owned()), output }));
    assert!(text.contains("  (50 lines before this, in the log)\n  line 50\n"), "{text}");
    assert!(text.ends_with("  line 149\n"), "{text}");
}
