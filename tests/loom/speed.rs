//! What a model costs beside the same one written on loom itself. Figures, and no claims:
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release -p lightsout --test loom -- --ignored --nocapture speed
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as StdOrdering};
use std::time::Instant;

use lightsout::model::{Check, idempotent_shutdown};
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};

use crate::idempotent::Shutdown;

const PREEMPTIONS: usize = 3;
const ROUNDS: usize = 15;

/// The same core on loom's types.
#[derive(Default)]
struct Bare {
    begun: AtomicBool,
    over: Mutex<bool>,
    changed: Condvar,
}

impl Bare {
    fn run(&self, close: impl FnOnce()) {
        if self.begun.swap(true, Ordering::AcqRel) {
            let mut over = self.over.lock().unwrap();
            while !*over {
                over = self.changed.wait(over).unwrap();
            }
        } else {
            close();
            *self.over.lock().unwrap() = true;
            self.changed.notify_all();
        }
    }
}

/// Returns how many orders were tried, and how many a second.
fn bare() -> (u64, f64) {
    let (tried, began) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let count = tried.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(move || {
        count.fetch_add(1, StdOrdering::Relaxed);
        let (core, closes) = (Arc::new(Bare::default()), Arc::new(AtomicUsize::new(0)));
        let act = |_| {
            let (core, closes) = (core.clone(), closes.clone());
            loom::thread::spawn(move || {
                core.run(|| assert_eq!(closes.fetch_add(1, Ordering::Relaxed), 0));
                assert_eq!(closes.fetch_add(0, Ordering::Relaxed), 1);
            })
        };
        for actor in [0, 1, 2].map(act) {
            actor.join().unwrap();
        }
    });
    let tried = tried.load(StdOrdering::Relaxed);
    (tried, tried as f64 / began.elapsed().as_secs_f64())
}

fn ours() -> (u64, f64) {
    let report = Check::new("speed").preemptions(PREEMPTIONS).run(|model| {
        idempotent_shutdown(model, Shutdown::default(), |core, listener| core.run(|| listener.close()));
    });
    report.assert_clean();
    (report.coverage().runs(), report.coverage().runs() as f64 / report.took().as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[test]
#[ignore = "it measures: see the head of the file"]
fn iterations_a_second_beside_loom() {
    let (mut ours_each, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let ((tried, bare), (same, ours)) = (bare(), ours());
        assert_eq!(tried, same, "both try the same orders");
        ours_each.push(ours);
        ratios.push(bare / ours);
    }
    println!("{:.0} orders a second, {:.3} times loom's own time", median(ours_each), median(ratios));
}
