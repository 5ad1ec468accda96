//! What checked tests found decides the exit code.

use std::fs;

use serde_json::{Value, json};

use crate::project::{Project, clean, finding, leaking, plain, report, test_with};

#[test]
fn clean_suite_exits_with_0() {
    let project = Project::new(&[clean("stops"), clean("stops_twice"), plain("adds", "")]);
    project.gate("").check(0, &["no findings in 2 checked tests; 1 test not checked by lightsout"]).snapshot("clean");
}

#[test]
fn finding_exits_with_100() {
    let project = Project::new(&[clean("stops"), leaking("leaks"), plain("adds", "")]);
    let gate = project.gate("").check(100, &["1 finding in 1 of 2 checked tests; 1 test not checked by lightsout"]);
    gate.snapshot("finding");
}

#[test]
fn hang_exits_with_100() {
    let hang = report("hangs", "unfinished", &[finding("hangs", "hang", "the body did not end by its deadline")]);
    let project = Project::new(&[test_with("hangs", &hang.to_string(), "panic!()")]);
    project.gate("").check(100, &["1 finding in 1 of 1 checked tests"]);
}

#[test]
fn finding_in_a_test_that_failed_by_itself_is_told_and_exits_with_101() {
    let both = report("both", "panicked", &[finding("both", "leaked-task", "a task is alive after the test")]);
    let project = Project::new(&[test_with("both", &both.to_string(), "println!(\"hi\"); panic!(\"oh\")")]);
    project.gate("").check(101, &[]).snapshot("finding-and-own-failure");
}

#[test]
fn nothing_checked_exits_with_100() {
    let project = Project::new(&[plain("adds", ""), plain("subtracts", "")]);
    project.gate("").check(100, &["`#[lightsout::test]`"]).snapshot("nothing-checked");
}

#[test]
fn nothing_run_exits_with_100() {
    Project::new(&[clean("stops")]).gate("-- --lib -- no_such_test").check(100, &["no test ran"]);
    Project::new(&[clean("stops")]).gate("-- --lib -- --list").check(100, &["no test ran"]);
}

#[test]
fn filter_goes_through() {
    let project = Project::new(&[clean("stops"), leaking("leaks")]);
    project.gate("-- --lib -- stops").check(0, &["no findings in 1 checked test"]);
}

#[test]
fn what_was_not_looked_at_is_told_once() {
    let unseen = |name| {
        let mut report = report(name, "passed", &[]);
        report["coverage"]["unseen"] = json!([{ "what": "await stacks", "why": "needs `--cfg tokio_unstable`" }]);
        test_with(name, &report.to_string(), "")
    };
    let sentence = "not looked at in 2 tests: await stacks (needs `--cfg tokio_unstable`)";
    Project::new(&[unseen("a"), unseen("b")]).gate("").check(0, &[sentence]);
}

#[test]
fn packages_of_a_workspace_are_told_apart() {
    let project = Project::empty();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"shop\", \"bank\"]\nresolver = \"2\"\n");
    for package in ["shop", "bank"] {
        let manifest = format!("[package]\nname = \"{package}\"\nedition = \"2021\"\n[lib]\ndoctest = false\n");
        project.write(&format!("{package}/Cargo.toml"), &manifest);
    }
    let project = project.tests("shop/src/lib.rs", &[leaking("stops")]);
    let project = project.tests("bank/src/lib.rs", &[plain("stops", "panic!(\"bank\")")]);
    let place = "test `stops` failed by itself, in unittests src/lib.rs of package `bank`";
    project.gate("--workspace").check(101, &["1 finding in 1 of 1 checked tests", place]);
    project.gate("--workspace --exclude bank").check(100, &["1 finding in 1 of 1 checked tests"]);
    project.gate("-p bank").check(101, &["no test checked", place]);
}

#[test]
fn json_says_the_same() {
    let project = Project::new(&[clean("stops"), leaking("leaks"), plain("fails", "panic!()"), plain("adds", "")]);
    project.gate("--json gate.json").check(101, &[]);
    let text = fs::read_to_string(project.path().join("gate.json")).expect("a file");
    assert!(text.starts_with("{\n  \"version\": 1,"), "{text}");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let seen =
        ["exit", "findings", "checked", "unchecked", "unchecked-is-exact", "vacuous"].map(|key| json[key].clone());
    assert_eq!(seen, [json!(101), json!(1), json!(2), json!(2), json!(true), json!(false)]);
    assert_eq!((&json["failures"][0]["test"], &json["reports"][0]["test"]), (&json!("fails"), &json!("leaks")));
}

#[test]
fn json_of_an_earlier_run_does_not_stay() {
    let project = Project::empty();
    project.write("gate.json", "{}");
    project.gate("--json gate.json").check(96, &[]);
    assert!(!project.path().join("gate.json").exists());
}

#[test]
fn colours_are_as_asked_for() {
    let project = Project::new(&[leaking("leaks")]);
    assert!(!project.gate("").check(100, &[]).stdout.contains('\x1b'));
    assert!(project.gate("--color always").check(100, &[]).stdout.contains("\x1b["));
}
