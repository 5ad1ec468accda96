//! Whether runs are written down whole: every allocation that may hold a pointer, in memory of its own, cleared when it is given back.
//!
//! The wait graph needs that, since it asks of every word in memory what it leads to. It costs each allocation some tens of nanoseconds,
//! so it is done where somebody asks for the graph, from then on and for good.

use std::sync::atomic::{AtomicBool, Ordering};

static WHOLE: AtomicBool = AtomicBool::new(false);

/// From now on runs are written down whole.
pub(crate) fn write_whole() {
    WHOLE.store(true, Ordering::Relaxed);
}

/// Returns whether they are.
#[inline]
pub(crate) fn is_whole() -> bool {
    WHOLE.load(Ordering::Relaxed)
}
