//! The gate over this repository's own services: what is planted is found, each with its place, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// What a gate over the services came to.
struct Gate {
    code: Option<i32>,
    /// What it printed.
    text: String,
    json: Value,
}

/// The gates over both forms. Their programs have the same names, so one is built after the other, and the fixed ones stay.
static FAULTY_AND_FIXED: LazyLock<[Gate; 2]> =
    LazyLock::new(|| [gate("faulty", &["--features", "services/faulty", "--graph", &graphs()]), gate("fixed", &[])]);

/// Where the gate over the faulty ones draws who waits for whom.
fn graphs() -> String {
    format!("{}/services-graphs", env!("CARGO_TARGET_TMPDIR"))
}

/// Asks cargo for the services' tests in a build of the whole workspace, whose dependencies are there already.
const SERVICES: [&str; 4] = ["--test", "services", "--test", "services-search"];

fn gate(name: &str, arguments: &[&str]) -> Gate {
    let json = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("services-{name}.json"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lightsout"));
    command.args(["gate", "--workspace", "--json"]).arg(&json).args(arguments).arg("--").args(SERVICES);
    if arguments.contains(&"--graph") {
        fs::remove_dir_all(graphs()).ok();
        command.env("LIGHTSOUT_WAIT_GRAPH", "1");
    }
    let output = command.current_dir(root()).stdin(Stdio::null()).output().expect("a gate that starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let json = fs::read_to_string(&json).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Gate { code: output.status.code(), text, json: serde_json::from_str(&json).expect("JSON") }
}

/// Returns the place of a line that is in a file once, as a report has it.
fn place(file: &str, line: &str) -> String {
    let text = fs::read_to_string(root().join(file)).expect("a source file");
    let found: Vec<usize> =
        text.lines().enumerate().filter(|(_, it)| it.contains(line)).map(|(at, _)| at + 1).collect();
    let [number] = found[..] else { panic!("`{line}` is in {file} {} times", found.len()) };
    format!("{file}:{number}")
}

const TICKER: Planted = Planted("leaked-task", "src/sequence.rs", "let task = tokio::spawn(");
const PRODUCER: Planted = Planted("leaked-task", "src/sequence.rs", "tokio::spawn(produce(");
const CONSUMER: Planted = Planted("leaked-task", "src/watcher/client.rs", "tokio::spawn(async move {");
const CLOSED_TWICE: Planted = Planted("double-close", "src/application.rs", "closing = \"begin\"");
const PARTS: Planted = Planted("task-panic", "src/messaging.rs", "parts.expect(");

const HANDED_RESULT: Planted = Planted("leaked-task", "src/web.rs", "let shutdown = tokio::spawn(");

/// The tasks that nothing can wake: a consumer whose stream it keeps open itself, and a shutdown whose second result nobody takes. All other
/// tasks that are left wait for a timer, for what ticks by one, or for a listener.
const STUCK: [Planted; 2] = [CONSUMER, HANDED_RESULT];

/// The kind of a finding, and the file and line of what is planted: what leaks, what panics, or what is alive in a hang.
struct Planted(&'static str, &'static str, &'static str);

/// What each test finds, in order.
const PLANTED: &[(&str, &[Planted])] = &[
    ("application::all_stops_together_deregister_once", &[CLOSED_TWICE]),
    (
        "application::request_that_was_taken_is_answered",
        &[Planted("lost-work", "tests/it/application.rs", "let accepted = Ticket::new()")],
    ),
    (
        "application::server_that_cannot_start_is_the_cause_and_the_others_are_unwound",
        &[Planted("hang", "src/application/servers.rs", "let task = tokio::spawn(")],
    ),
    (
        "application::server_that_fails_is_the_cause",
        &[Planted("lost-work", "tests/it/application.rs", "let untold = Ticket::new()")],
    ),
    (
        "application::servers_are_stopped_when_the_deregistration_fails",
        &[Planted("hang", "src/application/servers.rs", "let task = tokio::spawn(")],
    ),
    (
        "application::servers_are_stopped_when_the_registration_fails",
        &[Planted("leaked-task", "src/application/servers.rs", "let task = tokio::spawn(")],
    ),
    (
        "application::signals::second_signal_takes_the_time_to_finish_away",
        &[Planted("hang", "src/application/servers.rs", "let task = tokio::spawn(")],
    ),
    // Only the runtime's hooks tell that a task runs before the program listens.
    #[cfg(tokio_unstable)]
    (
        "application::signals::signals_are_handled_before_anything_runs",
        &[Planted("died", "src/application.rs", "tokio::spawn(async move {")],
    ),
    (
        "group::every_actor_is_interrupted_once_and_in_order",
        &[Planted("task-panic", "tests/it/group.rs", "quit.expect(")],
    ),
    ("group::interrupt_before_the_start_is_remembered", &[Planted("hang", "src/group.rs", "running.spawn(")]),
    (
        "group::interrupt_that_hangs_does_not_keep_later_actors_running",
        &[Planted("hang", "src/group.rs", "running.spawn(")],
    ),
    ("group::signals::second_signal_means_now", &[Planted("hang", "src/group.rs", "running.spawn(")]),
    (
        "messaging::client_that_does_not_read_does_not_keep_the_server",
        &[Planted("hang", "src/messaging/connection.rs", "self.writers.spawn(")],
    ),
    (
        "messaging::connections_finish_before_what_they_use_is_released",
        &[Planted("task-panic", "src/messaging/events.rs", "sender.expect(")],
    ),
    ("messaging::every_one_of_32_concurrent_shutdowns_returns_after_the_end", &[PARTS]),
    ("messaging::program_and_server_may_both_shut_down", &[PARTS]),
    (
        "messaging::signals::program_that_handles_signals_ends_its_sessions_before_the_server",
        &[Planted("out-of-order", "src/messaging.rs", "closing = \"begin\"")],
    ),
    (
        "messaging::whoever_comes_second_returns_after_the_end",
        &[Planted("out-of-order", "tests/it/messaging.rs", "program.close()")],
    ),
    ("sequence::sequence_can_be_stopped", &[TICKER]),
    ("sequence::sequence_ends_above_its_limit", &[PRODUCER, TICKER]),
    ("sequence::sequence_with_a_slow_consumer_can_be_stopped", &[PRODUCER, TICKER]),
    ("sequence::signals::signal_at_any_moment_stops_the_sequence", &[TICKER]),
    ("sequence::slow_consumer_gets_every_value_up_to_the_limit", &[PRODUCER, TICKER]),
    ("sequence::stop_before_the_first_value_writes_nothing", &[TICKER]),
    ("watcher::consumer_ends_when_its_context_is_cancelled", &[CONSUMER]),
    ("watcher::consumer_ends_when_its_own_store_is_closed", &[CONSUMER]),
    ("watcher::consumer_ends_when_the_connection_is_lost", &[CONSUMER]),
    ("watcher::consumer_ends_when_the_watch_is_stopped", &[CONSUMER]),
    ("watcher::every_one_of_32_concurrent_stops_returns_after_the_end", &[CONSUMER]),
    ("watcher::signals::signal_at_any_moment_stops_watch_and_server", &[CONSUMER]),
    ("watcher::stop_loss_and_cancel_may_come_at_once", &[CONSUMER]),
    ("watcher::watch_may_be_stopped_from_its_own_callback", &[CONSUMER]),
    ("watcher::watch_may_be_stopped_twice", &[CONSUMER]),
    (
        "web::job_that_panics_is_counted_and_the_server_stops",
        &[Planted("task-panic", "src/web.rs", "address.split_once(")],
    ),
    (
        "web::mail_that_was_promised_is_sent_before_the_end",
        &[Planted("leaked-task", "src/web.rs", "self.jobs.spawn(async move {")],
    ),
    ("web::request_that_takes_too_long_is_given_up_and_jobs_are_done", &[HANDED_RESULT]),
    ("web::stop_before_the_start_is_remembered", &[Planted("hang", "src/web.rs", "let shutdown = tokio::spawn(")]),
];

/// Claims that a test found what is planted for it, and nothing else.
fn assert_found(test: &str, planted: &[Planted], findings: &[&Value], text: &str) {
    let found: Vec<&str> = findings.iter().filter_map(|finding| finding["kind"].as_str()).collect();
    let expected: Vec<&str> = planted.iter().map(|planted| planted.0).collect();
    assert_eq!(found, expected, "{test}\n{text}");
    // Elsewhere tasks are counted and not named.
    let named =
        cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));
    for (finding, Planted(kind, file, line)) in findings.iter().zip(planted) {
        let place = place(&format!("tests/services/{file}"), line);
        let by_task = ["leaked-task", "hang", "died"].contains(kind);
        if !by_task || named || cfg!(tokio_unstable) {
            assert!(tells(finding, &place), "{test}: {place}\n{text}");
        }
    }
}

/// Returns whether a finding names the place; a hang stands at its test, and names what is alive.
fn tells(finding: &Value, place: &str) -> bool {
    let alive = format!("spawned at {place}:");
    match finding["kind"].as_str() {
        Some("hang") => strings(&finding["evidence"], "seen").any(|seen| seen.contains(&alive)),
        _ => {
            format!("{}:{}", finding["sites"][0]["file"].as_str().unwrap_or_default(), finding["sites"][0]["line"])
                == place
        }
    }
}

fn strings<'a>(values: &'a Value, key: &'a str) -> impl Iterator<Item = &'a str> {
    values.as_array().into_iter().flatten().filter_map(move |value| value[key].as_str())
}

/// Returns the program of a service in its fixed form. Nothing is built in its place any more.
pub(crate) fn program(name: &str) -> PathBuf {
    LazyLock::force(&FAULTY_AND_FIXED);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--no-run", "--workspace", "--message-format", "json"]).args(SERVICES);
    let output = cargo.current_dir(root()).output().expect("cargo");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let built = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut executables = built.filter(|it| it["target"]["name"] == name && it["target"]["kind"][0] == "bin");
    let program = executables.find_map(|it| it["executable"].as_str().map(PathBuf::from));
    program.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn faulty_services_are_found_out() {
    let [Gate { code, text, json }, _] = &*FAULTY_AND_FIXED;
    assert_eq!(*code, Some(100), "{text}");
    let reports = json["reports"].as_array().expect("reports");
    let mut found: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for finding in reports.iter().filter_map(|report| report["findings"].as_array()).flatten() {
        found.entry(finding["test"].as_str().expect("a test")).or_default().push(finding);
    }
    let tests: Vec<&str> = PLANTED.iter().map(|(test, _)| *test).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), tests, "{text}");
    for &(test, planted) in PLANTED {
        assert_found(test, planted, &found[test], text);
    }
}

