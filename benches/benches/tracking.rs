//! What a tracked task costs: spawn, one yield and join, in batches of 100.
//!
//! ```text
//! cargo bench -p benches --bench tracking [-- --quick]
//! cargo bench -p benches --bench tracking --features console     # and console-subscriber, with the feature `tracing` of tokio
//! ```
//!
//! Contenders, in turns: a bare tokio runtime; one whose hooks do nothing, which is the floor under everything that learns from
//! hooks; lightsout's by hooks alone and with the recording allocator, timed inside the body of one `Check::run`, so without the run around it; and console-subscriber as its users
//! install it. Each turn has a fresh thread and a fresh runtime, warmed up before the clock starts. console-subscriber plays in a
//! process of its own, since a subscriber in this one would switch tokio's spans on for all.
//!
//! All contenders share one build of tokio. What lightsout's own choice of tokio features costs a program, `taskdump` above all, is
//! in every column and so in no ratio.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use benches::{Bar, budget, head, line, nanos_each, ratios, rounds};
use lightsout::{Check, Runtime};
use tokio::runtime::Builder;

const BATCH: usize = 100;
const WARM_UP: usize = 1_000;
/// So few that a turn is seldom interrupted; many turns make up for it.
const TASKS: usize = 4_000;
const WORKERS: usize = 2;

/// Who spawns: the body itself, which is on no worker, or one task on behalf of it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spawner {
    Body,
    Task,
}

/// One runtime to measure on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flavor {
    CurrentThread,
    MultiThread,
}

impl Flavor {
    fn builder(self) -> Builder {
        let mut builder = match self {
            Self::CurrentThread => Builder::new_current_thread(),
            Self::MultiThread => Builder::new_multi_thread(),
        };
        if self == Self::MultiThread {
            builder.worker_threads(WORKERS);
        }
        builder.enable_all();
        builder
    }

    fn recipe(self) -> Runtime {
        match self {
            Self::CurrentThread => Runtime::current_thread(),
            Self::MultiThread => Runtime::multi_thread().worker_threads(WORKERS),
        }
    }
}

async fn load(tasks: usize) {
    for _ in 0..tasks / BATCH {
        let batch: Vec<_> = (0..BATCH).map(|_| tokio::spawn(tokio::task::yield_now())).collect();
        for task in batch {
            task.await.expect("it only yields");
        }
    }
}

/// Returns nanoseconds per task.
async fn timed(spawner: Spawner, tasks: usize) -> f64 {
    let measure = async move {
        load(WARM_UP).await;
        let began = Instant::now();
        load(tasks).await;
        nanos_each(began.elapsed(), tasks)
    };
    match spawner {
        Spawner::Body => measure.await,
        Spawner::Task => tokio::spawn(measure).await.expect("it only measures"),
    }
}

/// Builds, and runs the load on a thread of its own.
fn on_thread(mut builder: Builder, spawner: Spawner, tasks: usize) -> f64 {
    let run = move || builder.build().expect("a runtime can be had").block_on(timed(spawner, tasks));
    thread::spawn(run).join().expect("it only measures")
}

fn bare(flavor: Flavor, spawner: Spawner, tasks: usize) -> f64 {
    on_thread(flavor.builder(), spawner, tasks)
}

#[cfg(tokio_unstable)]
fn hooked(flavor: Flavor, spawner: Spawner, tasks: usize) -> f64 {
    let mut builder = flavor.builder();
    builder.on_task_spawn(|_| {}).on_before_task_poll(|_| {}).on_after_task_poll(|_| {}).on_task_terminate(|_| {});
    on_thread(builder, spawner, tasks)
}

/// Without the flag there are no hooks.
#[cfg(not(tokio_unstable))]
fn hooked(flavor: Flavor, spawner: Spawner, tasks: usize) -> f64 {
    bare(flavor, spawner, tasks)
}

