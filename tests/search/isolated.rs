//! Tests with signals in processes of their own: what a body does to its process is found with its plan, and the search goes on.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::yield_now;

use crate::again::again;
use crate::bodies::{self, Buggy, Fixed};

fn term() -> Signal {
    signal(SignalKind::terminate()).unwrap()
}

/// Runs a test that fails, and returns what it printed.
fn printed_by(test: &str) -> String {
    printed_with(test, [])
}

/// The same with variables of the environment.
fn printed_with<const N: usize>(test: &str, variables: [(&str, &str); N]) -> String {
    let run = again(test).envs(variables).output().unwrap();
    assert!(!run.status.success(), "{test} passed");
    let text = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    // It is meant to fail: nothing is to be kept of it.
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("lightsout-regressions");
    let _ = fs::remove_file(kept.join(format!("{}.txt", test.replace("::", "-"))));
    let _ = fs::remove_dir(kept);
    text
}

/// Claims that all of this was printed.
#[track_caller]
fn tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[lightsout::test(signals = "SIGTERM")]
async fn program_without_the_bug_passes() {
    bodies::forgets_its_worker_while_it_warms_up(Fixed).await;
}

#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn two_signals_pass_beside_other_tests() {
    bodies::closes_twice(Fixed).await;
}

#[lightsout::test(signals = "SIGTERM")]
#[ignore = "it leaks: `leak_is_found_in_a_child` runs it"]
async fn leaks() {
    println!("about to work");
    bodies::forgets_its_worker_while_it_warms_up(Buggy).await;
}

#[test]
fn leak_is_found_in_a_child() {
    let text = printed_by("isolated::leaks");
    tells(
        &text,
        &[
            "lightsout: 1 finding in isolated::leaks",
            "under       SIGTERM@1",
            "printed     about to work",
            "replay      LIGHTSOUT_REPLAY=\"SIGTERM@1\" cargo test -p lightsout -- --exact isolated::leaks",
            "exhaustive: ",
            "a signal at boundary 0 ends the program",
        ],
    );
    // What a run printed is kept for the failing plan only, and once.
    assert_eq!(text.matches("about to work").count(), 1, "{text}");
}

#[lightsout::test(signals = "SIGTERM")]
#[ignore = "it exits: `exit_is_found_with_its_plan` runs it"]
async fn exits() {
    let mut term = term();
    let is_told = tokio::select! {
        _ = term.recv() => true,
        () = tokio::time::sleep(Duration::from_millis(5)) => false,
    };
    if is_told {
        println!("good bye");
        std::process::exit(3);
    }
    term.recv().await;
}

#[test]
fn exit_is_found_with_its_plan() {
    let text = printed_by("isolated::exits");
    tells(
        &text,
        &[
            "died: the process of the test ended in the middle of a run: it exited with code 3",
            "under       SIGTERM@1",
            "printed     good bye",
            "exhaustive: ",
        ],
    );
}

