//! A small harness: contenders take turns in one process, and what is held to a bar is the median over rounds.
//!
//! A machine has slow minutes. Contenders that run one after the other meet different ones; contenders that take turns meet the
//! same, and the ratio or the difference within a round keeps little of it. A figure is never an assertion: a missed bar is printed.
//!
//! Every bench takes `--quick` for a first impression, and ignores the `--bench` that cargo hands on.

use std::env;
use std::fmt::{self, Display};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// Marks a re-execution of a bench as one of its own children; its part follows.
const PART: &str = "--part";

/// Fewest rounds, however long they take: a median of fewer says nothing.
const FEWEST: usize = 5;

/// Returns `whole` of measuring time, or a sixth of it after `--quick`.
#[must_use]
pub fn budget(whole: Duration) -> Duration {
    if env::args().any(|arg| arg == "--quick") { whole / 6 } else { whole }
}

/// Lets the contenders take turns until the time is over, and returns each one's figures, round by round. Every other round goes
/// backwards, so that nobody always comes after the same one.
pub fn rounds<T, const N: usize>(budget: Duration, contenders: [&mut dyn FnMut() -> T; N]) -> [Vec<T>; N] {
    let mut figures = [const { Vec::new() }; N];
    let began = Instant::now();
    for round in 0.. {
        if round >= FEWEST && began.elapsed() >= budget {
            break;
        }
        for turn in 0..N {
            let turn = if round % 2 == 0 { turn } else { N - 1 - turn };
            figures[turn].push(contenders[turn]());
        }
    }
    figures
}

/// Returns the part that this process plays, if it is a child of a bench.
#[must_use]
pub fn part() -> Option<Vec<String>> {
    let mut args = env::args().skip_while(|arg| arg != PART);
    args.next().map(|_| args.collect())
}

/// Plays a part in a fresh process of the same bench, and returns the figures that it printed.
///
/// # Panics
///
/// If the process cannot be had, or prints anything but figures.
#[must_use]
pub fn child(part: &[&str]) -> Vec<f64> {
    let own = env::current_exe().expect("a running program has a path");
    let mut command = Command::new(own);
    let output = command.arg(PART).args(part).stderr(Stdio::inherit()).output().expect("a bench can start itself");
    let said = String::from_utf8(output.stdout).expect("figures are text");
    said.split_whitespace().map(|figure| figure.parse().unwrap_or_else(|_| panic!("{part:?} said {said:?}"))).collect()
}

/// Runs cargo without flags, and returns what it printed.
///
/// # Panics
///
/// If it cannot be started, or fails.
pub fn cargo(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(args).current_dir(folder).env("RUSTFLAGS", "").stderr(Stdio::inherit());
    let output = command.output().expect("cargo can be started");
    assert!(output.status.success(), "cargo {args:?} in {folder:?}");
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}

/// Returns the folder of the workspace.
///
/// # Panics
///
/// Never: a bench is a part of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the workspace")
}

/// Returns one of several figures that each round had.
#[must_use]
pub fn column(rounds: &[Vec<f64>], index: usize) -> Vec<f64> {
    rounds.iter().map(|figures| figures[index]).collect()
}

/// Returns how much the first is per the second, round by round.
#[must_use]
pub fn ratios(ours: &[f64], base: &[f64]) -> Vec<f64> {
    ours.iter().zip(base).map(|(ours, base)| ours / base).collect()
}

/// Returns how much the first is above the second, round by round.
#[must_use]
pub fn differences(ours: &[f64], base: &[f64]) -> Vec<f64> {
    ours.iter().zip(base).map(|(ours, base)| ours - base).collect()
}

/// Returns the value below which this share of the figures lies.
///
/// # Panics
///
/// Without a figure.
#[must_use]
pub fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut ordered = figures.to_vec();
    ordered.sort_by(f64::total_cmp);
    ordered[((ordered.len() - 1) as f64 * share).round() as usize]
}

/// Returns the middle figure.
#[must_use]
pub fn median(figures: &[f64]) -> f64 {
    quantile(figures, 0.5)
}

/// Returns nanoseconds per piece of work.
#[must_use]
pub fn nanos_each(time: Duration, count: usize) -> f64 {
    time.as_nanos() as f64 / count as f64
}

/// Returns the processor time that this process has had so far: what others on the machine take does not count.
///
/// # Panics
///
/// On a system without such a clock.
#[must_use]
pub fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("the system has this clock").into()
}

/// Returns microseconds.
#[must_use]
pub fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Returns milliseconds.
#[must_use]
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// It should be this or less.
    AtMost(f64),
    /// It should be this or more.
    AtLeast(f64),
    /// It is held to nothing.
    None,
}

/// Prints the head of a table; `compared` says what the figure beside the bar is.
pub fn head(title: &str, base: &str, compared: &str) {
    println!("\n{title}");
    println!("  {:<44} {base:>12} {:>12} {compared:>12}   {:<22} rounds", "", "lightsout", "middle half");
}

/// Prints a line: the medians of both (without a base only ours), and the compared figures, in `unit`, beside the bar.
pub fn line(what: &str, base: &[f64], ours: &[f64], compared: &[f64], unit: &str, bar: Bar) {
    let figure = |value: f64| format!("{value:.*}{unit}", if value.abs() < 100.0 { 2 } else { 0 });
    let base = if base.is_empty() { String::new() } else { plain(median(base)) };
    let half = format!("{} to {}", figure(quantile(compared, 0.25)), figure(quantile(compared, 0.75)));
    let (ours, middle, held) = (plain(median(ours)), figure(median(compared)), Held(bar, median(compared), unit));
    println!("  {what:<44} {base:>12} {ours:>12} {middle:>12}   {half:<22} {:<6} {held}", compared.len());
}

/// Returns a figure with three digits or more.
fn plain(figure: f64) -> String {
    format!("{figure:.*}", if figure.abs() < 10.0 { 2 } else { usize::from(figure.abs() < 100.0) })
}

/// A figure beside its bar.
struct Held<'a>(Bar, f64, &'a str);

impl Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bar, figure, unit) = self;
        let verdict = |met| if met { "met" } else { "MISSED" };
        match bar {
            Bar::AtMost(most) => write!(f, "bar {most}{unit}: {}", verdict(figure <= most)),
            Bar::AtLeast(least) => write!(f, "bar {least}{unit}: {}", verdict(figure >= least)),
            Bar::None => f.write_str("no bar"),
        }
    }
}
