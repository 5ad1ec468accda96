//! Ctrl-C while tests are searched in children: the searches end with what they have found so far, and the process with them. A second
//! one, or one while nothing is searched, ends the process at once, as it would without this.

use std::cell::Cell;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{io, process, thread};

use crate::system::ctrl_c;

/// What shells expect of a program that was interrupted.
const CODE: i32 = 130;

/// How many searches go on.
static SEARCHES: AtomicUsize = AtomicUsize::new(0);
static ASKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The search whose report this thread is about to tell.
    static TOLD: Cell<Option<Listening>> = const { Cell::new(None) };
}

/// A search that goes on, until it has told what it found.
#[derive(Debug)]
pub(super) struct Listening;

impl Listening {
    /// Begins to listen, for a search that begins.
    pub(super) fn begin() -> Self {
        SEARCHES.fetch_add(1, Ordering::AcqRel);
        ctrl_c::listen(heard);
        Self
    }

    /// Goes on until the calling thread has told the report.
    pub(super) fn until_told(self) {
        TOLD.set(Some(self));
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        SEARCHES.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Runs inside a signal handler; `is_ours` says that nobody else handles the signal.
fn heard(is_ours: bool) {
    let is_idle = SEARCHES.load(Ordering::Acquire) == 0;
    if is_idle && is_ours || !is_idle && ASKED.swap(true, Ordering::AcqRel) {
        ctrl_c::exit(CODE);
    }
}

/// Returns whether the searches are to end.
pub(super) fn is_asked() -> bool {
    ASKED.load(Ordering::Acquire)
}

/// Ends the search whose report this thread tells, if it is one of those. If it was interrupted, says what it found past what captures
/// the output of tests, and ends the process with the last search.
pub(crate) fn leave(report: impl FnOnce() -> String) {
    let Some(listening) = TOLD.take() else { return };
    if !is_asked() {
        return;
    }
    let _ = io::stderr().write_all(report().as_bytes());
    drop(listening);
    if SEARCHES.load(Ordering::Acquire) == 0 {
        process::exit(CODE);
    }
    // The others are about to end too, and the last one ends the process.
    loop {
        thread::park();
    }
}
