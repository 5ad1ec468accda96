//! Writes down live allocations: where each was made, and for which run.
//!
//! Nothing here uses the rest of the crate, allocates through the allocator that it stands in, or turns an address into a name: it
//! keeps raw addresses, and judging them is for others. So it can also stand in a preloaded library.

mod here;
mod memory;
pub(crate) mod stacks;
mod table;
pub(crate) mod unwind;

pub(crate) use here::{UNKNOWN, enter, fresh_run, here, is_of_runtime, of_runtime, unrecorded, within};
pub(crate) use table::{Allocation, NO_RUN, RunNumber, Table};

/// This file, as debug information has it: its folder is where the recorder's own part of a stack begins.
pub(crate) const FILE: &str = file!();

/// Allocations that are aligned like a task's cell; few others are.
pub(crate) static CELLS: Table = Table::new();
/// All others that are written down.
pub(crate) static REST: Table = Table::new();

/// Writes down an allocation that was made just now, with the calling stack.
#[inline(never)]
pub(crate) fn allocated(table: &Table, address: usize, size: usize, run: RunNumber) {
    let stack = unwind::number::<{ stacks::DEPTH }>(size, stacks::keep);
    table.insert(Allocation { address, size: u32::try_from(size).unwrap_or(u32::MAX), stack, run });
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
    table.remove(address)
}

/// Returns how many allocations could not be written down for want of memory.
pub(crate) fn lost() -> u32 {
    table::lost()
}
