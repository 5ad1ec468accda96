//! Ordinary tests of a crate that says `use lightsout as _;`: what they leave is found, without a change to them.
//!
//! These projects are built with the library. They share a target folder, so each package has a name of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::project::{Gate, Project, SETTINGS, TOKIO, target};

pub(crate) const LEAKS: &str = include_str!("../ordinary/leaks.rs");
pub(crate) const CLEAN: &str = include_str!("../ordinary/clean.rs");
pub(crate) const CHANNELS: &str = include_str!("../ordinary/channels.rs");
pub(crate) const KINDS: &str = include_str!("../ordinary/kinds.rs");
pub(crate) const HANDLES: &str = include_str!("../ordinary/handles.rs");
pub(crate) const ORDERS: &str = include_str!("../ordinary/orders.rs");
pub(crate) const DIES: &str = include_str!("../ordinary/dies.rs");

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// A package of this name with these files of tests.
fn package(name: &str, tests: &[(&str, &str)]) -> Project {
    let project = Project::empty();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n[dev-dependencies]\n\
         lightsout = {{ path = {:?} }}\n{TOKIO}\n\
         [profile.release]\ndebug = \"line-tables-only\"\n",
        root()
    );
    project.write("Cargo.toml", &manifest);
    project.write("Cargo.lock", &fs::read_to_string(root().join("Cargo.lock")).expect("a lock file"));
    project.write("src/lib.rs", "#[test]\nfn of_the_library() {}\n");
    for (name, text) in tests {
        project.write(&format!("tests/{name}.rs"), text);
    }
    project
}

pub(crate) fn gate(project: &Project, line: &str) -> (Gate, Value) {
    let mut command = project.command(&format!("--json gate.json {line}"));
    let gate = Gate::from(command.env("CARGO_TARGET_DIR", target()).output().expect("a gate that starts"));
    let json = fs::read_to_string(project.path().join("gate.json"));
    let json = json.unwrap_or_else(|error| panic!("{error}\n{}\n{}", gate.stdout, gate.stderr));
    (gate, serde_json::from_str(&json).expect("JSON"))
}

/// A finding: its test, kind and count, and what the comment at its place says.
pub(crate) type Found = (String, String, u64, String);

