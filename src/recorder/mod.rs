//! Writes down live allocations: where each was made, and for which run.
//!
//! Nothing here uses the rest of the crate, allocates through the allocator that it stands in, or turns an address into a name: it
//! keeps raw addresses, and judging them is for others. So it can also stand in a preloaded library.
//!
//! Under the gate its memory is a file, the [`record`], and allocations of ordinary tests are written down too, with how each was
//! given back.

mod apart;
mod arena;
#[cfg(target_os = "linux")]
mod builds;
pub(crate) mod cost;
mod ends;
pub(crate) mod format;
mod here;
mod kept;
#[cfg(target_os = "linux")]
pub(crate) mod loaded;
mod memory;
pub(crate) mod record;
pub(crate) mod shared;
#[cfg(target_os = "linux")]
mod shut;
pub(crate) mod stacks;
mod table;
#[cfg(target_os = "linux")]
mod text;
pub(crate) mod unwind;
pub(crate) mod vtables;
pub(crate) mod who;
pub(crate) mod whole;

use ends::End;

pub(crate) use apart::{Apart, notes_and_untaken};
pub(crate) use here::{
    OURS, UNKNOWN, UNNAMED, enter, fresh_run, here, is_checked, is_of_runtime, noting, of_runtime, unrecorded, within,
};
pub(crate) use kept::{is_kept, keep};
pub(crate) use table::{Allocation, Home, NO_RUN, RunNumber, Table};
pub(crate) use whole::{is_whole, write_whole};

/// This file, as debug information has it: its folder is where the recorder's own part of a stack begins.
pub(crate) const FILE: &str = file!();

/// Allocations that are aligned like a task's cell; few others are.
pub(crate) static CELLS: Table = Table::new(Home::Record);
/// All others that are written down.
pub(crate) static REST: Table = Table::new(Home::Own);

/// Deep enough to reach the end of a runtime from what its tasks own.
const END_DEPTH: usize = 96;
/// Of a task that is watched, the calls next to its end say all that is asked.
const NEAR_END: usize = 24;

/// Writes down an allocation that was made just now, with the calling stack.
#[inline(never)]
pub(crate) fn allocated(table: &Table, address: usize, size: usize, run: RunNumber) {
    let write = || {
        let stack = unwind::number::<{ stacks::DEPTH }>(size, stacks::keep);
        table.insert(Allocation { address, size: u32::try_from(size).unwrap_or(u32::MAX), stack, run });
    };
    if who::is_ordinary(run) { cost::timed(write) } else { write() }
}

/// Writes down an allocation that was made just now, of which nobody will ask where.
#[inline(never)]
pub(crate) fn noted(table: &Table, address: usize, size: usize, run: RunNumber) {
    table.insert(Allocation { address, size: u32::try_from(size).unwrap_or(u32::MAX), stack: 0, run });
}

/// Writes down where an allocation is now that was forgotten to be resized.
pub(crate) fn moved(table: &Table, old: Allocation, address: usize, size: usize) {
    table.insert(Allocation { address, size: u32::try_from(size).unwrap_or(u32::MAX), ..old });
}

/// Forgets an allocation; call it before its memory is given back. Returns what was written down.
pub(crate) fn freed(table: &Table, address: usize) -> Option<Allocation> {
    let gone = table.remove(address)?;
    if table.has_ends() && who::is_ordinary(gone.run) && record::is_open() {
        cost::timed(|| ended(&gone));
    }
    Some(gone)
}

/// So far out is whoever calls what the recorder stands in front of.
const NEAR: usize = 5;

/// Writes down who calls, as if something had been made and given back here.
#[expect(dead_code, reason = "the library that is preloaded needs it")]
#[inline(never)]
pub(crate) fn witness(who: RunNumber) {
    let stack = unwind::number::<NEAR>(0, stacks::keep);
    ends::count(&Allocation { address: 0, size: 0, stack, run: who }, End { stack, who: NO_RUN, state: 0 });
}

/// Counts how an allocation of an ordinary test is given back.
#[inline(never)]
fn ended(gone: &Allocation) {
    let (state, hint) = (state_of(gone), gone.size as usize);
    let stack = match state & format::WATCHED {
        0 => unwind::number::<END_DEPTH>(hint, stacks::keep),
        _ => unwind::number::<NEAR_END>(hint, stacks::keep),
    };
    ends::count(gone, End { stack, who: who_ends(), state });
}

/// Returns which ordinary test the calling thread belongs to, if any.
fn who_ends() -> RunNumber {
    Some(here()).filter(|who| who::is_ordinary(*who) && *who < OURS).unwrap_or(NO_RUN)
}

/// Reads the lowest bits of the first word of an allocation that cannot be given back meanwhile, and whether it would be seen to be shut down.
fn state_of(allocation: &Allocation) -> u64 {
    let watched = if vtables::is_watched(allocation) { format::WATCHED } else { 0 };
    if allocation.size < 8 { 0 } else { watched | memory::word(allocation.address) & format::STATE }
}

/// Returns how many allocations could not be written down for want of memory.
pub(crate) fn lost() -> u32 {
    table::lost()
}
