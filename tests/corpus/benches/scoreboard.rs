//! What is found of the corpus, and what is not.
//!
//! ```text
//! cargo bench -p corpus --bench scoreboard
//! RUSTFLAGS="" cargo bench -p corpus --bench scoreboard     # without tokio_unstable
//! ```
//!
//! A case is found if its buggy form is told with the kinds and lines that its source marks, and with nothing else. It is judged
//! in one process, one case after the other, and each case once: this is a count and not a benchmark, and the times are for
//! orientation.

#[path = "../tests/it/judged.rs"]
mod judged;

use std::panic;
use std::time::{Duration, Instant};

use corpus::{CASES, Case, Family, Form, Needs};
use lightsout::Report;
use tokio::runtime::Builder;
use tokio::time::timeout;

/// What came of a case under lightsout.
enum Verdict {
    /// Every mark was told, and nothing else.
    Exact,
    /// Something else was told, or not all of it.
    Otherwise(String),
    /// Nothing was told, although this was looked at.
    Missed(String),
}

/// A name in the table, and what belongs to it.
type Group = (&'static str, fn(&Case) -> bool);

/// The lines of the table.
const GROUPS: [Group; 5] = [
    ("GoKer, blocking", is_blocking),
    ("GoKer, other", |case| case.family() == Family::GoKer && !is_blocking(case)),
    ("Rust", |case| case.family() == Family::Rust),
    ("Uber", |case| case.family() == Family::Uber),
    ("all", |_| true),
];

/// Returns whether a case is one of the 68 kernels that GoBench calls blocking, to which goleak's figures belong.
fn is_blocking(case: &Case) -> bool {
    /// GoBench has these among its other kernels: misused channels, which panic in Go.
    const OTHER: [&str; 8] = [
        "cockroach_4407",
        "etcd_3077",
        "grpc_1687",
        "grpc_2371",
        "istio_8967",
        "kubernetes_13058",
        "serving_3068",
        "serving_5865",
    ];
    case.family() == Family::GoKer && !OTHER.contains(&case.name())
}

/// One case, judged.
struct Row {
    case: &'static Case,
    verdict: Verdict,
    /// What was told of the fixed form; `None` if nothing was.
    false_alarm: Option<String>,
    /// How long both forms took.
    times: [Duration; 2],
    /// What a count of live tasks says of the buggy and of the fixed form; `None` where the body does not
    /// end, or waits for a signal.
    counted: [Option<usize>; 2],
    /// What shuttle-tokio was written down to say; `None` where it cannot run the case.
    shuttle: Option<&'static str>,
    /// How many tasks tokio-console was written down to show as alive at the end of both forms; `None` where it cannot.
    console: Option<[usize; 2]>,
}

/// What shuttle-tokio says, and what tokio-console shows: a line a case that they can run.
const SHUTTLE: &str = include_str!("shuttle.txt");
const CONSOLE: &str = include_str!("console.txt");

/// Returns what is written down of a case.
fn written(text: &'static str, case: &Case) -> Option<&'static str> {
    let name = format!("{}::{}", case.family().module(), case.name());
    text.lines().find_map(|line| line.split_once(' ').filter(|(of, _)| *of == name).map(|(_, what)| what))
}

fn shown(case: &Case) -> Option<[usize; 2]> {
    let (buggy, fixed) = written(CONSOLE, case)?.split_once(' ')?;
    Some([buggy.parse().ok()?, fixed.parse().ok()?])
}

fn main() {
    // A panic is told in a report here.
    panic::set_hook(Box::new(|_| ()));
    let rows: Vec<Row> = CASES.iter().map(judge).collect();
    println!("{}", head());
    for (name, holds) in GROUPS {
        println!("{}", line(name, &rows.iter().filter(|row| holds(row.case)).collect::<Vec<_>>()));
    }
    println!();
    println!(
        "whole corpus, both forms: {:.1} s",
        rows.iter().flat_map(|row| row.times).sum::<Duration>().as_secs_f64()
    );
    println!("counted: the same cases on a bare runtime, by `num_alive_tasks()` after {YIELDS} yields.");
    println!(
        "console: a task is shown as alive at the end, of those whose body ends: `console.txt`, as tokio-console has it."
    );
    println!(
        "shuttle: found of those that shuttle-tokio can run, as `shuttle.txt` has it; it has no time, signals and threads."
    );
    println!(
        "goleak on GoBench's 68 blocking kernels, as published: 43 found, 25 missed, no false alarm (recall 63.2 %)."
    );
    rows.iter().for_each(tell);
}

fn judge(case: &'static Case) -> Row {
    let counted = [Form::Buggy, Form::Fixed].map(|form| count(case, form));
    let (buggy, until_found) = timed(|| judged::report(case, Form::Buggy));
    let (fixed, until_clean) = timed(|| judged::report(case, Form::Fixed));
    let (said, expected) = (judged::said(&buggy), judged::expected(case));
    let verdict = match said {
        said if said == expected => Verdict::Exact,
        said if said.is_empty() => Verdict::Missed(searched(&buggy)),
        said => Verdict::Otherwise(format!("told {said:?}, expected {expected:?}")),
    };
    let false_alarm = (!fixed.is_clean()).then(|| fixed.to_text());
    Row {
        case,
        verdict,
        false_alarm,
        times: [until_found, until_clean],
        counted,
        shuttle: written(SHUTTLE, case),
        console: shown(case),
    }
}

/// Returns how far a search came that found nothing.
fn searched(report: &Report) -> String {
    match report.coverage().searched() {
        Some(searched) => format!("nothing was told; searched: {searched}"),
        None => "nothing was told".to_owned(),
    }
}

fn timed<T>(run: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = run();
    (result, began.elapsed())
}

/// How often the bare runtime gives way before it counts.
const YIELDS: u32 = 100;

/// Runs one form on a bare runtime, and returns how many tasks that counts at its end; `None` if the body does not end, or waits
/// for a signal.
fn count(case: &'static Case, form: Form) -> Option<usize> {
    /// Virtual: over as soon as nothing else can happen.
    const AN_HOUR: Duration = Duration::from_secs(3600);
    if matches!(case.needs, Needs::Signals(_)) {
        return None;
    }
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime can be had");
    let counted = runtime.block_on(async {
        timeout(AN_HOUR, (case.start)(form)).await.ok()?;
        for _ in 0..YIELDS {
            tokio::task::yield_now().await;
        }
        Some(runtime.metrics().num_alive_tasks())
    });
    // A blocked thread would be waited for.
    runtime.shutdown_background();
    counted
}

fn head() -> String {
    format!(
        "{:<16}{:>7}{:>7}{:>11}{:>8}{:>14}{:>12}{:>12}{:>10}{:>12}{:>10}{:>12}{:>10}{:>12}",
        "",
        "cases",
        "exact",
        "otherwise",
        "missed",
        "false alarms",
        "to find",
        "to pass",
        "counted",
        "its alarms",
        "console",
        "its alarms",
        "shuttle",
        "its alarms"
    )
}

fn line(name: &str, rows: &[&Row]) -> String {
    let number = |of: fn(&Row) -> bool| rows.iter().filter(|row| of(row)).count();
    format!(
        "{name:<16}{:>7}{:>7}{:>11}{:>8}{:>14}{:>12}{:>12}{:>10}{:>12}{:>10}{:>12}{:>10}{:>12}",
        rows.len(),
        number(|row| matches!(row.verdict, Verdict::Exact)),
        number(|row| matches!(row.verdict, Verdict::Otherwise(_))),
        number(|row| matches!(row.verdict, Verdict::Missed(_))),
        number(|row| row.false_alarm.is_some()),
        median(rows, 0),
        median(rows, 1),
        number(|row| row.counted[0].is_some_and(|tasks| tasks > 0)),
        number(|row| row.counted[1].is_some_and(|tasks| tasks > 0)),
        format!("{}/{}", number(|row| shows(row, 0)), number(|row| row.console.is_some())),
        number(|row| shows(row, 1)),
        format!("{}/{}", number(|row| row.shuttle == Some("found")), number(|row| row.shuttle.is_some())),
        number(|row| row.shuttle == Some("false-alarm")),
    )
}

/// Returns whether the console shows a task as alive at the end of this form.
fn shows(row: &Row, form: usize) -> bool {
    row.console.is_some_and(|tasks| tasks[form] > 0)
}

/// Returns the median time until the verdict on one form.
fn median(rows: &[&Row], form: usize) -> String {
    let mut times: Vec<Duration> = rows.iter().map(|row| row.times[form]).collect();
    times.sort_unstable();
    times.get(times.len() / 2).map_or("-".to_owned(), |time| format!("{:.2} ms", time.as_secs_f64() * 1e3))
}

/// Prints what is wrong with a row.
fn tell(row: &Row) {
    let name = format!("{} {}", row.case.family(), row.case.name());
    match &row.verdict {
        Verdict::Exact => {}
        Verdict::Otherwise(how) => println!("otherwise: {name}: {how}"),
        Verdict::Missed(why) => println!("missed: {name}: {why}"),
    }
    if let Some(told) = &row.false_alarm {
        println!("false alarm: {name}: {told}");
    }
}