fn tracked(flavor: Flavor, spawner: Spawner, allocations: bool, tasks: usize) -> f64 {
    let (tell, hear) = mpsc::channel();
    let report = Check::new("tracking").runtime(flavor.recipe()).allocations(allocations).run(move || {
        let tell = tell.clone();
        async move { tell.send(timed(spawner, tasks).await).expect("somebody listens") }
    });
    report.assert_clean();
    hear.recv().expect("the body was timed")
}

fn compare(flavor: Flavor, spawner: Spawner, what: &str, bar: f64, time: Duration) {
    let turns: [&mut dyn FnMut() -> f64; 4] = [
        &mut || bare(flavor, spawner, TASKS),
        &mut || hooked(flavor, spawner, TASKS),
        &mut || tracked(flavor, spawner, false, TASKS),
        &mut || tracked(flavor, spawner, true, TASKS),
    ];
    let [bare, hooked, tracked, recorded] = rounds(time, turns);
    line(what, &bare, &tracked, &ratios(&tracked, &bare), "x", Bar::AtMost(bar));
    line("  and its allocation recorded", &bare, &recorded, &ratios(&recorded, &bare), "x", Bar::None);
    line("  hooks that do nothing, in its place", &bare, &hooked, &ratios(&hooked, &bare), "x", Bar::None);
}

fn main() {
    if benches::part().is_some() {
        return console::play();
    }
    println!(
        "tokio is built {} its feature `tracing`, for all contenders",
        if console::HERE { "with" } else { "without" }
    );
    head("nanoseconds per task (spawn, one yield, join)", "bare", "ratio");
    let (one, many) = (Flavor::CurrentThread, Flavor::MultiThread);
    compare(one, Spawner::Body, "current_thread", 1.10, budget(Duration::from_secs(12)));
    compare(many, Spawner::Body, "multi_thread, spawned by the body", 1.15, budget(Duration::from_secs(12)));
    compare(many, Spawner::Task, "multi_thread, spawned by a task", 1.15, budget(Duration::from_secs(12)));
    console::compare(&[(one, "current_thread"), (many, "multi_thread, spawned by the body")]);
}

#[cfg(feature = "console")]
mod console {
    use std::time::Duration;

    use benches::{Bar, budget, child, head, line, ratios, rounds};

    use super::{Flavor, Spawner, bare, tracked};

    pub(crate) const HERE: bool = true;

    /// It is 30 to 200 times slower than the others.
    const TASKS: usize = 4_000;

    /// Measures in this process, with the subscriber in place.
    pub(crate) fn play() {
        console_subscriber::ConsoleLayer::builder().server_addr(([127, 0, 0, 1], 0)).init();
        let flavor = match benches::part().expect("a child has a part")[0].as_str() {
            "many" => Flavor::MultiThread,
            _ => Flavor::CurrentThread,
        };
        println!("{}", bare(flavor, Spawner::Body, TASKS));
    }

    pub(crate) fn compare(flavors: &[(Flavor, &str)]) {
        head("nanoseconds per task: console-subscriber per lightsout", "console", "ratio");
        for (flavor, what) in flavors {
            let part = if *flavor == Flavor::MultiThread { "many" } else { "one" };
            let time = budget(Duration::from_secs(8));
            let turns: [&mut dyn FnMut() -> f64; 2] =
                [&mut || child(&[part])[0], &mut || tracked(*flavor, Spawner::Body, true, TASKS)];
            let [console, ours] = rounds(time, turns);
            line(what, &console, &ours, &ratios(&console, &ours), "x", Bar::AtLeast(25.0));
        }
    }
}

#[cfg(not(feature = "console"))]
mod console {
    use super::Flavor;

    pub(crate) const HERE: bool = false;

    pub(crate) fn play() {}

    pub(crate) fn compare(_: &[(Flavor, &str)]) {
        println!("\nconsole-subscriber is not measured without the feature `console`");
    }
}
