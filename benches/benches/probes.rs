//! What probes cost, beside a bare atomic.
//!
//! ```text
//! cargo bench -p benches --bench probes [-- --quick]
//! ```
//!
//! Uncontended, on the thread of a run's body, which is where tests use them; and outside any run, where they do nothing.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use benches::{Bar, budget, differences, head, line, nanos_each, rounds};
use lightsout::{Check, Closable, Ticket};

/// Operations in one round.
const TIMES: usize = 100_000;
/// A closable can be closed once. So many at a time stay in the nearest cache, as the one atomic does.
const CLOSABLES: usize = 64;
/// How often so many are closed in one round.
const BATCHES: usize = 50;

/// Returns nanoseconds for one of `count` operations.
fn each(count: usize, mut act: impl FnMut(usize)) -> f64 {
    let began = Instant::now();
    for number in 0..count {
        act(number);
    }
    nanos_each(began.elapsed(), count)
}

fn atomic() -> f64 {
    let counter = AtomicU64::new(0);
    each(TIMES, |_| {
        black_box(counter.fetch_add(1, Ordering::Relaxed));
    })
}

fn touch() -> f64 {
    let pool = Closable::new("pool");
    each(TIMES, |_| black_box(&pool).touch())
}

fn close() -> f64 {
    let batch = |_| {
        let pools: Vec<Closable> = (0..CLOSABLES).map(|_| Closable::new("pool")).collect();
        each(CLOSABLES, |number| pools[number].close())
    };
    (0..BATCHES).map(batch).sum::<f64>() / BATCHES as f64
}

/// Both operations of a ticket, so that one is half of it.
fn ticket() -> f64 {
    each(TIMES, |_| black_box(Ticket::new()).done()) / 2.0
}

/// Measures in the body of a run if there is to be one.
fn measured(in_run: bool, measure: fn() -> f64) -> f64 {
    if !in_run {
        return measure();
    }
    let (tell, told) = mpsc::channel();
    let report = Check::new("probes").allocations(false).run(move || {
        let tell = tell.clone();
        async move { tell.send(measure()).expect("somebody listens") }
    });
    report.assert_clean();
    told.recv().expect("the body has told")
}

fn main() {
    for (what, in_run) in [("in a run", true), ("outside any run", false)] {
        head(&format!("nanoseconds for an operation {what}"), "atomic add", "added");
        let time = budget(Duration::from_secs(6));
        let [bare, touch, close, ticket] = rounds(
            time,
            [
                &mut || measured(in_run, atomic),
                &mut || measured(in_run, touch),
                &mut || measured(in_run, close),
                &mut || measured(in_run, ticket),
            ],
        );
        for (what, ours) in [("Closable::touch", touch), ("Closable::close", close), ("Ticket: new, or done", ticket)] {
            line(what, &bare, &ours, &differences(&ours, &bare), " ns", Bar::AtMost(20.0));
        }
    }
}
