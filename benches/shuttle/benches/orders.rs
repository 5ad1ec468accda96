//! lightsout's search beside shuttle's, on the same models: how many orders a second, and how soon each bug is found.
//!
//! ```text
//! cd benches/shuttle && cargo bench            # add `-- --quick` for a first impression
//! ```
//!
//! What is printed is Markdown, and stands in the README. A bug counts as found with the run that did not come to its end.

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use benches::{budget, median, processor_time, rounds};
use lightsout::{Check, Runtime, Signal};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};
use tokio::runtime::Builder;

/// How many schedules a rate is made of.
const SCHEDULES: usize = 4_000;
/// How many schedules shuttle gets for a bug.
const MOST: usize = 10_000;
/// shuttle's own default, as its macro has it.
const DEPTH: usize = 3;
/// With how many seeds shuttle looks for a bug.
const SEEDS: u64 = 11;

/// Counts the runs of a model until one does not come to its end.
#[derive(Debug, Default)]
struct Tally {
    began: AtomicU64,
    /// At which run, and after how long.
    found: OnceLock<(u64, Duration)>,
}

/// A run that has not come to its end yet.
struct Unfinished<'a>(&'a Tally, Instant, u64);

impl Tally {
    fn begin(&self, since: Instant) -> Unfinished<'_> {
        Unfinished(self, since, self.began.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl Unfinished<'_> {
    fn ends(self) {
        std::mem::forget(self);
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let _ = self.0.found.set((self.2, self.1.elapsed()));
    }
}

/// Returns at which run lightsout finds the bug, and after how long.
fn lightsout_finds(model: &'static ours::Model) -> Option<(u64, Duration)> {
    let (tally, since) = (Arc::new(Tally::default()), Instant::now());
    let counted = tally.clone();
    let check = Check::new(model.name).signals(vec![Signal::Term; model.signals]).delays(2).runs(20_000);
    let report = check.run(move || {
        let counted = counted.clone();
        async move {
            let run = counted.begin(since);
            (model.start)(ours::Form::Buggy).await;
            run.ends();
        }
    });
    assert_eq!(report.is_clean(), tally.found.get().is_none(), "{report}");
    tally.found.get().copied()
}

/// Returns what a search of the fixed form says of how far it came.
fn fixed_is_clean(model: &'static ours::Model) -> String {
    let check = Check::new(model.name).signals(vec![Signal::Term; model.signals]).delays(2).runs(20_000);
    let report = check.run(move || (model.start)(ours::Form::Fixed));
    report.assert_clean();
    report.coverage().searched().expect("it searched").to_string()
}

/// Returns at which run shuttle finds the bug, and after how long.
fn shuttle_finds(model: theirs::Model, scheduler: impl Scheduler + 'static) -> Option<(u64, Duration)> {
    let (tally, since) = (Arc::new(Tally::default()), Instant::now());
    let counted = tally.clone();
    // A deadlock is told as a panic, and so is whatever else goes wrong; what the run held is not dropped then.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        Runner::new(scheduler, config()).run(move || {
            counted.begin(since).ends();
            shuttle::future::block_on((model.start)(theirs::Form::Buggy));
        })
    }));
    ended.is_err().then(|| (tally.began.load(Ordering::Relaxed), since.elapsed()))
}

fn config() -> Config {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config
}

/// Says in how many runs and milliseconds a bug was found, at the median, and by how many of the seeds if not by all.
fn told(finds: &[Option<(u64, Duration)>]) -> String {
    let found: Vec<(u64, Duration)> = finds.iter().flatten().copied().collect();
    if found.is_empty() {
        return "not found".to_owned();
    }
    let runs: Vec<f64> = found.iter().map(|(runs, _)| *runs as f64).collect();
    let times: Vec<f64> = found.iter().map(|(_, time)| benches::millis(*time)).collect();
    let share =
        if found.len() < finds.len() { format!(" ({} of {})", found.len(), finds.len()) } else { String::new() };
    format!("{:.0}, {:.2} ms{share}", median(&runs), median(&times))
}

