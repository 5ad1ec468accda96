//! The allocator that writes down what may be a task's cell or a channel.
#![expect(unsafe_code, reason = "a global allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};

use super::ordinary;
use crate::ledger;
use crate::recorder::format::ORDINARY;
use crate::recorder::{self, NO_RUN, RunNumber, Table, UNKNOWN, UNNAMED};

/// This file, as debug information has it: where the recorder's own part of a stack ends.
pub(super) const FILE: &str = file!();

/// The alignment of a task's cell, in bytes; larger than that of nearly everything else.
const CELL: usize = 128;
/// The least that a channel takes, in bytes, in words that must be aligned: what is smaller, or text, costs two comparisons.
const LEAST: usize = 40;
const WORD: usize = size_of::<usize>();

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
    if let Some(table) = table_for(layout).filter(|_| !memory.is_null()) {
        match recorder::here() {
            NO_RUN => {}
            run @ ..ORDINARY => recorder::allocated(table, memory.addr(), layout.size(), run),
            who => made_by(who, memory, layout),
        }
    }
}

#[inline]
fn ended(memory: *mut u8, layout: Layout) {
    if let Some(table) = table_for(layout) {
        recorder::freed(table, memory.addr());
    }
}

/// Returns where an allocation is written down; `None` for what can be neither a task nor a channel.
#[inline]
fn table_for(layout: Layout) -> Option<&'static Table> {
    match layout.align() {
        CELL.. => Some(&recorder::CELLS),
        WORD.. if layout.size() >= LEAST => Some(&recorder::REST),
        _ => None,
    }
}

/// Of a thread that belongs to no checked run, only tasks are written down, and only under the gate.
#[inline(never)]
fn made_by(who: RunNumber, memory: *mut u8, layout: Layout) {
    let is_cell = layout.align() >= CELL;
    let who = match who {
        UNKNOWN => find_run(),
        who => who,
    };
    let who = if who == UNNAMED { ordinary::find_name(is_cell) } else { who };
    let is_looked_at = ![NO_RUN, UNNAMED].contains(&who) && (is_cell || who < ORDINARY);
    if let Some(table) = table_for(layout).filter(|_| is_looked_at) {
        recorder::allocated(table, memory.addr(), layout.size(), who);
    }
}

/// Asked once a thread: it may descend from a run's.
#[cold]
fn find_run() -> RunNumber {
    recorder::enter(NO_RUN);
    let run = ledger::current().map_or_else(ordinary::nobody, |ledger| ledger.number());
    recorder::enter(run);
    run
}