/// Whether lightsout sees allocations here.
const ALLOCATED: bool =
    cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));

/// Returns how many of a finding's tasks are proven to be stuck.
fn proven(finding: &Value) -> u64 {
    let verdicts =
        finding["evidence"].as_array().into_iter().flatten().filter(|evidence| evidence["about"] == "verdict");
    let all = finding["count"].as_u64().expect("a count");
    let proven = |seen: &str| match seen.split_once(": ")? {
        ("stuck", _) => Some(all),
        (some, rest) if rest.starts_with("stuck: ") => some.split_once(" of ")?.0.parse().ok(),
        _ => None,
    };
    verdicts.filter_map(|verdict| proven(verdict["seen"].as_str()?)).sum()
}

#[test]
fn stuck_tasks_of_the_faulty_services_are_proven_and_no_others() {
    let [Gate { text, json, .. }, _] = &*FAULTY_AND_FIXED;
    let stuck: Vec<String> =
        STUCK.iter().map(|Planted(_, file, line)| place(&format!("tests/services/{file}"), line)).collect();
    let (mut all, mut seen, mut others) = (0, 0, 0);
    let reports = json["reports"].as_array().expect("reports");
    let findings = reports.iter().filter_map(|report| report["findings"].as_array()).flatten();
    for finding in findings.filter(|finding| ALLOCATED && finding["kind"] == "leaked-task") {
        if stuck.iter().any(|place| tells(finding, place)) {
            all += finding["count"].as_u64().expect("a count");
            seen += proven(finding);
        } else {
            others += 1;
            assert_eq!(proven(finding), 0, "{finding:#}\n{text}");
        }
    }
    assert!(!ALLOCATED || all >= 10 && others >= 10, "{all} and {others}\n{text}");
    assert!(seen * 100 >= all * 94, "{seen} of {all}\n{text}");
}

#[test]
fn graphs_of_the_faulty_services_are_drawn() {
    let [Gate { text, .. }, _] = &*FAULTY_AND_FIXED;
    let leaks = |planted: &[Planted]| planted.iter().any(|planted| planted.0 == "leaked-task");
    let named = |test: &str| format!("services-{}", test.replace("::", "--"));
    let expected: BTreeSet<String> =
        PLANTED.iter().filter(|(_, planted)| ALLOCATED && leaks(planted)).map(|(test, _)| named(test)).collect();
    let drawn = crate::graphs::drawn(Path::new(&graphs()));
    let missing: Vec<_> = expected.difference(&drawn).collect();
    assert!(missing.is_empty(), "{missing:?} of {drawn:?}\n{text}");
}

#[test]
fn fixed_services_are_clean() {
    let [_, Gate { code, text, json }] = &*FAULTY_AND_FIXED;
    assert_eq!(*code, Some(0), "{text}");
    // Some are about signals, and one in each service about how Linux shows them.
    if cfg!(target_os = "linux") {
        assert!(json["checked"].as_u64().is_some_and(|checked| checked >= 92), "{text}");
    }
    assert_eq!(strings(&json["failures"], "test").count(), 0);
}
