//! Projects that have never heard of lightsout: one command tells what their tests leave.
//!
//! The tests are those of [`ordinary`](crate::ordinary) without the line that links lightsout, and what is found is the same.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::fs;

use crate::ordinary::{CLEAN, LEAKS, PLANTED, expected, found, gate, root};
use crate::project::Project;

/// Takes out of a file of tests what needs lightsout, and leaves its lines where they are.
fn without_lightsout(text: &str) -> String {
    text.replace("use lightsout as _;", "").replace("#[lightsout::test]", "#[tokio::test]\n#[ignore]")
}

/// A package of this name that depends on tokio, and on nothing else.
fn package(name: &str, tests: &[(&str, &str)]) -> Project {
    let project = Project::empty();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n[dev-dependencies]\n\
         tokio = {{ version = \"1\", features = [\"full\"] }}\n[profile.release]\ndebug = \"line-tables-only\"\n"
    );
    project.write("Cargo.toml", &manifest);
    project.write("Cargo.lock", &fs::read_to_string(root().join("Cargo.lock")).expect("a lock file"));
    project.write("src/lib.rs", "#[test]\nfn of_the_library() {}\n");
    for (name, text) in tests {
        project.write(&format!("tests/{name}.rs"), &without_lightsout(text));
    }
    project
}

#[test]
fn what_is_found_is_what_the_linked_recorder_finds() {
    let project = package("unaware", &[("leaks", LEAKS)]);
    let (gate, json) = gate(&project, "");
    let gate = gate
        .check(100, &["13 findings in 12 of 12 ordinary tests; 1 test not looked at", "  runs        leaks::waits"]);
    assert_eq!(found(&json, &without_lightsout(LEAKS)), expected(&PLANTED), "{}", gate.stdout);
    assert_eq!((&json["covered"], &json["checked"]), (&12.into(), &0.into()));
}

#[test]
fn what_has_ended_is_no_leak() {
    let (gate, json) = gate(&package("unaware-clean", &[("clean", CLEAN)]), "-- --test clean");
    gate.check(0, &["no findings in 9 ordinary tests", "not judged: 2 tasks of ordinary tests"]);
    assert_eq!(json["undecided"], 2);
}
