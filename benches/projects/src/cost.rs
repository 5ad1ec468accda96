//! What a run took, and contenders that take turns.

use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use benches::millis;
use nix::sys::resource::{UsageWho, getrusage};

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) passed: f64,
    pub(crate) processors: f64,
}

/// Runs something that waits for all the children it starts.
pub(crate) fn of<T>(run: impl FnOnce() -> T) -> (Cost, T) {
    let (began, before) = (Instant::now(), processors());
    let done = run();
    (Cost { passed: millis(began.elapsed()), processors: millis(processors() - before) }, done)
}

pub(crate) fn status(command: &mut Command) -> ExitStatus {
    command.status().unwrap_or_else(|error| panic!("failed to start {command:?}: {error}"))
}

/// Returns the processor time of children that have ended, and of theirs.
fn processors() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system tells");
    let micros =
        |time: nix::sys::time::TimeVal| Duration::from_micros((time.tv_sec() * 1_000_000 + time.tv_usec()) as u64);
    micros(usage.user_time()) + micros(usage.system_time())
}

/// Lets contenders take so many turns; every other round goes backwards, as in [`benches::rounds`], which has five turns at least.
pub(crate) fn turns<T, const N: usize>(rounds: usize, contenders: [&mut dyn FnMut() -> T; N]) -> [Vec<T>; N] {
    let mut figures = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let turn = if round % 2 == 0 { turn } else { N - 1 - turn };
            figures[turn].push(contenders[turn]());
        }
    }
    figures
}
