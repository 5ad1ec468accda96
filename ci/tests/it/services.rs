//! The gate over this repository's own services: what is planted is found, each with its place, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// Runs the gate over the services; returns its exit code, what it printed, and its JSON.
fn gate(name: &str, arguments: &[&str]) -> (Option<i32>, String, Value) {
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("services-{name}.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lightsout"));
    command.args(["gate", "-p", "services", "--json"]).arg(&json).args(arguments);
    let output = command.current_dir(root()).stdin(Stdio::null()).output().expect("a gate that starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let json = fs::read_to_string(&json).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (output.status.code(), text, serde_json::from_str(&json).expect("JSON"))
}

/// Returns the place of a line that is in a file once, as a report has it.
fn place(file: &str, line: &str) -> String {
    let text = fs::read_to_string(root().join(file)).expect("a source file");
    let found: Vec<usize> =
        text.lines().enumerate().filter(|(_, it)| it.contains(line)).map(|(at, _)| at + 1).collect();
    let [number] = found[..] else { panic!("`{line}` is in {file} {} times", found.len()) };
    format!("{file}:{number}")
}

fn strings<'a>(values: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    values.as_array().into_iter().flatten().filter_map(move |value| value[key].as_str())
}

#[test]
fn faulty_services_are_found_out() {
    let (code, text, json) = gate("faulty", &["--features", "faulty"]);
    assert_eq!(code, Some(100), "{text}");
    let reports = json["reports"].as_array().expect("reports");
    let findings: Vec<&Value> = reports.iter().filter_map(|report| report["findings"].as_array()).flatten().collect();
    assert!(findings.iter().all(|finding| finding["kind"] == "leaked-task"), "{text}");
    let leaking: BTreeSet<&str> = findings.iter().filter_map(|finding| finding["test"].as_str()).collect();
    let expected = BTreeSet::from([
        "sequence::sequence_can_be_stopped",
        "sequence::sequence_ends_above_its_limit",
        "sequence::sequence_with_a_slow_consumer_can_be_stopped",
        "sequence::slow_consumer_gets_every_value_up_to_the_limit",
        "sequence::stop_before_the_first_value_writes_nothing",
        "watcher::consumer_ends_when_its_context_is_cancelled",
        "watcher::consumer_ends_when_its_own_store_is_closed",
        "watcher::consumer_ends_when_the_connection_is_lost",
        "watcher::consumer_ends_when_the_watch_is_stopped",
        "watcher::every_one_of_32_concurrent_stops_returns_after_the_end",
        "watcher::stop_loss_and_cancel_may_come_at_once",
        "watcher::watch_may_be_stopped_from_its_own_callback",
        "watcher::watch_may_be_stopped_twice",
    ]);
    assert_eq!(leaking, expected, "{text}");
    // Elsewhere tasks are counted and not named.
    let named =
        cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));
    if named || cfg!(tokio_unstable) {
        let sites = findings
            .iter()
            .map(|it| format!("{}:{}", it["sites"][0]["file"].as_str().unwrap(), it["sites"][0]["line"]));
        let planted = BTreeSet::from([
            place("tests/services/src/sequence.rs", "tokio::spawn(produce("),
            place("tests/services/src/sequence.rs", "let task = tokio::spawn("),
            place("tests/services/src/watcher/client.rs", "tokio::spawn(async move {"),
        ]);
        assert_eq!(sites.collect::<BTreeSet<_>>(), planted, "{text}");
    }
}

#[test]
fn fixed_services_are_clean() {
    let (code, text, json) = gate("fixed", &[]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(json["checked"], 19, "{text}");
    assert_eq!(strings(&json["failures"], "test").count(), 0);
}
