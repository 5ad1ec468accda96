//! Known findings pass, new ones fail, and what is gone must be taken out.

use std::fs;

use serde_json::{Value, json};

use crate::project::{Project, clean, finding, leaking, plain, report, test_with};

const FILE: &str = "lightsout-baseline.json";

/// A project with a source file in which the findings of [`finding`] are.
fn project(tests: &[String]) -> Project {
    let project = Project::new(tests);
    server(&project, "");
    project
}

/// Writes the file that findings name: line 12 is two lines into `Server::start`, after what is put above it.
fn server(project: &Project, above: &str) {
    let lines = "\n".repeat(8 - above.lines().count());
    let text =
        format!("{above}{lines}impl Server {{\n    fn start() {{\n        first();\n        spawn();\n    }}\n}}\n");
    project.write("src/server.rs", &text);
}

fn lines(project: &Project) -> Vec<Value> {
    let text = fs::read_to_string(project.path().join(FILE)).expect("a baseline");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    document["findings"].as_array().expect("findings").clone()
}

#[test]
fn known_findings_pass_and_new_ones_fail() {
    let project = project(&[leaking("leaks"), clean("stops")]);
    project.gate("").check(100, &["add `--update-baseline=all`"]);
    project
        .gate("--update-baseline=all")
        .check(0, &["baseline: 0 taken out, 1 taken in, 1 in ", "exit 0: nothing new"]);
    assert_eq!(
        lines(&project),
        [json!({ "package": "shop", "test": "leaks", "kind": "leaked-task", "file": "src/server.rs",
                 "function": "Server::start", "offset": 2, "code": "spawn();" })]
    );
    project.gate("").check(0, &["1 finding in 1 of 2 checked tests; all of them known"]).snapshot("all-known");
    let project = project.tests("src/lib.rs", &[leaking("leaks"), leaking("leaks_too"), clean("stops")]);
    project.gate("").check(100, &["1 known, 1 new"]).snapshot("one-new");
}

#[test]
fn first_update_takes_nothing_in_unless_told() {
    let project = project(&[leaking("leaks")]);
    project.gate("--update-baseline").check(100, &["0 taken out, 0 taken in, 0 in "]);
    assert_eq!(lines(&project), [] as [Value; 0]);
}

#[test]
fn lines_above_the_function_may_come_and_go() {
    let project = project(&[leaking("leaks")]);
    project.gate("--update-baseline=all").check(0, &[]);
    let moved = finding("leaks", "leaked-task", "a task is alive after the test");
    let mut moved = report("leaks", "passed", &[moved]);
    moved["findings"][0]["sites"][0]["line"] = json!(15);
    let project = project.tests("src/lib.rs", &[test_with("leaks", &moved.to_string(), "panic!()")]);
    project.gate("").check(100, &["1 known finding is gone"]);
    let text = fs::read_to_string(project.path().join("src/server.rs")).expect("a file");
    project.write("src/server.rs", &format!("//\n//\n//\n{text}"));
    project.gate("").check(0, &["all of them known"]);
}

#[test]
fn what_is_gone_must_be_taken_out() {
    let project = project(&[leaking("leaks"), leaking("leaks_too")]);
    project.gate("--update-baseline=all").check(0, &["2 taken in"]);
    let project = project.tests("src/lib.rs", &[leaking("leaks"), clean("leaks_too")]);
    project.gate("").check(100, &["exit 100: the baseline names what is gone"]).snapshot("gone");
    project.gate("--update-baseline").check(0, &["1 taken out, 0 taken in, 1 in "]);
    project.gate("").check(0, &["all of them known"]);
}

#[test]
fn reasons_stay_and_are_told() {
    let project = project(&[leaking("leaks"), leaking("leaks_too")]);
    project.gate("--update-baseline=all").check(0, &[]);
    let path = project.path().join(FILE);
    let text = fs::read_to_string(&path).expect("a baseline").replacen("\"}", "\",\"reason\":\"issue 7\"}", 1);
    fs::write(&path, text).expect("a baseline");
    let project = project.tests("src/lib.rs", &[leaking("leaks"), clean("leaks_too")]);
    project.gate("--update-baseline").check(0, &["known: leaked-task at src/server.rs:12:5 in leaks: issue 7"]);
    assert_eq!(lines(&project)[0]["reason"], "issue 7");
}

#[test]
fn test_that_does_not_run_or_fails_by_itself_keeps_its_line() {
    let project = project(&[leaking("leaks"), clean("stops"), plain("adds", "")]);
    project.gate("--update-baseline=all").check(0, &[]);
    project.gate("-- --lib -- stops").check(0, &["not looked at: 1 finding of the baseline"]);
    project.gate("--update-baseline -- --lib -- stops").check(0, &["0 taken out, 0 taken in, 1 in "]);
    let failed = test_with("leaks", &report("leaks", "panicked", &[]).to_string(), "panic!(\"oh\")");
    let project = project.tests("src/lib.rs", &[failed, clean("stops")]);
    project.gate("--update-baseline").check(101, &["0 taken out, 0 taken in, 1 in "]);
    let project = project.tests("src/lib.rs", &[clean("stops")]);
    project.gate("").check(0, &["not looked at: 1 finding of the baseline"]);
    project.gate("--update-baseline").check(0, &["1 taken out, 0 taken in, 0 in "]);
}

#[test]
fn vacuous_is_never_known() {
    let vacuous = report("blind", "passed", &[finding("blind", "vacuous", "nothing was checked")]);
    let project = project(&[test_with("blind", &vacuous.to_string(), "panic!()")]);
    project.gate("--update-baseline=all").check(100, &["0 taken in"]);
}

#[test]
fn broken_baseline_exits_with_96_before_anything_runs() {
    let project = project(&[leaking("leaks")]);
    project.write(FILE, "{\"version\": 1, \"findings\": [\n<<<<<<< ours\n=======\n>>>>>>> theirs\n]}");
    project.gate("").check(96, &["there is a merge conflict at line 2", "hint: keep the lines of both sides"]);
    project.write(FILE, "{\"version\": 1, \"findings\": [");
    project.gate("").check(96, &["failed to read baseline `", "EOF while parsing a list at line 1", "hint: "]);
    assert!(!project.path().join("target").exists());
}

#[test]
fn baseline_by_name_must_be_there() {
    let project = project(&[leaking("leaks")]);
    project.gate("--baseline no.json").check(96, &["failed to read baseline `no.json`: "]);
    project.gate("--baseline no.json --update-baseline=all").check(0, &["1 in no.json"]);
    project.gate("--baseline no.json").check(0, &["all of them known"]);
}

#[test]
fn run_that_says_too_little_leaves_the_file() {
    let project = project(&[leaking("leaks")]);
    project.gate("--update-baseline=all").check(0, &[]);
    let before = lines(&project);
    let project = project.tests("src/lib.rs", &["fn broken( {".to_owned()]);
    project.gate("--update-baseline").check(101, &["the baseline stays as it is"]);
    let project = project.tests("src/lib.rs", &[plain("adds", "")]);
    project.gate("--update-baseline").check(100, &["the baseline stays as it is"]);
    assert_eq!(lines(&project), before);
}