fn bugs() {
    println!("\n| bug | lightsout | shuttle, random | shuttle, PCT |");
    println!("| --- | --- | --- | --- |");
    let mut clean = Vec::new();
    for model in ours::MODELS {
        let ours: Vec<_> = (0..3).map(|_| lightsout_finds(model)).collect();
        clean.push(fixed_is_clean(model));
        let theirs = theirs::MODELS.iter().find(|theirs| theirs.name == model.name);
        let by = |find: &dyn Fn(theirs::Model, u64) -> Option<(u64, Duration)>| match theirs {
            Some(theirs) => told(&(0..SEEDS).map(|seed| find(*theirs, seed)).collect::<Vec<_>>()),
            None => "has no signals".to_owned(),
        };
        let random = by(&|model, seed| shuttle_finds(model, RandomScheduler::new_from_seed(seed, MOST)));
        let pct = by(&|model, seed| shuttle_finds(model, PctScheduler::new_from_seed(seed, DEPTH, MOST)));
        println!("| {} | {} | {random} | {pct} |", model.name, told(&ours));
    }
    println!("\nThe fixed forms under lightsout, all of them clean:");
    ours::MODELS.iter().zip(clean).for_each(|(model, clean)| println!("- {}: {clean}", model.name));
}

/// One model under both, and how many delays make enough plans of it.
#[derive(Clone, Copy)]
struct Contest {
    ours: ours::Model,
    theirs: theirs::Model,
    delays: u32,
}

impl Contest {
    /// Returns thousands of runs a second of processor time, without what comes once a search.
    fn lightsout(self, runtime: fn() -> Runtime, allocations: bool) -> f64 {
        let time = |runs: u64| {
            let check = Check::new("speed").runtime(runtime()).allocations(allocations).delays(self.delays).runs(runs);
            let began = processor_time();
            let report = check.run(move || (self.ours.start)(ours::Form::Fixed));
            let took = processor_time() - began;
            report.assert_clean();
            assert!(report.coverage().runs() >= runs, "there are not so many plans: {report}");
            (took.as_secs_f64(), report.coverage().runs() as f64)
        };
        let ((few, runs_of_few), (many, runs_of_many)) = (time(2), time(SCHEDULES as u64));
        (runs_of_many - runs_of_few) / (many - few) / 1e3
    }

    /// Returns the same of tokio alone, which goes the same way each time.
    fn tokio(self, builder: fn() -> Builder) -> f64 {
        let began = processor_time();
        for _ in 0..SCHEDULES {
            let runtime = builder().start_paused(true).build().expect("it can be built");
            runtime.block_on((self.ours.start)(ours::Form::Fixed));
        }
        SCHEDULES as f64 / (processor_time() - began).as_secs_f64() / 1e3
    }

    fn shuttle(self, scheduler: impl Scheduler + 'static) -> f64 {
        let began = processor_time();
        let runs = Runner::new(scheduler, config()).run(move || {
            shuttle::future::block_on((self.theirs.start)(theirs::Form::Fixed));
        });
        runs as f64 / (processor_time() - began).as_secs_f64() / 1e3
    }
}

fn with_timers_only() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_time();
    builder
}

fn with_everything() -> Builder {
    let mut builder = Builder::new_current_thread();
    builder.enable_all();
    builder
}

const CONTESTANTS: [&str; 7] = [
    "lightsout, `allocations(false)`",
    "lightsout",
    "lightsout, `with_io`",
    "shuttle, random",
    "shuttle, PCT",
    "a bare runtime with timers only, one order",
    "a bare runtime, one order",
];

fn rates(contest: Contest) -> [Vec<f64>; 7] {
    rounds(
        budget(Duration::from_secs(20)),
        [
            &mut || contest.lightsout(Runtime::current_thread, false),
            &mut || contest.lightsout(Runtime::current_thread, true),
            &mut || contest.lightsout(|| Runtime::current_thread().with_io(), true),
            &mut || contest.shuttle(RandomScheduler::new(SCHEDULES)),
            &mut || contest.shuttle(PctScheduler::new(DEPTH, SCHEDULES)),
            &mut || contest.tokio(with_timers_only),
            &mut || contest.tokio(with_everything),
        ],
    )
}

fn speed() {
    let few = Contest { ours: ours::FEW_JOBS, theirs: theirs::FEW_JOBS, delays: 6 };
    let many = Contest { ours: ours::MANY_JOBS, theirs: theirs::MANY_JOBS, delays: 3 };
    let of = [few, many].map(rates);
    println!("\n| thousand schedules a second and core | {} | {} |", few.ours.name, many.ours.name);
    println!("| --- | --- | --- |");
    for (row, name) in CONTESTANTS.into_iter().enumerate() {
        let told = |rates: &[Vec<f64>; 7]| format!("{:.1}", median(&rates[row]));
        println!("| {name} | {} | {} |", told(&of[0]), told(&of[1]));
    }
}

fn main() {
    speed();
    // What is found is counted, and not shown.
    panic::set_hook(Box::new(|_| ()));
    bugs();
}
