//! Whose a thread is: libtest runs each test on a thread of the test's name, of which the system keeps 15 bytes.
//!
//! Where the name may be longer, the thread's calls are written down too: the test's function is among them.

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::recorder::format::Sort;
use crate::recorder::{self, NO_RUN, RunNumber, UNKNOWN, stacks, unwind, who};

/// The room for a name, with the null byte at its end.
const ROOM: usize = 16;
/// As many frames as a stack may have; a test's own function is one of the outermost.
const WHOLE: usize = 250;

/// A name as the system keeps it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name([u8; ROOM]);

impl Name {
    fn of_this_thread() -> Self {
        const GET_NAME: c_int = 16;
        let mut name = [0; ROOM];
        // SAFETY: the system writes at most so many bytes.
        unsafe { prctl(GET_NAME, name.as_mut_ptr()) };
        Self(name)
    }

    fn bytes(&self) -> &[u8] {
        let len = self.0.iter().position(|byte| *byte == 0).unwrap_or(ROOM);
        &self.0[..len]
    }

    /// Returns whether it is no name of the thread's own.
    fn is_none(&self) -> bool {
        // SAFETY: nobody writes it any more.
        self.bytes().is_empty() || *self == unsafe { *INHERITED.0.get() }
    }

    /// Returns whether it may be the begin of a longer one.
    fn may_be_cut(&self) -> bool {
        self.bytes().len() == ROOM - 1
    }
}

/// The name of the main thread, which those without a name inherit.
struct Inherited(UnsafeCell<Name>);

// SAFETY: it is written before there is a second thread.
unsafe impl Sync for Inherited {}

static INHERITED: Inherited = Inherited(UnsafeCell::new(Name([0; ROOM])));

/// Learns what threads without a name are called. Call it while the process has one thread.
pub(super) fn learn() {
    // SAFETY: nobody else is there.
    unsafe { *INHERITED.0.get() = Name::of_this_thread() };
}

/// Returns whose the calling thread is.
pub(super) fn here() -> RunNumber {
    match recorder::here() {
        UNKNOWN => {
            let who = introduced();
            recorder::enter(who);
            who
        }
        who => who,
    }
}

/// Returns whose the calling thread is, if it has a name of its own or descends from one that has; `NO_RUN` for others. A thread has its
/// name a little after its beginning, and so is asked again.
pub(super) fn named_here() -> RunNumber {
    match recorder::here() {
        UNKNOWN if !is_main() && Name::of_this_thread().is_none() => NO_RUN,
        _ => Some(here()).filter(|who| *who != known(&MAIN) && *who != known(&NAMELESS)).unwrap_or(NO_RUN),
    }
}

/// Returns whose the calling thread is where nobody asks which one it is; what the recorder does is nobody's.
pub(super) fn of_program() -> RunNumber {
    match recorder::here() {
        UNKNOWN => once(&MAIN, Sort::Main),
        who => who,
    }
}

/// Returns whose the threads are that the calling one starts; `UNKNOWN` if they are to be asked themselves.
pub(super) fn heir() -> RunNumber {
    match here() {
        who if who == known(&MAIN) || who == known(&NAMELESS) => UNKNOWN,
        NO_RUN => UNKNOWN,
        who => who,
    }
}

static MAIN: AtomicU32 = AtomicU32::new(NO_RUN);
static NAMELESS: AtomicU32 = AtomicU32::new(NO_RUN);

#[cold]
fn introduced() -> RunNumber {
    if is_main() {
        return once(&MAIN, Sort::Main);
    }
    let name = Name::of_this_thread();
    if name.is_none() {
        once(&NAMELESS, Sort::Nameless)
    } else if name.may_be_cut() {
        let stack = unwind::number::<WHOLE>(WHOLE, stacks::keep);
        let mut both = [0; 8 + ROOM - 1];
        both[..8].copy_from_slice(&u64::from(stack).to_ne_bytes());
        both[8..].copy_from_slice(name.bytes());
        who::introduce(Sort::Cut, &both)
    } else {
        who::introduce(Sort::Thread, name.bytes())
    }
}

fn known(who: &AtomicU32) -> RunNumber {
    who.load(Ordering::Relaxed)
}

/// Two threads that come at once may both be introduced, which is harmless.
fn once(whose: &AtomicU32, sort: Sort) -> RunNumber {
    match known(whose) {
        NO_RUN => {
            let who = who::introduce(sort, b"");
            whose.store(who, Ordering::Relaxed);
            who
        }
        who => who,
    }
}

fn is_main() -> bool {
    // SAFETY: they only ask.
    unsafe { syscall(GET_THREAD) == c_long::from(getpid()) }
}

/// The number of `gettid`, which older C libraries do not have.
const GET_THREAD: c_long = if cfg!(target_arch = "x86_64") { 186 } else { 178 };

unsafe extern "C" {
    fn prctl(option: c_int, ...) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn getpid() -> c_int;
}
