//! What a searched run costs, beside a bare runtime that runs the same body; and how many of them there are in a second.

#![expect(unsafe_code, reason = "the allocator is asked what it holds")]

use std::time::{Duration, Instant};

use benches::{Bar, budget, child, head, line, micros, part, processor_time, ratios, rounds};
use lightsout::private::{Case, Panic};
use lightsout::{Check, Signal, Verdict};
use tokio::runtime::{Builder, RngSeed, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::yield_now;
use tokio::time::sleep;

/// How many plans a figure is made of.
const PLANS: u32 = 2_000;

const MS: Duration = Duration::from_millis(1);

/// A service of about 60 boundaries: a producer, a slow consumer and a task that hears the signal.
async fn service() {
    serve(20, |wait| sleep(wait * MS)).await;
}

/// The same without timers, each of which is a write to the runtime's own descriptor and a wait that returns at once.
async fn untimed() {
    serve(18, |_| yield_now()).await;
}

async fn serve<P: Future + Send + 'static>(numbers: u32, pause: fn(u32) -> P) {
    let mut term = signal(SignalKind::terminate()).expect("it can listen");
    let (stop, stopped) = watch::channel(false);
    let (send, mut receive) = mpsc::channel::<u32>(2);
    let mut told = stopped.clone();
    let producer = tokio::spawn(async move {
        for number in 0..numbers {
            tokio::select! {
                _ = told.changed() => break,
                sent = send.send(number) => if sent.is_err() { break },
            }
            pause(3).await;
        }
    });
    let consumer = tokio::spawn(async move {
        while receive.recv().await.is_some() {
            pause(5).await;
        }
    });
    let handler = tokio::spawn(async move {
        loop {
            term.recv().await;
            stop.send_replace(true);
        }
    });
    producer.await.expect("it does not panic");
    consumer.await.expect("it does not panic");
    handler.abort();
    let _ = handler.await;
}

/// Returns a runtime as a run has it.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).rng_seed(RngSeed::from_bytes(&[0; 8]));
    builder.build().expect("it can be built")
}

/// Returns microseconds of this process's processor time for each time that this is done.
fn each(mut this: impl FnMut()) -> f64 {
    let began = processor_time();
    (0..PLANS).for_each(|_| this());
    micros(processor_time() - began) / f64::from(PLANS)
}

/// Searches, and returns microseconds a run, without what comes once a search: the same with many plans, less the same with few.
fn searched<F: Future + 'static>(body: fn() -> F, signals: usize, delays: u32) -> f64
where
    F::Output: Verdict,
{
    let time = |plans: u32| {
        let check = Check::new("service").signals(vec![Signal::Term; signals]).delays(delays).runs(plans.into());
        let began = processor_time();
        let report = check.run(body);
        let took = micros(processor_time() - began);
        report.assert_clean();
        (took, report.coverage().runs() as f64)
    };
    let ((few, runs_of_few), (many, runs_of_many)) = (time(2), time(PLANS));
    (many - few) / (runs_of_many - runs_of_few)
}

/// Searches in children, as a test under the attribute does, and returns the seconds that took.
fn in_children(plans: u64) -> f64 {
    let case = Case { module: "search", name: "in_children", package: None, manifest: None, panic: Panic::Fails };
    let began = Instant::now();
    let set: fn(Check) -> Check = match plans {
        FEW => |check| check.signals([Signal::Term; 2]).delays(2).runs(FEW),
        _ => |check| check.signals([Signal::Term; 2]).delays(2).runs(MANY),
    };
    lightsout::private::test(case, set, service);
    began.elapsed().as_secs_f64()
}

const FEW: u64 = 2_000;
const MANY: u64 = 22_000;

/// Returns thousands of plans a second on these processors: the same with many plans, less the same with few.
fn rate_on(processors: &str) -> f64 {
    let own = std::env::current_exe().expect("a running program has a path");
    let mut command = std::process::Command::new("taskset");
    let output = command.args(["-c", processors]).arg(own).args(["--part", "children"]).output();
    let output = output.expect("taskset is part of util-linux");
    let said = String::from_utf8_lossy(&output.stdout);
    let figure = said.lines().find_map(|line| line.strip_prefix("rate ")?.parse().ok());
    figure.unwrap_or_else(|| panic!("the part said {said:?} {:?}", String::from_utf8_lossy(&output.stderr)))
}

fn scaling() {
    head("thousand plans a second in children, by processors", "one", "of one");
    let time = budget(Duration::from_secs(30));
    let [one, two] = rounds(time, [&mut || rate_on("0"), &mut || rate_on("0,1")]);
    line("two processors", &one, &two, &ratios(&two, &one), "", Bar::AtLeast(1.8));
}

/// How often the process searches to show that it keeps nothing.
const SEARCHES: u64 = 5;

fn main() {
    // A child that a search has started is this program once more.
    if std::env::var_os("__LIGHTSOUT_CHILD").is_some() {
        in_children(FEW);
        return;
    }
    if let Some(part) = part() {
        if let [held, runs] = part.as_slice()
            && held == "held"
        {
            play_held(runs.parse().expect("it says how many runs"));
            return;
        }
        let (few, many) = (in_children(FEW), in_children(MANY));
        println!("rate {}", (MANY - FEW) as f64 / (many - few) / 1e3);
        return;
    }
    // As a test runs: on a thread, beside one that waits. In a process of one thread glibc and the kernel leave locks out.
    std::thread::scope(|scope| {
        scope.spawn(runs);
    });
    scaling();
    held();
}

