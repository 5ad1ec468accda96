//! What the ledger takes for each live task, and how long a census of all of them takes.
//!
//! ```text
//! cargo bench -p benches --bench memory [-- --quick]
//! ```
//!
//! Each figure comes from a fresh process, bare and tracked in turns: it spawns the tasks, lets each of them park, and looks at its
//! resident set and at a counting allocator before and after. Several counts of tasks, since a table that grows by doubling is
//! nearly empty behind one step and nearly full before the next. The census is timed in processes whose allocator does not count.
#![expect(unsafe_code, reason = "a counting allocator is one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::future::pending;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use benches::{Bar, budget, child, column, differences, head, line, median, millis, part, rounds};
use lightsout::Check;
use tokio::runtime::Builder;

const TASKS: usize = 1_000_000;
/// Shortly behind a step of the table's growth.
const WORST: usize = 530_000;
const PAGE: f64 = 4096.0;

struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicIsize = AtomicIsize::new(0);

impl Counting {
    fn count(bytes: isize) {
        if COUNTS.load(Ordering::Relaxed) {
            LIVE.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

// SAFETY: everything is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    // Not by way of `alloc`: the system has zeroed pages that nobody has touched yet.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::count(layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        Self::count(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::count(size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Returns the bytes of this process that are in memory; 0 where the system does not tell.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0.0) * PAGE
}

fn allocated() -> f64 {
    LIVE.load(Ordering::Relaxed) as f64
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

/// Prints bytes a task: resident, and allocated.
async fn weigh(tasks: usize) {
    let before = (resident(), allocated());
    park(tasks).await;
    let after = (resident(), allocated());
    println!("{} {}", (after.0 - before.0) / tasks as f64, (after.1 - before.1) / tasks as f64);
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
        assert!(census.tasks.iter().all(|task| task.polls == 1), "every task has parked");
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
    COUNTS.store(part != "census", Ordering::Relaxed);
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
    for (index, what) in ["resident set", "allocated"].into_iter().enumerate() {
        let (bare, tracked) = (column(&bare, index), column(&tracked, index));
        let what = format!("{what}, {tasks} tasks");
        line(&what, &bare, &tracked, &differences(&tracked, &bare), " B", Bar::AtMost(96.0));
    }
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
