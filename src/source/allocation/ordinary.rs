//! Whose a thread is that belongs to no checked run: under the gate, ordinary tests are looked at too.
//!
//! libtest runs each test on a thread of the test's name. What such a thread starts inherits its mark ([`dye`](crate::system::dye)), and
//! so is known as the same test. The kernel keeps 15 bytes of a name; the whole one is asked of the standard library, once a thread.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use crate::recorder::format::Sort;
use crate::recorder::{self, NO_RUN, RunNumber, UNNAMED, record, who};
use crate::system::dye::{self, Dye, SHADES};
use crate::system::threads;

/// Whose each mark is; 0 where it is nobody's. Pages of it that nobody writes to cost nothing.
static MARKED: [AtomicU32; SHADES as usize] = [const { AtomicU32::new(0) }; SHADES as usize];

/// Whether any allocation may ask the standard library for the calling thread, and not only one that is aligned like a task's cell.
///
/// Up to Rust 1.92 it allocates for its answer, or does so before it knows one.
static MAY_ASK: AtomicBool = AtomicBool::new(false);
/// Whether there was an allocation that did not ask, since [`learn`] began.
static WAS_MADE: AtomicBool = AtomicBool::new(false);

/// Returns whose a thread is of which nothing is known yet.
pub(super) fn nobody() -> RunNumber {
    if record::is_open() { UNNAMED } else { NO_RUN }
}

/// Finds out who the calling thread is, if that can be asked now.
#[cold]
pub(super) fn find_name(is_cell: bool) -> RunNumber {
    if !is_cell && !MAY_ASK.load(Ordering::Relaxed) {
        WAS_MADE.store(true, Ordering::Relaxed);
        return UNNAMED;
    }
    // What it allocates is nobody's.
    recorder::enter(NO_RUN);
    let who = inherited().unwrap_or_else(named);
    recorder::enter(who);
    who
}

#[cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "there are no records")
)]
/// Sees whether the standard library allocates when it is asked for the calling thread. It must be its first question on this thread,
/// while no other one runs.
pub(super) fn learn() {
    recorder::enter(UNNAMED);
    WAS_MADE.store(false, Ordering::Relaxed);
    let _asked = thread::current();
    recorder::enter(NO_RUN);
    MAY_ASK.store(!WAS_MADE.load(Ordering::Relaxed), Ordering::Relaxed);
}

fn inherited() -> Option<RunNumber> {
    let who = MARKED[dye::of_this_thread()?.number() as usize].load(Ordering::Relaxed);
    (who != 0).then_some(who)
}

fn named() -> RunNumber {
    static MAIN: OnceLock<RunNumber> = OnceLock::new();
    static NAMELESS: OnceLock<RunNumber> = OnceLock::new();
    // The standard library may not know yet that this is the main thread. It is not marked: every test would inherit that.
    if threads::own_tid() == Some(std::process::id()) {
        return *MAIN.get_or_init(|| who::introduce(Sort::Main, b""));
    }
    match thread::current().name() {
        Some(name) => {
            let who = who::introduce(Sort::Thread, name.as_bytes());
            mark(who);
            who
        }
        None => *NAMELESS.get_or_init(|| who::introduce(Sort::Nameless, b"")),
    }
}

/// Marks the calling thread, and so every thread that it starts.
fn mark(who: RunNumber) {
    let is_free = |dye: Dye| MARKED[dye.number() as usize].load(Ordering::Relaxed) == 0;
    if let Some(dye) = Dye::fresh(is_free) {
        MARKED[dye.number() as usize].store(who, Ordering::Relaxed);
        dye.set();
    }
}