/// Compares a searched run with the body on a bare runtime.
fn runs() {
    head("processor microseconds a run, of a service of about 60 boundaries", "bare", "of bare");
    let time = budget(Duration::from_secs(15));
    let kept = runtime();
    let [bare, built, body, delayed, pairs, bare_untimed, untimed_delayed, untimed_pairs] = rounds(
        time,
        [
            &mut || each(|| runtime().block_on(service())),
            &mut || each(|| drop(runtime())),
            &mut || each(|| kept.block_on(service())),
            &mut || searched(service, 0, 2),
            &mut || searched(service, 2, 0),
            &mut || each(|| runtime().block_on(untimed())),
            &mut || searched(untimed, 0, 2),
            &mut || searched(untimed, 2, 0),
        ],
    );
    line("a runtime, built and dropped", &bare, &built, &ratios(&built, &bare), "", Bar::None);
    line("the body on a runtime that is kept", &bare, &body, &ratios(&body, &bare), "", Bar::None);
    line("a searched run, two delays", &bare, &delayed, &ratios(&delayed, &bare), "", Bar::AtMost(1.25));
    line("two signals, which end it early", &bare, &pairs, &ratios(&pairs, &bare), "", Bar::AtMost(1.25));
    line(
        "without timers, two delays",
        &bare_untimed,
        &untimed_delayed,
        &ratios(&untimed_delayed, &bare_untimed),
        "",
        Bar::None,
    );
    line(
        "without timers, two signals",
        &bare_untimed,
        &untimed_pairs,
        &ratios(&untimed_pairs, &bare_untimed),
        "",
        Bar::None,
    );
    let rate = |micros: &[f64]| micros.iter().map(|micros| 1e3 / micros).collect::<Vec<_>>();
    for (what, bare, searched) in [
        ("thousand runs a second and core", &bare, &pairs),
        ("the same without timers, two signals", &bare_untimed, &untimed_pairs),
        ("the same without timers, two delays", &bare_untimed, &untimed_delayed),
    ] {
        line(what, &rate(bare), &rate(searched), &rate(searched), "", Bar::AtLeast(25.0));
    }
    for (what, report) in [
        ("with timers", Check::new("service").signals([Signal::Term]).run(service)),
        ("without", Check::new("untimed").signals([Signal::Term]).run(untimed)),
    ] {
        println!("  {what}: {}", report.coverage().searched().expect("it searched"));
    }
}

/// What a process holds: memory in KiB, threads, descriptors.
#[derive(Clone, Copy, Debug)]
struct Held {
    /// What the heap has given out.
    heap: u64,
    resident: u64,
    threads: u64,
    descriptors: u64,
}

impl Held {
    fn now() -> Self {
        let heap = heap_in_use();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        let entries = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count) as u64;
        Self { heap, resident, threads: entries("/proc/self/task"), descriptors: entries("/proc/self/fd") }
    }
}

/// Makes the heap one that can be trimmed: left alone, each thread's part keeps what it once had, and resident memory says how large the
/// searches were, and not what they left.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn make_trimmable() {
    // SAFETY: both set a number, before any other thread runs.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn make_trimmable() {}

/// Trims the heap, and returns what it has given out, in KiB.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn heap_in_use() -> u64 {
    // SAFETY: one trims and one reads, under the heap's own locks.
    let heap = unsafe {
        libc::malloc_trim(0);
        libc::mallinfo2()
    };
    (heap.uordblks + heap.hblkhd) as u64 / 1_024
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn heap_in_use() -> u64 {
    0
}

/// Searches a clean service again and again with so many plans, and says what the process held after the first and after the last.
fn play_held(runs: u64) {
    let search = |runs| {
        let check = Check::new("service").signals([Signal::Term; 2]).delays(2).runs(runs);
        let report = check.run(service);
        report.assert_clean();
        assert!(report.coverage().runs() >= runs, "there are not so many plans");
        Held::now()
    };
    make_trimmable();
    // A heap keeps seven freed blocks of each size for a thread, and counts them as given out.
    for _ in 0..8 {
        search(2_000);
    }
    let first = search(runs);
    let last = (1..SEARCHES).fold(first, |_, _| search(runs));
    for held in [first, last] {
        println!("{} {} {} {}", held.heap, held.resident, held.threads, held.descriptors);
    }
}

/// Compares what a process of its own holds after many searched runs, and after several times as many.
fn held() {
    let runs: u64 = if budget(Duration::from_secs(6)) < Duration::from_secs(6) { 20_000 } else { 100_000 };
    let figures = child(&["held", &runs.to_string()]);
    let (first, last) = figures.split_at(figures.len() / 2);
    println!("\nwhat the process holds after {runs} searched runs of a clean service, and after {}", runs * SEARCHES);
    for (at, what) in ["heap in use, KiB", "resident memory, KiB", "threads", "descriptors"].into_iter().enumerate() {
        // Pages come and go by a few.
        let has_grown = last[at] > first[at] * 1.02;
        println!("  {what:<44} {:>12} {:>12}   {}", first[at], last[at], if has_grown { "GREW" } else { "no growth" });
    }
}
