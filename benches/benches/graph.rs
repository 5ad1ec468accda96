//! How long it takes to see which leaked tasks nothing can wake, before anything is given a name.
//!
//! ```text
//! cargo bench -p benches --bench graph [-- --quick]
//! ```
//!
//! Each figure comes from a fresh process, whose first look, which plants tasks to learn from, is not counted. Beside the tasks there are
//! blocks that point to one another, as a program's own lists and trees do.

use std::time::{Duration, Instant};

use benches::{Bar, budget, child, head, line, median, millis, part, rounds};
use lightsout::{Check, private};
use tokio::sync::oneshot;

/// How often a process looks.
const LOOKS: usize = 5;

/// Something of a program's own.
struct Block {
    _next: Option<Box<Block>>,
    _words: [usize; 7],
}

/// Makes a list of so many blocks.
fn list(blocks: usize) -> Option<Box<Block>> {
    (0..blocks).fold(None, |next, number| Some(Box::new(Block { _next: next, _words: [number; 7] })))
}

/// Leaves a task that waits for its own sender, with a part of the blocks.
fn leak(blocks: usize) {
    let (keep, wait) = oneshot::channel::<()>();
    let kept = list(blocks);
    drop(tokio::spawn(async move {
        let _ = wait.await;
        drop((keep, kept));
    }));
}

/// Returns the milliseconds of the median look at so many tasks, with so many allocations.
fn look(tasks: usize, allocations: usize) -> f64 {
    let (tell, told) = std::sync::mpsc::channel();
    let report = Check::new("graph").wait_graph(true).start_paused(true).grace(Duration::ZERO).allocations(true).run(
        move || {
            let tell = tell.clone();
            async move {
                // A task is two allocations: its cell, and its channel.
                (0..tasks).for_each(|_| leak((allocations / tasks).saturating_sub(2).min(1_000)));
                for _ in 0..tasks {
                    tokio::task::yield_now().await;
                }
                private::stuck_tasks().expect("planted tasks are seen");
                for _ in 0..LOOKS {
                    let began = Instant::now();
                    assert_eq!(private::stuck_tasks(), Ok(tasks));
                    tell.send(millis(began.elapsed())).expect("the bench listens");
                }
                // What is left is not told: names and await places would take longer than all of this.
                lightsout::census().allow("only the look is measured");
            }
        },
    );
    drop(report);
    median(&told.iter().collect::<Vec<f64>>())
}

fn main() {
    if let Some([tasks, allocations]) = part().as_deref() {
        let number = |text: &str| text.parse().expect("the bench itself wrote it");
        return println!("{}", look(number(tasks), number(allocations)));
    }
    head("milliseconds for a look at leaked tasks, no names", "", "");
    for (tasks, allocations, bar) in
        [("100", "1000", Bar::None), ("1000", "10000", Bar::AtMost(100.0)), ("1000", "100000", Bar::None)]
    {
        let [figures] = rounds(budget(Duration::from_secs(10)), [&mut || child(&[tasks, allocations])[0]]);
        line(&format!("{tasks} tasks, {allocations} allocations"), &[], &figures, &figures, " ms", bar);
    }
}
