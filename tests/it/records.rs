//! What this binary itself writes down under the gate, read back.

use std::fs;
use std::future::pending;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use lightsout::records::{End, Kind, Names, Record, Who};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

use crate::again::again;

/// Runs one of the tests below in a process of its own, as the gate does; returns its record.
fn record(test: &str, variables: &[(&str, &str)]) -> Record {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = format!("records-{test}-{}-{number}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let mut command = again(&format!("records::{test}"));
    let output =
        command.env("LIGHTSOUT_REPORT_DIR", &folder).envs(variables.iter().copied()).output().expect("it starts");
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).expect("a folder").map(|it| it.unwrap().path()).collect();
    paths.retain(|path| Record::is_one(path));
    let [path] = &paths[..] else { panic!("{paths:?}\n{}", String::from_utf8_lossy(&output.stdout)) };
    let record = Record::read(path).expect("a record").expect("one that was begun");
    fs::remove_dir_all(folder).expect("our own folder");
    record
}

/// Returns the tasks of somebody, with where each was spawned.
fn tasks(record: &Record, who: &Who) -> Vec<(u32, End)> {
    let mut names = Names::new(env!("CARGO_MANIFEST_DIR").as_ref());
    let own = record.ends.iter().filter(|end| record.who(end) == who);
    let spawned = own.filter_map(|end| Some((names.spawned(record, end.made)?, *end)));
    spawned.filter(|(it, _)| it.kind == Kind::Async).map(|(it, end)| (it.site.line, end)).collect()
}

fn line_of(text: &str) -> u32 {
    let mut lines = include_str!("records.rs").lines();
    1 + lines.position(|line| line.ends_with(&format!("// {text}"))).expect("a line with this comment") as u32
}

fn test(name: &str) -> Who {
    Who::Thread(format!("records::{name}"))
}

#[tokio::test]
#[ignore = "it is run by the tests below"]
async fn leaves_a_task() {
    for _ in 0..1_000 {
        tokio::spawn(pending::<()>()); // left
        // A task that has not had its turn ends in another place.
        yield_now().await;
    }
}

#[test]
#[ignore = "it is run by the tests below"]
fn dies_with_a_task() {
    let runtime = Builder::new_current_thread().build().unwrap();
    runtime.spawn(pending::<()>()); // dies
    std::process::abort();
}

#[test]
#[ignore = "it is run by the tests below"]
fn keeps_its_runtime() {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_current_thread().build().unwrap());
    runtime.spawn(pending::<()>()); // kept
    runtime.block_on(yield_now());
}

#[test]
#[ignore = "it is run by the tests below"]
fn has_many_threads() {
    let spawns = || {
        for _ in 0..200 {
            let runtime = Builder::new_current_thread().build().unwrap();
            runtime.spawn(pending::<()>()); // many
            runtime.block_on(yield_now());
        }
    };
    let threads: Vec<_> = (0..8).map(|_| thread::spawn(spawns)).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn same_end_is_one_row() {
    let record = record("leaves_a_task", &[]);
    let tasks = tasks(&record, &test("leaves_a_task"));
    let [(line, end)] = tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((line, end.count), (line_of("left"), 1_000));
    assert!(end.freed.is_some() && record.has_ended && record.lost == 0);
}

#[test]
fn what_is_alive_when_a_process_dies_has_no_end() {
    let record = record("dies_with_a_task", &[]);
    let tasks = tasks(&record, &test("dies_with_a_task"));
    let [(line, end)] = tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((line, end.freed, end.state, end.count), (line_of("dies"), None, None, 1));
    assert!(!record.has_ended);
}

#[test]
fn what_is_alive_at_the_end_has_a_state() {
    let record = record("keeps_its_runtime", &[]);
    let tasks = tasks(&record, &test("keeps_its_runtime"));
    let [(line, end)] = tasks[..] else { panic!("{tasks:?}") };
    assert_eq!((line, end.freed, end.state.is_some(), end.count), (line_of("kept"), None, true, 1));
}

#[test]
fn threads_of_a_test_lose_nothing_and_are_that_test() {
    let record = record("has_many_threads", &[]);
    let tasks = tasks(&record, &test("has_many_threads"));
    assert!(tasks.iter().all(|(line, end)| *line == line_of("many") && end.freed.is_some()), "{tasks:?}");
    assert_eq!(tasks.iter().map(|(_, end)| end.count).sum::<u64>(), 8 * 200);
}

#[test]
fn process_of_one_test_says_which() {
    let record = record("leaves_a_task", &[("NEXTEST_TEST_NAME", "records::leaves_a_task")]);
    assert_eq!(record.nextest.as_deref(), Some("records::leaves_a_task"));
    assert_eq!(record.arguments[1..], ["--exact", "records::leaves_a_task", "--include-ignored", "--nocapture"]);
    assert_eq!(record.program, std::env::current_exe().unwrap());
}

#[test]
fn plants_are_in_every_record() {
    let record = record("leaves_a_task", &[]);
    let mut plants: Vec<&str> = Vec::new();
    for end in &record.ends {
        if let Who::Planted(name) = record.who(end) {
            plants.push(name);
        }
    }
    plants.sort_unstable();
    assert_eq!(plants, ["ended", "unpolled", "waiting", "waiting in a set", "waiting on a worker"]);
}

#[test]
fn other_files_are_no_records() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("other-{}.record", std::process::id()));
    fs::write(&path, [7; 8192]).unwrap();
    assert_eq!(Record::read(&path).unwrap_err().to_string(), "it is no record");
    fs::write(&path, [0; 8192]).unwrap();
    assert!(Record::read(&path).unwrap().is_none());
    fs::remove_file(path).unwrap();
}