pub(crate) fn found(json: &Value, source: &str) -> BTreeSet<Found> {
    let reports = json["leaks"].as_array().expect("reports");
    let findings = reports.iter().flat_map(|report| report["findings"].as_array().expect("findings"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let comment = |finding: &Value| {
        let line = finding["sites"][0]["line"].as_u64().expect("a line") as usize;
        let line = source.lines().nth(line - 1).expect("a line of the source");
        line.split_once(" // ").unwrap_or_else(|| panic!("no spawn at {line}")).1.to_owned()
    };
    findings.map(|it| (text(&it["test"]), text(&it["kind"]), it["count"].as_u64().unwrap(), comment(it))).collect()
}

pub(crate) fn expected(findings: &[(&str, &str, u64, &str)]) -> BTreeSet<Found> {
    findings.iter().map(|(test, kind, count, at)| ((*test).into(), (*kind).into(), *count, (*at).into())).collect()
}

/// Everything that is planted in the tests, and nothing else.
#[rustfmt::skip]
pub(crate) const PLANTED: [(&str, &str, u64, &str); 15] = [
    ("current_thread", "leaked-task", 3, "current_thread"),
    ("multi_thread", "leaked-task", 1, "multi_thread"),
    ("own_runtime", "leaked-task", 1, "own_runtime"),
    ("blocked_on", "leaked-task", 1, "blocked_on"),
    ("shutdown_timeout", "leaked-task", 1, "shutdown_timeout"),
    ("nested_runtimes", "leaked-task", 1, "nested_runtimes"),
    ("spawned_thread", "leaked-task", 1, "spawned_thread"),
    ("local_set", "leaked-task", 1, "local_set"),
    ("handle_kept_by_another_task", "leaked-task", 1, "child"),
    ("handle_kept_by_another_task", "leaked-task", 1, "parent"),
    ("a_module_with_a_long_name::one_of_two_tests_of_the_same_place", "leaked-task", 1, "shared"),
    ("a_module_with_a_long_name::other_of_two_tests_of_the_same_place", "leaked-task", 1, "shared"),
    ("runtime_in_a_static", "leaked-task", 1, "runtime_in_a_static"),
    ("closure", "blocked-thread", 1, "closure"),
    ("closure_of_a_runtime_in_a_static", "blocked-thread", 1, "static closure"),
];

#[test]
fn what_ordinary_tests_leave_is_found() {
    let project = package("leaks", &[("leaks", LEAKS)]);
    let (gate, json) = gate(&project, "");
    let summary = "16 findings in 15 of 15 tests (1 checked, 14 ordinary); 1 test not looked at";
    let gate = gate.check(100, &[summary]);
    assert_eq!(found(&json, LEAKS), expected(&PLANTED), "{}", gate.stdout);
    assert_eq!((&json["covered"], &json["checked"], &json["unchecked"]), (&14.into(), &1.into(), &1.into()));
    let place = gate.stdout.split("\n\n").find(|part| part.contains("_tests_of_the_same_place")).expect("a place");
    insta::assert_snapshot!(place, @r"
    leaked-task: 1 task was still alive when its runtime ended
      spawned at  tests/leaks.rs:21:5
      runs        leaks::waits
      state       dropped with its runtime, in the middle of an await
      to do       tell it to stop, or abort it, and await its JoinHandle before the test ends
      tests       a_module_with_a_long_name::one_of_two_tests_of_the_same_place,
                  a_module_with_a_long_name::other_of_two_tests_of_the_same_place
      run again   cargo lightsout gate -p leaks -- -- --exact a_module_with_a_long_name::one_of_two_tests_of_the_same_place
    ");
}

/// Claims that the channels are told that tests left open with no task to blame, each with its kind, place and test.
pub(crate) fn check_channels(gate: Gate, json: &Value, source: &str) {
    let gate = gate.check(100, &["1 finding in 1 of 5 ordinary tests"]);
    assert_eq!(
        found(json, source),
        expected(&[("held_by_a_leaked_task", "leaked-task", 1, "task")]),
        "{}",
        gate.stdout
    );
    let line =
        |comment: &str| source.lines().position(|line| line.ends_with(&format!(" // {comment}"))).unwrap() as u64 + 1;
    let channels = json["channels"].as_array().expect("channels").iter();
    let channels: Vec<_> = channels
        .map(|it| {
            (
                it["site"]["line"].as_u64().unwrap(),
                it["kind"].as_str().unwrap(),
                it["count"].as_u64().unwrap(),
                &it["tests"],
            )
        })
        .collect();
    let of = |test: &str| serde_json::json!([test]);
    let expected = [
        (line("kept"), "tokio mpsc of u32", 1, &of("kept_by_a_static")),
        (line("forgotten"), "tokio mpsc (unbounded) of alloc::vec::Vec<u8, alloc::alloc::Global>", 3, &of("forgotten")),
    ];
    assert_eq!(channels[..2], expected, "{}", gate.stdout);
    let (at, kind, count, tests) = channels[2];
    assert_eq!((at, count, tests, channels.len()), (line("cycle"), 1, &of("cycle"), 3), "{}", gate.stdout);
    assert!(kind.starts_with("std mpsc of alloc::sync::Arc<"), "{kind}");
    let note = "note: open-channel: 3 channels are still open after the test, and no task of it is alive: tokio mpsc (unbounded) of ";
    assert!(gate.stdout.contains(note), "{}", gate.stdout);
}

#[test]
fn channels_that_ordinary_tests_leave_open_are_noted() {
    let (gate, json) = gate(&package("channels", &[("channels", CHANNELS)]), "-- --test channels");
    check_channels(gate, &json, CHANNELS);
}

/// What the tests of [`KINDS`] need beside tokio.
const CHANNEL_CRATES: &str = "flume = \"0.11\"\nfutures-channel = { version = \"0.3\", features = [\"sink\"] }\n";

/// Adds crates with channels to a package that depends on something already.
pub(crate) fn with_channel_crates(project: Project) -> Project {
    let manifest = fs::read_to_string(project.path().join("Cargo.toml")).expect("a manifest");
    let dependencies = format!("[dev-dependencies]\n{CHANNEL_CRATES}");
    project.write("Cargo.toml", &manifest.replace("[dev-dependencies]\n", &dependencies));
    project
}

/// The channels that the tests of [`KINDS`] leave open with no task to blame.
#[rustfmt::skip]
const LEFT_OPEN: [(&str, &str, u64, &str); 10] = [
    ("oneshot", "tokio oneshot of u32", 2, "oneshot_is_forgotten"),
    ("watch", "tokio watch of u8", 1, "watch_is_kept_by_a_static"),
    ("broadcast", "tokio broadcast of u64", 3, "broadcast_is_forgotten"),
    ("flume", "flume channel of alloc::string::String", 1, "flume_is_forgotten_by_a_thread"),
    ("futures oneshot", "futures oneshot of i8", 1, "futures_are_forgotten"),
    ("futures mpsc", "futures mpsc of i16", 1, "futures_are_forgotten"),
    ("rendezvous", "std mpsc (rendezvous) of u16", 1, "rendezvous_is_forgotten"),
    ("outlives", "tokio oneshot of u16", 1, "oneshot_outlives_its_runtime"),
    ("one of two", "tokio oneshot of [u8; 1]", 1, "a_module_with_a_long_name::one_of_two_tests_forgets"),
    ("other of two", "tokio oneshot of [u8; 2]", 1, "a_module_with_a_long_name::other_of_two_tests_forgets"),
];

/// Claims that channels of every kind are told, each with its kind, place, count and test; and none that tasks or tokio itself have.
/// `build` is what the project is built with.
pub(crate) fn check_kinds(project: &Project, source: &str, build: &str) {
    let line = |comment: &str| source.lines().position(|line| line.ends_with(&format!(" // {comment}"))).unwrap() + 1;
    let expected: BTreeSet<(u64, String, u64, String)> = LEFT_OPEN
        .iter()
        .map(|(at, kind, count, test)| (line(at) as u64, (*kind).into(), *count, (*test).into()))
        .collect();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let number = |value: &Value| value.as_u64().expect("a number");
    let (noting, json) = gate(project, &format!("{build} --channels -- --test kinds"));
    let noting = noting.check(100, &["1 finding in 1 of 13 ordinary tests", "  1 task spawned at tests/kinds.rs:"]);
    let notes = json["channels"].as_array().expect("channels").iter();
    let noted: BTreeSet<_> = notes
        .map(|it| (number(&it["site"]["line"]), text(&it["kind"]), number(&it["count"]), text(&it["tests"][0])))
        .collect();
    assert_eq!(noted, expected, "{}", noting.stdout);
    assert_eq!(found(&json, source), self::expected(&[("held_by_a_leaked_task", "leaked-task", 1, "task")]));

    let (denying, json) = gate(project, &format!("{build} --channels=deny -- --test kinds"));
    let denying =
        denying.check(100, &["11 findings in 10 of 13 ordinary tests", "open-channel: 2 channels are still open"]);
    let findings = json["leaks"].as_array().expect("reports").iter().flat_map(|it| it["findings"].as_array().unwrap());
    let denied: BTreeSet<_> = findings
        .filter(|it| it["kind"] == "open-channel")
        .map(|it| {
            let line = number(&it["sites"][0]["line"]);
            (line, text(&it["evidence"][0]["seen"]), number(&it["count"]), text(&it["test"]))
        })
        .collect();
    assert_eq!(denied, expected, "{}", denying.stdout);
    assert_eq!(json["channels"], serde_json::json!([]));
}

#[test]
fn channels_of_every_kind_are_told_where_they_are_asked_for() {
    check_kinds(&with_channel_crates(package("kinds", &[("kinds", KINDS)])), KINDS, "");
}

/// What the tests of [`HANDLES`] leave whose handles outlive their runtime.
pub(crate) const OUTLIVED: [(&str, &str, u64, &str); 4] = [
    ("handle_is_dropped_after_the_runtime", "leaked-task", 1, "dropped"),
    ("handle_is_dropped_after_the_threads", "leaked-task", 1, "threads"),
    ("handle_is_forgotten", "leaked-task", 2, "forgotten"),
    ("handle_outlives_the_set", "leaked-task", 1, "set"),
];

/// Claims that tasks are told whose handles outlive their runtime.
pub(crate) fn check_handles(gate: Gate, json: &Value, source: &str) {
    let gate =
        gate.check(100, &["4 findings in 4 of 6 ordinary tests", "not judged: 1 task of ordinary tests had just been"]);
    assert_eq!(found(json, source), expected(&OUTLIVED), "{}", gate.stdout);
    let unpolled = source.lines().position(|line| line.ends_with(" // unpolled")).unwrap() + 1;
    let not_judged = &json["not-judged"];
    assert_eq!(not_judged[0]["site"]["line"], unpolled, "{not_judged}");
    assert_eq!(not_judged[0]["tests"], serde_json::json!(["handle_of_a_task_without_a_turn_is_kept"]));
    assert_eq!(not_judged.as_array().map(Vec::len), Some(1), "{not_judged}");
}

#[test]
fn tasks_whose_handles_outlive_their_runtime_are_told() {
    let (gate, json) = gate(&package("handles", &[("handles", HANDLES)]), "-- --test handles");
    check_handles(gate, &json, HANDLES);
}

/// What the tests of [`ORDERS`] leave: one that had been woken is told with those that waited for it.
const WAITED: [(&str, &str, u64, &str); 14] = [
    ("woken_last_and_before_who_waits_for_it", "leaked-task", 1, "woken first"),
    ("woken_last_and_behind_who_waits_for_it", "leaked-task", 1, "woken second"),
    ("in_a_set", "leaked-task", 2, "woken in the set"),
    ("woken_last_and_before_who_waits_for_it", "leaked-task", 1, "waits behind"),
    ("woken_last_and_behind_who_waits_for_it", "leaked-task", 1, "waits before"),
    ("nothing_is_woken", "leaked-task", 1, "before"),
    ("nothing_is_woken", "leaked-task", 1, "between"),
    ("nothing_is_woken", "leaked-task", 1, "holds second"),
    ("nothing_is_woken", "leaked-task", 1, "behind"),
    ("in_a_set", "leaked-task", 1, "behind in the set"),
    ("in_a_set", "leaked-task", 1, "before in the set"),
    ("on_threads", "leaked-task", 8, "waits on threads"),
    ("on_threads", "leaked-task", 8, "holds on threads"),
    ("spawns_at_its_end", "leaked-task", 1, "spawns late"),
];

/// Claims that it does not matter which task comes first when a runtime ends.
pub(crate) fn check_orders(gate: Gate, json: &Value, source: &str) {
    let gate = gate.check(100, &["14 findings in 6 of 7 ordinary tests", "not judged: 1 task of ordinary tests"]);
    assert_eq!(found(json, source), expected(&WAITED), "{}", gate.stdout);
    let alone = source.lines().position(|line| line.contains(" // woken alone")).expect("a line") + 1;
    let not_judged = json["not-judged"].as_array().expect("places");
    assert_eq!((not_judged.len(), &not_judged[0]["site"]["line"]), (1, &alone.into()), "{}", gate.stdout);
}

#[test]
fn order_in_which_a_runtime_ends_its_tasks_is_no_matter() {
    let (gate, json) = gate(&package("orders", &[("orders", ORDERS)]), "-- --test orders");
    check_orders(gate, &json, ORDERS);
}

#[test]
#[ignore = "builds everything once more, optimised; CI asks for it"]
fn optimised_build_is_looked_at() {
    let project = package("optimised", &[("leaks", LEAKS), ("clean", CLEAN)]);
    let (gate, json) = gate(&project, "--release");
    let gate = gate.check(100, &["; 1 test not looked at"]);
    assert_eq!(found(&json, LEAKS), expected(&PLANTED), "{}", gate.stdout);
}

#[test]
fn what_has_ended_is_no_leak() {
    let (gate, json) = gate(&package("clean", &[("clean", CLEAN)]), "-- --test clean");
    gate.check(0, &["no findings in 10 ordinary tests", "not judged: 3 tasks of ordinary tests"]);
    assert_eq!(json["undecided"], 3);
}

#[test]
fn what_happened_before_the_process_died_is_found() {
    let ends: BTreeMap<&str, &str> = BTreeMap::from([
        ("aborts", "fn die() { std::process::abort() }"),
        ("exits", "fn die() { std::process::exit(0) }"),
        ("is_killed", "fn die() { unsafe extern \"C\" { safe fn raise(signal: i32) -> i32; } raise(9); }"),
    ]);
    let sources: BTreeMap<&str, String> = ends.iter().map(|(name, end)| (*name, format!("{DIES}{end}\n"))).collect();
    let tests: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (gate, json) = gate(&package("dies", &tests), "-- --test * -- --test-threads=1");
    let said = [
        "signal: 6",
        "signal: 9",
        "tests/exits.rs of package `dies` ended before its tests did",
        "3 test binaries died",
    ];
    gate.check(101, &said);
    let reports = json["leaks"].as_array().expect("reports");
    let binaries: BTreeSet<&str> =
        reports.iter().map(|it| it["binary"].as_str().unwrap().split_once('-').unwrap().0).collect();
    assert_eq!(binaries, ends.into_keys().collect());
    assert_eq!(found(&json, DIES), expected(&[("a_leaks", "leaked-task", 1, "leaked")]));
}

#[test]
fn nothing_is_said_or_written_without_the_gate() {
    let project = package("alone", &[("leaks", LEAKS)]);
    let mut command = Command::new(std::env::var_os("CARGO").expect("cargo runs tests"));
    command.args(["test", "--quiet", "--test", "leaks", "--", "--skip", "checked"]).current_dir(project.path());
    command.envs(SETTINGS).env("CARGO_TARGET_DIR", target()).env_remove("RUSTFLAGS");
    let output = command.env_remove("LIGHTSOUT_REPORT_DIR").output().expect("cargo starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    assert!(!format!("{stdout}{stderr}").contains("lightsout"), "{stdout}{stderr}");
    assert!(fs::read_dir(project.path()).expect("a folder").all(|it| !it.unwrap().path().ends_with(".record")));
}

#[test]
fn binary_that_leaves_no_record_is_not_green() {
    let project = package("blind", &[("clean", CLEAN)]);
    let host = "[target.'cfg(unix)']\nrunner = [\"env\", \"-u\", \"LIGHTSOUT_REPORT_DIR\"]\n";
    project.write(".cargo/config.toml", host);
    let (gate, json) = gate(&project, "-- --test clean");
    let sentence = "not looked at: the ordinary tests of tests/clean.rs of package `blind`, since it left no record";
    gate.check(100, &[sentence, "exit 100: a test binary was not looked at"]);
    assert_eq!((&json["vacuous"], &json["blind"][0]["binary"]), (&false.into(), &"tests/clean.rs".into()));
}
