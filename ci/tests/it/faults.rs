//! A gate that cannot do its work exits with 96 and says what is missing.

use crate::project::{Gate, Project, clean, leaking, plain, report, skipped, test_with};

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
fn line_that_was_never_ended_exits_with_96() {
    let torn = plain("torn", "write(\"1-0.jsonl\", \"{\")");
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

#[test]
fn test_that_is_killed_before_it_reports_is_told() {
    let begun = r##"write("1-0.jsonl", concat!(r#"{"version":1,"of":7,"begun":"killed","package":"shop"}"#, "\n"));"##;
    let project = Project::new(&[clean("stops"), plain("killed", begun)]);
    let gate = project.gate("--junit out.xml").check(
        100,
        &["1 checked test began and did not report", "\n  killed of package `shop`\n", "no findings in 1 checked test"],
    );
    assert!(gate.stdout.ends_with("exit 100: a checked test did not report\n"), "{}", gate.stdout);
    let junit = std::fs::read_to_string(project.path().join("out.xml")).expect("a file");
    assert!(junit.contains("errors=\"1\""), "{junit}");
}

#[cfg(unix)]
#[test]
fn process_that_is_killed_in_the_middle_of_a_report_is_never_green() {
    let torn = r##"let begun = r#"{"version":1,"of":0,"begun":"torn","package":"shop"}"#;
                    std::fs::write(folder().join("1-0.jsonl"), format!("{begun}\n{{\"version\":1,\"of\":0,\"rep")).unwrap();
                    let me = std::process::id().to_string();
                    std::process::Command::new("kill").args(["-KILL", &me]).status().unwrap();"##;
    let project = Project::new(&[clean("stops")]).tests("tests/dies.rs", &[plain("torn", torn)]);
    let died = "tests/dies.rs of package `shop` died: signal: 9";
    let said =
        ["its writer was ended in the middle", died, "  torn of package `shop`\n", "no findings in 1 checked test"];
    project.gate("").check(96, &said);
}

#[test]
fn suite_that_starts_itself_again_is_judged_once() {
    let again = "if std::env::var_os(\"INNER\").is_none() {
                     let mut inner = std::process::Command::new(std::env::current_exe().unwrap());
                     inner.args([\"stops\", \"--exact\", \"--nocapture\"]).env(\"INNER\", \"1\");
                     assert!(inner.status().unwrap().success());
                 }";
    let project = Project::new(&[clean("stops"), plain("starts_again", again)]);
    project.gate("").check(0, &["no findings in"]);
    let project = Project::new(&[clean("stops"), leaking("leaks"), plain("starts_again", again)]);
    project.gate("").check(100, &["1 finding in 1 of"]);
}

#[cfg(target_os = "linux")]
#[test]
fn full_disk_is_never_green() {
    let fills = plain("fills", "for _ in 0..4_000 { eprintln!(\"{}\", \"x\".repeat(100)); }");
    let project = Project::new(&[clean("stops"), fills]);
    project.gate("").check(0, &[]);
    let disk = tempfile::tempdir().expect("a folder");
    let mount = "mount -t tmpfs -o size=128k tmpfs \"$1\" && shift && exec \"$@\"";
    let gate = project.command("");
    let mut command = std::process::Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]).arg(disk.path());
    command.arg(gate.get_program()).args(["gate", "--report-dir"]).arg(disk.path()).args([
        "--",
        "--lib",
        "--",
        "--nocapture",
    ]);
    command.current_dir(project.path()).env("CARGO_NET_OFFLINE", "true");
    for (name, value) in gate.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let Ok(output) = command.output() else { return skipped("there is no `unshare`") };
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if said.contains("unshare: ") || said.contains("mount: ") {
        return skipped("no disk can be mounted here");
    }
    assert!([Some(96), Some(101)].contains(&output.status.code()), "{:?}\n{said}", output.status);
}

#[cfg(target_os = "linux")]
#[test]
fn folder_that_takes_no_files_exits_with_96() {
    let project = Project::new(&[clean("stops")]);
    project.gate("--report-dir /proc/lightsout").check(96, &["failed to create folder `/proc/lightsout`: ", "hint: "]);
    project.gate("--json /proc/gate.json").check(96, &["failed to write file `/proc/gate.json`: "]);
    project.write("lightsout-baseline.json", "{\"version\": 1, \"findings\": []}");
    let project = project.tests("src/lib.rs", &[leaking("leaks")]);
    project
        .gate("--baseline /proc/b.json --update-baseline=all")
        .check(96, &["failed to write baseline `/proc/b.json`: "]);
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_written_to_and_stays() {
    let project = Project::new(&[leaking("leaks")]);
    let gate = project.gate("--sarif /dev/stdout").check(100, &["\"version\": \"2.1.0\""]);
    drop(gate);
    assert!(std::fs::symlink_metadata("/dev/stdout").is_ok());
    project.gate("--json /dev/full").check(96, &["failed to write file `/dev/full`: "]);
    assert!(std::path::Path::new("/dev/full").exists());
}

/// Reports of a suite of so many tests, as a run leaves them.
fn many(folder: &std::path::Path, number: usize) {
    let tests: Vec<_> = (0..number).map(|at| serde_json::json!({ "name": format!("module_{}::test_{at}", at % 100), "result": "Passed", "attempts": 1 })).collect();
    let binary = serde_json::json!({ "name": "tests/it.rs", "package": "shop", "file": "it-0123456789abcdef", "tests": tests, "passed": number,
                                     "failed": 0, "started": 1, "finished": 1, "complaint": null, "during": null });
    let run = serde_json::json!({ "version": 1, "shard": null, "extent": "whole", "build": "",
                                  "run": { "ran": { "ended": "passed", "log": { "binaries": [binary], "tail": "" } } } });
    std::fs::write(folder.join("gate.run"), run.to_string()).expect("a file");
    let line = serde_json::json!({ "version": 1, "of": 0, "report": report("NAME", "passed", &[]) }).to_string() + "\n";
    let lines: String =
        (0..number).map(|at| line.replace("NAME", &format!("module_{}::test_{at}", at % 100))).collect();
    std::fs::write(folder.join("1-0.jsonl"), lines).expect("a file");
}

#[test]
fn hundred_thousand_reports_are_merged() {
    let project = Project::empty();
    many(project.path(), 100_000);
    let output = project.lightsout("merge .").output().expect("the tool");
    Gate::from(output).check(0, &["100000 tests clean", "no findings in 100000 checked tests\n"]);
}