#[lightsout::test(signals = "SIGTERM, SIGTERM")]
#[ignore = "it aborts: `abort_is_found_with_its_plan` runs it"]
async fn aborts_at_the_second_signal() {
    let mut term = term();
    term.recv().await;
    let drain = async {
        for _ in 0..4 {
            yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = term.recv() => std::process::abort(),
        () = drain => {}
    }
}

#[test]
fn abort_is_found_with_its_plan() {
    let text = printed_by("isolated::aborts_at_the_second_signal");
    tells(
        &text,
        &[
            "died: the process of the test ended in the middle of a run: it was killed by SIGABRT",
            "under       SIGTERM@",
        ],
    );
}

#[lightsout::test(signals = "SIGTERM", deadline = "1s", grace = "10ms")]
#[ignore = "it blocks: `blocked_body_is_found_with_its_plan` runs it"]
async fn blocks() {
    let mut term = term();
    let is_told = tokio::select! {
        _ = term.recv() => true,
        () = tokio::time::sleep(Duration::from_millis(5)) => false,
    };
    if is_told {
        std::thread::sleep(Duration::from_secs(600));
    }
    term.recv().await;
}

#[test]
fn blocked_body_is_found_with_its_plan() {
    let text = printed_by("isolated::blocks");
    tells(
        &text,
        &["hang: the body had not finished at its deadline of 1.0 s", "under       SIGTERM@1", "exhaustive: "],
    );
}

#[lightsout::test(signals = "SIGTERM", startup = "deny")]
#[ignore = "it starts a task too early: `task_before_the_listener_is_found` runs it"]
async fn starts_a_task_too_early() {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = tokio::spawn(async move { stopped.await.unwrap() });
    yield_now().await;
    yield_now().await;
    let mut term = term();
    term.recv().await;
    stop.send(()).unwrap();
    worker.await.unwrap();
}

#[test]
fn task_before_the_listener_is_found() {
    let text = printed_by("isolated::starts_a_task_too_early");
    tells(
        &text,
        &[
            "died: SIGTERM at boundary 1 ends the program at once, with this task alive: it does not listen yet",
            "test at     tests/search/isolated.rs:",
            "listen for signals before starting anything that needs an orderly end",
        ],
    );
}

#[lightsout::test(signals = "SIGTERM", delays = 1)]
async fn delayed_start_up_is_no_hang() {
    // With a delay the program listens later, and a signal in between would end it, which is not a hang.
    let starting = tokio::spawn(async {
        let (send, mut receive) = tokio::sync::mpsc::channel(1);
        send.send(()).await.unwrap();
        receive.recv().await.unwrap();
    });
    starting.await.unwrap();
    let mut term = term();
    term.recv().await;
}

#[test]
fn bad_plan_in_the_environment_is_one_clear_line() {
    for (plan, why) in [
        ("SIGTERM", "accepted: `SIGTERM@17`, `delay@23`, `seed=4`"),
        ("SIGTERN@4", "unknown signal `SIGTERN`"),
        ("SIGTERM@-4", "the boundary -4 is negative"),
        ("SIGTERM@99999999999", "is out of range"),
        ("SIGINT@4", "its signals are not the first ones of this check"),
    ] {
        let mut run = again("isolated::program_without_the_bug_passes");
        let run = run.env("LIGHTSOUT_REPLAY", plan).output().unwrap();
        let text = String::from_utf8_lossy(&run.stderr);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("lightsout: failed to")).collect();
        assert!(matches!(lines[..], [line] if line.contains(why) && line.contains(plan)), "{text}");
    }
}

#[test]
fn death_is_told_also_where_each_test_has_a_process() {
    let text = printed_with("isolated::exits", [("NEXTEST_EXECUTION_MODE", "process-per-test")]);
    tells(&text, &["it exited with code 3", "under       SIGTERM@1"]);
}

#[lightsout::test(signals = "SIGTERM")]
#[ignore = "it would be killed: `program_that_handles_only_another_signal_dies` runs it"]
async fn handles_only_ctrl_c() {
    let worker = tokio::spawn(std::future::pending::<()>());
    tokio::signal::ctrl_c().await.unwrap();
    worker.abort();
}

#[test]
fn program_that_handles_only_another_signal_dies() {
    let text = printed_by("isolated::handles_only_ctrl_c");
    let died = "SIGTERM at boundary 2 ends the program at once: nothing in it listens for SIGTERM by then";
    tells(&text, &["lightsout: 1 finding in", died, "LIGHTSOUT_REPLAY=\"SIGTERM@2\""]);
    let again = printed_with("isolated::handles_only_ctrl_c", [("LIGHTSOUT_REPLAY", "SIGTERM@2")]);
    tells(&again, &[died]);
}

#[lightsout::test(signals = "SIGTERM, SIGTERM, SIGTERM", delays = 3, runs = 100_000_000)]
#[ignore = "it takes for ever: `ctrl_c_ends_the_search_with_what_it_found` runs it"]
async fn takes_for_ever() {
    bodies::closes_twice(Fixed).await;
}

#[test]
fn ctrl_c_ends_the_search_with_what_it_found() {
    use std::io::Read;
    let mut run = again("isolated::takes_for_ever")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Until it listens for SIGINT, which is the second bit.
    let is_listening = || {
        let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 == 2)
    };
    while !is_listening() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    let killed = std::process::Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let mut text = String::new();
    run.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    tells(&text, &["nothing found in isolated::takes_for_ever", "interrupted by Ctrl-C"]);
}
