//! nextest, parts of a suite, and what is merged of them.

use std::process::Command;

use crate::project::{Gate, Project, clean, finding, leaking, plain, report, skipped};

/// Returns whether nextest is there; says so where it is not.
pub(crate) fn has_nextest() -> bool {
    let is_there = Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|it| it.status.success());
    if !is_there {
        skipped("there is no `cargo nextest`");
    }
    is_there
}

/// A checked test that leaks the first time only, as its runner tries again.
fn flaky() -> String {
    let leaking = report("flaky", "passed", &[finding("flaky", "leaked-task", "a task is alive after the test")]);
    let clean = report("flaky", "passed", &[]);
    plain(
        "flaky",
        &format!(
            "if std::env::var(\"NEXTEST_ATTEMPT\").as_deref() == Ok(\"1\") {{
                 write(\"first.json\", r##\"{leaking}\"##);
                 panic!(\"1 finding\");
             }}
             write(\"second.json\", r##\"{clean}\"##);"
        ),
    )
}

#[test]
fn nextest_finds_the_same() {
    if !has_nextest() {
        return;
    }
    let project = Project::new(&[clean("stops"), leaking("leaks"), plain("adds", "")]);
    let summary = "1 finding in 1 of 2 checked tests; 1 test not checked by lightsout";
    project.gate("--runner nextest").check(100, &[summary, "  spawned at  src/server.rs:12:5"]);
    let project = project.tests("src/lib.rs", &[clean("stops"), plain("adds", "")]);
    project.gate("--runner nextest").check(0, &["no findings in 1 checked test; 1 test not checked by lightsout"]);
    project.gate("--runner nextest -- -E test(stops)").check(0, &["no findings in 1 checked test\n"]);
    project.gate("--runner nextest -- nothing_like_this").check(100, &["no test ran"]);
    let project = project.tests("src/lib.rs", &[clean("stops"), plain("fails", "println!(\"hi\"); panic!(\"oh\")")]);
    let place = "test `fails` failed by itself, in lib shop of package `shop`:\n  hi\n";
    project.gate("--runner nextest").check(101, &[place, "exit 101: the suite's own tests failed"]);
    let project = project.tests("src/lib.rs", &["fn broken( {".to_owned()]);
    project.gate("--runner nextest").check(101, &["the suite did not build", "this file contains an unclosed"]);
}

#[test]
fn retries_never_turn_a_leak_green() {
    if !has_nextest() {
        return;
    }
    let project = Project::new(&[clean("stops"), flaky()]);
    let gate = project.gate("--runner nextest -- --retries 2");
    gate.check(100, &["  tests       flaky (flaky: in 1 of 2 attempts)", "exit 100: findings"]);
}

#[test]
fn missing_nextest_exits_with_96() {
    let project = Project::new(&[clean("stops")]);
    let fake = project.path().join("cargo");
    project.write("cargo", "#!/bin/sh\n[ \"$1\" = nextest ] && exit 101\nexec \"$REAL_CARGO\" \"$@\"\n");
    if Command::new("chmod").arg("+x").arg(&fake).status().is_err() {
        return skipped("there is no `chmod`");
    }
    let mut command = project.command("--runner nextest");
    command.env("REAL_CARGO", std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).env("CARGO", fake);
    let hint = "hint: cargo install cargo-nextest --locked";
    Gate::from(command.output().expect("a gate"))
        .check(96, &["failed to run `cargo nextest`: it is not installed", hint]);
}

/// A suite of ten tests, of which one leaks.
fn suite() -> Project {
    let mut tests: Vec<_> = (0..9).map(|number| clean(&format!("test_{number}"))).collect();
    tests.push(leaking("leaks"));
    Project::new(&tests)
}

fn merge(project: &Project, folders: &str) -> Gate {
    project.lightsout(&format!("merge {folders}")).output().expect("a merge").into()
}

#[test]
fn parts_make_a_whole() {
    let project = suite();
    let parts = ["1/3", "2/3", "3/3"];
    let codes: Vec<_> =
        parts.iter().map(|part| project.gate(&format!("--report-dir all --shard {part}")).code).collect();
    assert_eq!(codes.iter().filter(|code| **code == Some(100)).count(), 1, "{codes:?}");
    merge(&project, "all").check(100, &["1 finding in 1 of 10 checked tests\n", "  tests       leaks"]);
    merge(&project, "all --update-baseline=all").check(0, &["1 taken in"]);
    merge(&project, "all --junit out.xml").check(0, &["exit 0: nothing new"]);
    let junit = std::fs::read_to_string(project.path().join("out.xml")).expect("a file");
    assert!(junit.contains("<testsuite name=\"shop unittests src/lib.rs\" tests=\"10\""), "{junit}");
}

#[test]
fn missing_part_exits_with_96() {
    let project = suite();
    project.gate("--report-dir all --shard 1/3");
    project.gate("--report-dir all --shard 3/3");
    merge(&project, "all").check(96, &["failed to merge part `2/3`: it is not there"]);
    project.gate("--report-dir all --shard 1/3");
    merge(&project, "all").check(96, &["failed to merge part `1/3`: it is there twice"]);
    merge(&project, "src").check(96, &["failed to find runs in `src`"]);
}

#[test]
fn documentation_is_in_the_first_part() {
    let project = Project::new(&[
        clean("stops"),
        "/// ```\n/// assert!(shop::no());\n/// ```\npub fn no() -> bool { false }\n".to_owned(),
    ]);
    project.write("Cargo.toml", "[package]\nname = \"shop\"\nedition = \"2021\"\n[workspace]\n");
    project.gate("--report-dir all --shard 1/2").check(101, &["in doc-tests shop of package `shop`"]);
    let second = project.gate("--report-dir all --shard 2/2");
    assert!(!second.stdout.contains("doc-tests"), "{}", second.stdout);
    merge(&project, "all").check(101, &["in doc-tests shop of package `shop`", "no findings in 1 checked test"]);
}

#[test]
fn part_and_filter_exit_with_96() {
    suite().gate("--shard 1/2 -- --lib -- test_1").check(96, &["failed to take a part of `test_1`", "hint: "]);
    suite().gate("--shard 3/2").check(96, &["it is written like `2/3`"]);
}

#[test]
fn nextest_takes_parts_too() {
    if !has_nextest() {
        return;
    }
    let project = suite();
    project.gate("--runner nextest --report-dir all --shard 1/2");
    project.gate("--runner nextest --report-dir all --shard 2/2");
    merge(&project, "all").check(100, &["1 finding in 1 of 10 checked tests\n"]);
}
