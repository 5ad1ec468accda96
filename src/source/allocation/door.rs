//! The allocator that writes down what may be a task's cell or a channel; where runs are written down whole, whatever may hold a handle of
//! one as well.
#![expect(unsafe_code, reason = "a global allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use super::ordinary;
use crate::ledger;
use crate::recorder::format::ORDINARY;
use crate::recorder::{self, Allocation, Apart, NO_RUN, OURS, RunNumber, Table, UNKNOWN, UNNAMED};

/// This file, as debug information has it: where the recorder's own part of a stack ends.
pub(super) const FILE: &str = file!();

/// The alignment of a task's cell, in bytes; larger than that of nearly everything else.
const CELL: usize = 128;
/// The least that a channel takes, in bytes: what is smaller may hold a handle and is no resource itself, so its stack says nothing.
const LEAST: usize = 40;
const WORD: usize = size_of::<usize>();
/// Up to this size, in bytes, what is given back is cleared, and what is resized is moved by hand, so that nothing of it stays behind;
/// what is larger the allocator may move without copying.
const COPIED: usize = 32 << 10;

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
static ALLOCATOR: Recorder<Apart> = Recorder(Apart);

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
        let known = ended(memory, layout);
        if recorder::is_whole() && (known.is_some() || may_hold_pointers(layout)) {
            // SAFETY: it is the caller's until it is given back below.
            unsafe { wipe(memory, layout.size()) };
        }
        if !known.is_some_and(|known| recorder::is_kept(&known)) {
            // SAFETY: as promised by the caller.
            unsafe { self.0.dealloc(memory, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let known = ended(memory, layout);
        if !recorder::is_whole() {
            // What is resized is no cell, and may have moved.
            // SAFETY: as promised by the caller.
            return unsafe { self.0.realloc(memory, layout, size) };
        }
        let Ok(new) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        let is_moved = may_hold_pointers(layout) && may_hold_pointers(new);
        // SAFETY: as promised by the caller.
        let resized =
            unsafe { if is_moved { self.carry(memory, layout, new) } else { self.0.realloc(memory, layout, size) } };
        let (at, now) = if resized.is_null() { (memory, layout) } else { (resized, new) };
        if let Some((known, table)) = known.zip(table_for(now)) {
            recorder::moved(table, known, at.addr(), now.size());
        }
        resized
    }
}

impl<A: GlobalAlloc> Recorder<A> {
    /// Resizes by hand, and leaves no copy behind.
    ///
    /// # Safety
    ///
    /// As for `realloc`.
    unsafe fn carry(&self, memory: *mut u8, layout: Layout, new: Layout) -> *mut u8 {
        // SAFETY: the size is not 0, as promised by the caller.
        let resized = unsafe { self.0.alloc(new) };
        if !resized.is_null() {
            // SAFETY: both are live, apart from one another, and at least as large as what is copied; the old one is not used again.
            unsafe {
                ptr::copy_nonoverlapping(memory, resized, layout.size().min(new.size()));
                wipe(memory, layout.size());
                self.0.dealloc(memory, layout);
            }
        }
        resized
    }
}

/// Returns whether memory may be cleared, or moved by hand, at little cost.
#[inline]
fn may_hold_pointers(layout: Layout) -> bool {
    layout.align() >= WORD && layout.size() <= COPIED
}

/// Clears memory that is about to be given back: a pointer that stayed in it would look like one that somebody still has.
///
/// # Safety
///
/// The memory must be the caller's, of that size.
#[inline]
unsafe fn wipe(memory: *mut u8, size: usize) {
    // SAFETY: as promised by the caller.
    unsafe { ptr::write_bytes(memory, 0, size) };
    // Without this the compiler leaves out what nobody reads before it is given back.
    std::hint::black_box(memory);
}

#[inline]
fn made(memory: *mut u8, layout: Layout) {
    if let Some(table) = table_for(layout).filter(|_| !memory.is_null()) {
        match recorder::here() {
            NO_RUN | OURS => {}
            run @ ..ORDINARY => write_down(table, memory, layout, run),
            // An ordinary test's: most of what is allocated there is nothing that is looked at.
            who if who != UNKNOWN && who != UNNAMED && !is_looked_at(layout) => {}
            who => made_by(who, memory, layout),
        }
    }
}

#[inline]
fn ended(memory: *mut u8, layout: Layout) -> Option<Allocation> {
    recorder::freed(table_for(layout)?, memory.addr())
}

/// Returns where an allocation is written down; `None` for what can be neither a task nor a channel, or, where runs are written down whole,
/// for what holds no pointer.
#[inline]
fn table_for(layout: Layout) -> Option<&'static Table> {
    match layout.align() {
        CELL.. => Some(&recorder::CELLS),
        WORD.. if layout.size() >= LEAST || recorder::is_whole() => Some(&recorder::REST),
        _ => None,
    }
}

/// Of a thread that belongs to no checked run, only tasks are written down, and channels where somebody asks for them; and only under the
/// gate.
#[inline(never)]
fn made_by(who: RunNumber, memory: *mut u8, layout: Layout) {
    let is_cell = layout.align() >= CELL;
    let who = match who {
        UNKNOWN => find_run(),
        who => who,
    };
    let who = if who == UNNAMED { ordinary::find_name(is_cell) } else { who };
    let is_anybodys = ![NO_RUN, UNNAMED].contains(&who) && (who < ORDINARY || is_looked_at(layout));
    if let Some(table) = table_for(layout).filter(|_| is_anybodys) {
        write_down(table, memory, layout, who);
    }
}

/// Returns whether an allocation of an ordinary test may be something that is looked at.
#[inline]
fn is_looked_at(layout: Layout) -> bool {
    layout.align() >= CELL || recorder::shared::may_be_one(layout.size())
}

/// Writes an allocation down, with its stack where somebody may ask for it.
#[inline]
fn write_down(table: &Table, memory: *mut u8, layout: Layout, run: RunNumber) {
    if layout.size() < LEAST || recorder::is_of_runtime(run) {
        recorder::noted(table, memory.addr(), layout.size(), run);
    } else {
        recorder::allocated(table, memory.addr(), layout.size(), run);
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
