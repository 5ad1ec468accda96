//! What it takes to render a report of ten findings.
//!
//! ```text
//! cargo bench -p benches --bench report [-- --quick]
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::{Bar, budget, head, line, micros, rounds};
use lightsout::{Check, Report};
use tokio::sync::oneshot;

/// Rendered so often in one round that a clock's own cost is lost in it.
const TIMES: u32 = 100;

/// Leaves a task that waits for its own sender; the place is the caller's.
#[track_caller]
fn leak() {
    let (keep, wait) = oneshot::channel::<()>();
    drop(tokio::spawn(async move {
        let _ = wait.await;
        drop(keep);
    }));
}

/// Returns a report with a finding for each of ten places.
fn ten_findings() -> Report {
    let report = Check::new("ten").start_paused(true).run(|| async {
        leak();
        leak();
        leak();
        leak();
        leak();
        leak();
        leak();
        leak();
        leak();
        leak();
    });
    assert_eq!(report.findings().len(), 10, "{report}");
    report
}

/// Returns microseconds for one rendering.
fn timed(render: impl Fn() -> usize) -> f64 {
    let began = Instant::now();
    for _ in 0..TIMES {
        black_box(render());
    }
    micros(began.elapsed() / TIMES)
}

fn main() {
    let report = ten_findings();
    let json = report.to_json();
    let [text, color, written, read] = rounds(
        budget(Duration::from_secs(6)),
        [
            &mut || timed(|| report.to_text().len()),
            &mut || timed(|| lightsout::report::human(&report, true).len()),
            &mut || timed(|| report.to_json().len()),
            &mut || timed(|| Report::from_json(&json).expect("it was written just now").findings().len()),
        ],
    );
    head("microseconds for a report of ten findings", "", "");
    for (what, figures) in [("text", text), ("text in colour", color), ("JSON", written), ("JSON read back", read)] {
        line(what, &[], &figures, &figures, " us", Bar::None);
    }
}
