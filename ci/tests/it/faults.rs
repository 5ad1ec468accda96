//! A gate that cannot do its work exits with 96 and says what is missing.

use crate::project::{Gate, Project, clean, leaking, plain, report, test_with};

#[test]
fn half_written_report_exits_with_96_and_hides_nothing() {
    let whole = report("torn", "passed", &[]).to_string();
    let torn = test_with("torn", &whole[..whole.len() / 2], "");
    let project = Project::new(&[torn, leaking("leaks"), plain("fails", "panic!(\"oh\")")]);
    let gate =
        project.gate("").check(96, &["torn.json`: EOF while parsing", "1 finding in 1 of 1 checked tests", "oh"]);
    assert!(gate.stdout.ends_with("exit 96: set-up fault\n"), "{}", gate.stdout);
}

#[test]
fn report_that_was_never_renamed_exits_with_96() {
    let torn = plain("torn", "write(\".torn.json.tmp\", \"{\")");
    Project::new(&[torn, clean("stops")])
        .gate("")
        .check(96, &["its writer was ended in the middle", "1 file not readable"]);
}

#[test]
fn report_of_a_newer_version_exits_with_96() {
    let newer = test_with("newer", "{\"version\": 7, \"what\": []}", "");
    let gate =
        Project::new(&[newer, clean("stops")]).gate("").check(96, &["newer.json`: its format has version 7", "hint: "]);
    assert!(!gate.stdout.contains("proves nothing"), "{}", gate.stdout);
}

#[test]
fn other_files_are_no_reports() {
    let other = plain("other", "write(\"notes.txt\", \"hi\")");
    Project::new(&[other, clean("stops")]).gate("").check(0, &["no findings in 1 checked test"]);
}

#[test]
fn missing_manifest_exits_with_96() {
    Project::empty().gate("").check(96, &["failed to find workspace of `", "could not find `Cargo.toml`", "hint: "]);
    let sentence = "failed to find workspace of `no/Cargo.toml`: manifest path `no/Cargo.toml` does not exist";
    Project::empty().gate("--manifest-path no/Cargo.toml").check(96, &[sentence]);
}

#[test]
fn missing_cargo_exits_with_96() {
    let output = Project::empty().command("").env("CARGO", "/no/such/cargo").output().expect("a gate that starts");
    Gate::from(output).check(96, &["failed to run `/no/such/cargo`: ", "hint: put `cargo` on the `PATH`"]);
}

#[test]
fn unknown_argument_exits_with_96() {
    Project::empty().gate("--no-such-argument").check(96, &["unexpected argument '--no-such-argument'"]);
}

#[test]
fn help_exits_with_0_and_names_the_codes() {
    Project::empty().gate("--help").check(0, &["  100  findings", "  101  the suite", "  96   set-up fault"]);
}

#[test]
fn report_folder_that_cannot_be_made_exits_with_96() {
    let project = Project::new(&[clean("stops")]);
    project.gate("--report-dir Cargo.toml").check(96, &["failed to create folder `Cargo.toml`: ", "hint: "]);
}

#[test]
fn quiet_cargo_exits_with_96() {
    Project::new(&[clean("stops")]).gate("-- -q").check(96, &["it does not say which test binaries ran", "hint: "]);
}
