//! The allocator that writes down what may be a task's cell.
#![expect(unsafe_code, reason = "a global allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};

use crate::ledger;
use crate::recorder::{self, NO_RUN, RunNumber, UNKNOWN};

/// This file, as debug information has it: where the recorder's own part of a stack ends.
pub(super) const FILE: &str = file!();

/// The alignment of a task's cell, in bytes; larger than that of nearly everything else, so that all else costs one comparison.
const ALIGNMENT: usize = 128;

/// A global allocator that hands everything on to `A`, and lets lightsout see tasks on stable Rust.
///
/// With the default feature `allocator` it stands in front of the system's allocator by itself, and nothing is to be done. A program
/// can have only one global allocator: where tests bring their own, the compiler says "the `#[global_allocator]` in this crate
/// conflicts with global allocator in: lightsout". Then switch the feature off (`default-features = false`) and put it in front of
/// yours:
///
/// ```
/// # #[cfg(not(feature = "allocator"))]
/// #[global_allocator]
/// static ALLOCATOR: lightsout::Recorder<std::alloc::System> = lightsout::Recorder(std::alloc::System);
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorder<A = System>(pub A);

#[cfg(feature = "allocator")]
#[global_allocator]
static ALLOCATOR: Recorder = Recorder(System);

// SAFETY: everything is handed on as it came, and what comes back is returned.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Recorder<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        let memory = unsafe { self.0.alloc(layout) };
        made(memory, layout);
        memory
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        let memory = unsafe { self.0.alloc_zeroed(layout) };
        made(memory, layout);
        memory
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ended(memory, layout);
        // SAFETY: as promised by the caller.
        unsafe { self.0.dealloc(memory, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // What is resized is no cell, and may have moved.
        ended(memory, layout);
        // SAFETY: as promised by the caller.
        unsafe { self.0.realloc(memory, layout, size) }
    }
}

#[inline]
fn made(memory: *mut u8, layout: Layout) {
    if layout.align() >= ALIGNMENT && !memory.is_null() {
        write_down(memory.addr(), layout.size());
    }
}

#[inline]
fn ended(memory: *mut u8, layout: Layout) {
    if layout.align() >= ALIGNMENT {
        recorder::freed(memory.addr());
    }
}

#[cold]
fn write_down(address: usize, size: usize) {
    let run = run_of_this_thread();
    if run != NO_RUN {
        recorder::allocated(address, size, run);
    }
}

/// Does something whose allocations are nobody's.
pub(crate) fn unrecorded<R>(act: impl FnOnce() -> R) -> R {
    let run = recorder::enter(NO_RUN);
    let result = act();
    recorder::enter(run);
    result
}

fn run_of_this_thread() -> RunNumber {
    match recorder::here() {
        UNKNOWN => {
            // Asked once a thread: it may descend from a run's.
            recorder::enter(NO_RUN);
            let run = ledger::current().map_or(NO_RUN, |ledger| ledger.number());
            recorder::enter(run);
            run
        }
        run => run,
    }
}
