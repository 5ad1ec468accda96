//! What shuttle-tokio finds of the corpus: one line a case that it can run, with `found`, `missed`, `false-alarm`, or
//! `stuck` where its panic left it in that state.
//!
//! ```text
//! cargo run --release --manifest-path tests/shuttled/Cargo.toml > tests/corpus/benches/shuttle.txt
//! ```
//!
//! shuttle-tokio stands in tokio's place, and tries schedules at random. It says that a program is wrong where that panics, or where
//! nothing can go on before the body has ended. What it does not model is left out: time, threads, sockets and signals.

#[path = "../../corpus/src/case.rs"]
mod case;
#[path = "../../corpus/src/channel.rs"]
mod channel;

include!(concat!(env!("OUT_DIR"), "/cases.rs"));

pub(crate) use case::case;
pub use case::{Case, Class, Form, Needs, Signal};

use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, MaxSteps, Runner};

/// How many schedules of a form are tried.
const SCHEDULES: usize = 1_000;
/// How many steps a schedule may take; one that takes more is not judged, since loops that do not end are not modelled as such.
const STEPS: usize = 20_000;

/// What of the real world the sources may use that shuttle does not model.
const NOT_MODELLED: [&str; 8] =
    ["tokio::time", "time::", "std::thread", "spawn_blocking", "tokio::net", "tokio::signal", "runtime::", "sleep("];

/// How long a case may take: one whose panic leaves it stuck is ended, and not judged.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> io::Result<()> {
    match env::args().nth(1) {
        Some(name) => judge(&name),
        None => CASES.iter().filter(|case| is_modelled(case)).try_for_each(judge_apart)?,
    }
    Ok(())
}

/// Judges a case in a process of its own.
fn judge_apart(case: &Case) -> io::Result<()> {
    let mut child = Command::new(env::current_exe()?).arg(case.module).stderr(Stdio::null()).spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            println!("{} stuck", name(case));
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn judge(module: &str) {
    panic::set_hook(Box::new(|_| ()));
    let case = CASES.iter().find(|case| case.module == module).expect("the corpus has it");
    let verdict = match (fails(case, Form::Buggy), fails(case, Form::Fixed)) {
        (_, true) => "false-alarm",
        (true, false) => "found",
        (false, false) => "missed",
    };
    println!("{} {verdict}", name(case));
}

/// Returns the family and the name of a case.
fn name(case: &Case) -> &'static str {
    case.module.split_once("::").map_or(case.module, |(_, name)| name)
}

fn is_modelled(case: &Case) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(case.file);
    let source =
        fs::read_to_string(&source).unwrap_or_else(|error| panic!("failed to read `{}`: {error}", source.display()));
    !matches!(case.needs, Needs::Signals(_)) && !NOT_MODELLED.iter().any(|word| source.contains(word))
}

/// Returns whether a schedule of this form fails.
fn fails(case: &Case, form: Form) -> bool {
    let mut config = Config::new();
    config.max_steps = MaxSteps::ContinueAfter(STEPS);
    config.failure_persistence = shuttle::FailurePersistence::None;
    let start = case.start;
    let runner = Runner::new(RandomScheduler::new_from_seed(1, SCHEDULES), config);
    let run = move || shuttle::future::block_on(start(form));
    panic::catch_unwind(AssertUnwindSafe(|| runner.run(run))).is_err()
}
