//! What the ledger takes for each live task, and how long a census of all of them takes.
//!
//! ```text
//! cargo bench -p benches --bench memory [-- --quick]
//! ```
//!
//! Each figure comes from a fresh process, bare and tracked in turns: it spawns the tasks, lets each of them park, and looks at its
//! resident set before and after. Several counts of tasks, since a table that grows by doubling is nearly empty behind one step and
//! nearly full before the next. Both of lightsout's sources write each task down: the runtime's hooks, and the recording allocator.

use std::fs;
use std::future::pending;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use benches::{Bar, budget, child, column, differences, head, line, median, millis, part, rounds};
use lightsout::Check;
use tokio::runtime::Builder;

const TASKS: usize = 1_000_000;
/// Shortly behind a step of the table's growth.
const WORST: usize = 530_000;
const PAGE: f64 = 4096.0;

/// Returns the bytes of this process that are in memory; 0 where the system does not tell.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0) * PAGE
}

/// Spawns tasks and lets each of them run to where it parks.
async fn park(tasks: usize) {
    /// Fewer than a runtime polls between two turns of the body.
    const A_TURN: usize = 16;
    for _ in 0..tasks {
        drop(tokio::spawn(pending::<()>()));
    }
    for _ in 0..tasks / A_TURN {
        tokio::task::yield_now().await;
    }
}

/// Prints resident bytes a task.
async fn weigh(tasks: usize) {
    let before = resident();
    park(tasks).await;
    println!("{}", (resident() - before) / tasks as f64);
}

/// Prints milliseconds: of the first census in the process, of a later one, and of letting one go.
async fn count(tasks: usize) {
    park(tasks).await;
    let (mut takes, mut drops) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = Instant::now();
        let census = lightsout::census();
        takes.push(millis(began.elapsed()));
        assert_eq!(census.tasks.len(), tasks);
        assert!(census.tasks.iter().all(|task| task.polls == Some(1)), "every task has parked");
        let began = Instant::now();
        drop(census);
        drops.push(millis(began.elapsed()));
    }
    println!("{} {} {}", takes[0], median(&takes[1..]), median(&drops));
}

/// What one child does. It ends in the middle of the body: a verdict on a million leaks is not what is measured.
async fn play(part: String, tasks: usize) {
    match part.as_str() {
        "census" => count(tasks).await,
        _ => weigh(tasks).await,
    }
    process::exit(0);
}

fn start(part: String, tasks: usize) {
    if part == "bare" {
        // On a thread of its own, as the other: the system's allocator treats the main thread apart.
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be had");
        thread::spawn(move || runtime.block_on(play(part, tasks))).join().expect("it ends the process");
    } else {
        Check::new("memory").run(move || play(part.clone(), tasks)).assert_clean();
    }
}

fn compare_bytes(tasks: usize, time: Duration) {
    let count = tasks.to_string();
    let [bare, tracked] = rounds(time, [&mut || child(&["bare", &count]), &mut || child(&["tracked", &count])]);
    let (bare, tracked) = (column(&bare, 0), column(&tracked, 0));
    let what = format!("resident set, {tasks} tasks");
    line(&what, &bare, &tracked, &differences(&tracked, &bare), " B", Bar::AtMost(96.0));
}

fn time_census(time: Duration) {
    let [census] = rounds(time, [&mut || child(&["census", &TASKS.to_string()])]);
    let bars = [Bar::AtMost(150.0), Bar::AtMost(150.0), Bar::None];
    for ((index, what), bar) in ["first in a process", "later", "letting it go"].into_iter().enumerate().zip(bars) {
        let figures = column(&census, index);
        line(what, &[], &figures, &figures, " ms", bar);
    }
}

fn main() {
    if let Some(part) = part() {
        return start(part[0].clone(), part[1].parse().expect("a count of tasks"));
    }
    head("bytes per live task", "bare", "added");
    for tasks in [WORST, TASKS] {
        compare_bytes(tasks, budget(Duration::from_secs(12)));
    }
    head("milliseconds for `lightsout::census()` of a million live tasks", "", "");
    time_census(budget(Duration::from_secs(12)));
}
