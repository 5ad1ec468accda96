//! How far a search has come, shown on a terminal while it goes on; silent elsewhere.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::sweep::Extent;
use crate::settings;

/// A search that is over by then shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Plans between two looks at the clock.
const EVERY: u64 = 64;

/// The progress of one search.
#[derive(Debug)]
pub(super) struct Progress {
    began: Instant,
    seen: u64,
    /// `None` before there is patience no more, and where there is no terminal.
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn begin() -> Self {
        Self { began: Instant::now(), seen: 0, bar: None }
    }

    /// Shows how far the search has come.
    pub(super) fn show(&mut self, test: &str, extent: Extent, findings: usize) {
        self.seen += 1;
        if !self.seen.is_multiple_of(EVERY) {
            return;
        }
        if self.bar.is_none() && self.began.elapsed() > PATIENCE && settings::wants_progress() {
            self.bar = Some(bars().add(bar(test)));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(extent.total.max(extent.done));
            bar.set_position(extent.done);
            bar.set_message(crate::report::words::count(findings, "finding"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns what keeps the lines of searches apart that go on side by side.
fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

fn bar(test: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} {bar:20} {human_pos} of {human_len} plans, {per_sec}, {msg}, {eta} left",
    );
    let bar = ProgressBar::no_length().with_prefix(test.to_owned());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
