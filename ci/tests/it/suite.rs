//! A suite that does not build, fails by itself or dies exits with 101.

use std::time::{Duration, Instant};

use crate::project::{Project, clean, leaking, plain};

#[test]
fn suite_that_does_not_build_exits_with_101() {
    let project = Project::new(&[clean("stops"), "fn broken( {".to_owned()]);
    let gate =
        project.gate("--json gate.json").check(101, &["the suite did not build", "this file contains an unclosed"]);
    gate.snapshot("does-not-build");
    assert!(project.path().join("gate.json").exists());
}

#[test]
fn failed_test_exits_with_101() {
    let fails = plain("fails", "println!(\"hi\"); assert_eq!(1, 2);");
    let project = Project::new(&[clean("stops"), leaking("leaks"), fails]);
    project.gate("").check(101, &["test `fails` failed by itself"]).snapshot("own-failure");
}

#[test]
fn binary_that_dies_exits_with_101_and_others_run() {
    let project = Project::new(&[leaking("leaks")]);
    let project = project
        .tests("tests/dies.rs", &[clean("stops"), plain("zz_dies", "wait_for(\"stops.json\"); std::process::abort()")]);
    let died = "tests/dies.rs of package `shop` died: ";
    project.gate("").check(101, &[died, "1 finding in 1 of", "1 test binary died"]);
    project.gate("-- -- --test-threads=1").check(101, &[died, "  while `zz_dies` ran"]);
}

#[test]
fn binary_that_leaves_with_success_exits_with_101() {
    let project = Project::new(&[clean("stops")]);
    let project = project.tests("tests/leaves.rs", &[plain("leaves", "std::process::exit(0)")]);
    project.gate("").check(101, &["tests/leaves.rs of package `shop` ended before its tests did, as if all was well"]);
}

#[test]
fn harness_of_its_own_is_told() {
    let manifest = "[package]\nname = \"shop\"\nedition = \"2021\"\n[lib]\ndoctest = false\n[workspace]\n\
                    [[test]]\nname = \"own\"\nharness = false\n";
    let project = Project::new(&[clean("stops")]);
    project.write("Cargo.toml", manifest);
    project.write("tests/own.rs", "fn main() {}");
    project.gate("").check(0, &["not counted: the tests of tests/own.rs of package `shop`"]);
    project.write("tests/own.rs", "fn main() { std::process::exit(3) }");
    project.gate("").check(101, &["tests/own.rs of package `shop` died: exit", "no findings in 1 checked test"]);
}

#[test]
fn doc_tests_count() {
    let project = Project::new(&[clean("stops"), "/// ```\n/// assert!(shop::yes());\n/// ```\n".to_owned()]);
    project.write("Cargo.toml", "[package]\nname = \"shop\"\nedition = \"2021\"\n[workspace]\n");
    let lib = std::fs::read_to_string(project.path().join("src/lib.rs")).expect("a file");
    project.write("src/lib.rs", &format!("{lib}pub fn yes() -> bool {{ true }}"));
    project.gate("").check(0, &["no findings in 1 checked test; 1 test not checked by lightsout"]);
    project.write("src/lib.rs", &format!("{lib}pub fn yes() -> bool {{ false }}"));
    project
        .gate("")
        .check(101, &["failed by itself, in doc-tests shop of package `shop`", "assertion failed: shop::yes()"]);
}

#[test]
fn output_need_not_be_text() {
    let bytes = "use std::io::Write; std::io::stderr().write_all(&[0xff, 0xfe, b'\\n']).unwrap();";
    Project::new(&[clean("stops"), plain("bytes", bytes)]).gate("").check(0, &["no findings in 1 checked test"]);
}

#[test]
fn log_of_the_last_run_is_kept() {
    let project = Project::new(&[clean("stops"), plain("says", "println!(\"hi\")")]);
    project.gate("-- --lib -- --nocapture").check(0, &[]);
    let log = std::fs::read_to_string(project.path().join("target/lightsout/last-run.log")).expect("a log");
    assert!(log.contains("hi\n") && log.contains("test result: ok. 2 passed"), "{log}");
}

#[test]
fn outer_package_does_not_leak_into_the_tests() {
    let names = ["CARGO_BIN_NAME", "CARGO_PKG_FROM_OUTSIDE"];
    let sees_none = names.map(|name| format!("assert_eq!(std::env::var_os(\"{name}\"), None);")).concat();
    let project = Project::new(&[clean("stops"), plain("sees_none", &sees_none)]);
    let mut command = project.command("");
    command.envs(names.map(|name| (name, "outer"))).env("CARGO_MANIFEST_DIR", "/nowhere");
    crate::project::Gate::from(command.output().expect("a gate that starts")).check(0, &[]);
}

#[cfg(unix)]
#[test]
fn process_that_a_test_left_behind_does_not_hang_the_gate() {
    let leaves = plain("leaves", "std::process::Command::new(\"sleep\").arg(\"30\").spawn().unwrap();");
    let start = Instant::now();
    Project::new(&[clean("stops"), leaves]).gate("-- --lib -- --nocapture").check(0, &[]);
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
}

#[cfg(unix)]
#[test]
fn interrupted_cargo_exits_with_101() {
    let parent = "let cargo = std::os::unix::process::parent_id().to_string();";
    let kills = "std::process::Command::new(\"kill\").args([\"-KILL\", &cargo]).status().unwrap();";
    let project =
        Project::new(&[clean("stops"), plain("zz_kills", &format!("wait_for(\"stops.json\"); {parent} {kills}"))]);
    project.gate("").check(101, &["the suite did not run to its end: `cargo test` ended with signal: 9 (SIGKILL)"]);
}
