//! What a verdict costs: from the end of a body to the report, and a whole checked test.
//!
//! ```text
//! cargo bench -p benches --bench verdict [-- --quick]
//! ```
//!
//! A clean body is compared with the same one on a bare runtime on a thread of its own, from the body's end to the end of that
//! thread. A whole test is compared with what `#[tokio::test]` expands to, which has no thread of its own. The first report of a
//! leak in a process loads debug information, so it is measured in fresh processes.

use std::future::Future;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use benches::{Bar, budget, child, differences, head, line, micros, millis, part, rounds};
use lightsout::{Check, Kind, Runtime};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

const WORKERS: usize = 2;
const HALF_A_SECOND: Duration = Duration::from_millis(500);
const AN_HOUR: Duration = Duration::from_secs(3600);

/// Makes the builder of a bare runtime; a function, since a builder cannot be cloned.
type Bare = fn() -> Builder;

/// When the last body ended; `None` before the first. Bodies run one at a time.
static ENDED: Mutex<Option<Instant>> = Mutex::new(None);

fn end_body() {
    *ENDED.lock().expect("nobody panics here") = Some(Instant::now());
}

/// Returns the time since the last body's end.
fn since_body() -> Duration {
    ENDED.lock().expect("nobody panics here").take().expect("a body ended").elapsed()
}

/// Joins its tasks, and leaves nothing.
async fn clean(tasks: usize) {
    let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(tokio::task::yield_now())).collect();
    for task in tasks {
        task.await.expect("it only yields");
    }
    end_body();
}

/// Leaves one task, which waits for its own sender.
async fn leaking() {
    let (keep, wait) = oneshot::channel::<()>();
    drop(tokio::spawn(async move {
        let _ = wait.await;
        drop(keep);
    }));
    tokio::task::yield_now().await;
    end_body();
}

fn one_thread() -> Builder {
    Builder::new_current_thread()
}

fn workers() -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS);
    builder
}

/// Runs a body on a bare runtime, as `#[tokio::test]` does.
fn bare<F: Future>(mut builder: Builder, body: F) {
    builder.enable_all().build().expect("a runtime can be had").block_on(body);
}

fn bare_end(builder: Bare) -> f64 {
    thread::spawn(move || bare(builder(), clean(10))).join().expect("it only runs a body");
    micros(since_body())
}

fn checked_end(recipe: Runtime) -> f64 {
    let report = Check::new("clean").runtime(recipe).run(|| clean(10));
    let took = since_body();
    report.assert_clean();
    micros(took)
}

fn bare_whole(builder: Bare) -> f64 {
    let began = Instant::now();
    bare(builder(), clean(1));
    micros(began.elapsed())
}

fn checked_whole(recipe: Runtime) -> f64 {
    let began = Instant::now();
    Check::new("whole").runtime(recipe).run(|| clean(1)).assert_clean();
    micros(began.elapsed())
}

/// Returns milliseconds from the end of a leaking body to the report.
fn leak(grace: Duration) -> f64 {
    let report = Check::new("leak").start_paused(true).grace(grace).run(leaking);
    let took = since_body();
    assert!(report.findings().iter().map(lightsout::Finding::kind).eq([Kind::LeakedTask]), "{report}");
    millis(took)
}

fn compare_flavors(bar: f64, bare: fn(Bare) -> f64, checked: fn(Runtime) -> f64) {
    let flavors: [(&str, Bare, Runtime); 2] = [
        ("current_thread", one_thread, Runtime::current_thread()),
        ("multi_thread, 2 workers", workers, Runtime::multi_thread().worker_threads(WORKERS)),
    ];
    for (what, builder, recipe) in flavors {
        let time = budget(Duration::from_secs(8));
        let [bare, checked] = rounds(time, [&mut || bare(builder), &mut || checked(recipe.clone())]);
        line(what, &bare, &checked, &differences(&checked, &bare), " us", Bar::AtMost(bar));
    }
}

fn time_leaks() {
    for (what, part, grace) in [("grace 500 ms", "short", HALF_A_SECOND), ("grace 1 h", "long", AN_HOUR)] {
        let [first] = rounds(budget(Duration::from_secs(5)), [&mut || child(&[part])[0]]);
        line(&format!("{what}, first in a process"), &[], &first, &first, " ms", Bar::AtMost(2.0));
        leak(grace);
        let [later] = rounds(budget(Duration::from_secs(5)), [&mut || leak(grace)]);
        line(&format!("{what}, later"), &[], &later, &later, " ms", Bar::AtMost(2.0));
    }
}

fn main() {
    match part().as_deref() {
        Some([part]) if part == "short" => return println!("{}", leak(HALF_A_SECOND)),
        Some(_) => return println!("{}", leak(AN_HOUR)),
        None => {}
    }
    head("microseconds from the end of a clean body (10 tasks) to the end of everything", "bare", "added");
    compare_flavors(50.0, bare_end, checked_end);
    head("microseconds for a whole clean test (one task)", "tokio::test", "added");
    compare_flavors(200.0, bare_whole, checked_whole);
    head("milliseconds from the end of a leaking body to the report, on a paused clock", "", "");
    time_leaks();
}
