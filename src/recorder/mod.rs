//! Writes down live allocations: where each was made, and for which run.
//!
//! Nothing here uses the rest of the crate, allocates through the allocator that it stands in, or turns an address into a name: it
//! keeps raw addresses, and judging them is for others. So it can also stand in a preloaded library.

mod here;
mod memory;
pub(crate) mod stacks;
mod table;
pub(crate) mod unwind;

pub(crate) use here::{UNKNOWN, enter, fresh_run, here};
pub(crate) use table::{Allocation, NO_RUN, RunNumber};

/// Writes down an allocation that was made just now, with the calling stack.
#[inline(never)]
pub(crate) fn allocated(address: usize, size: usize, run: RunNumber) {
    let mut frames = [0; stacks::DEPTH];
    let len = unwind::capture(&mut frames);
    let stack = stacks::keep(&frames[..len]);
    table::insert(Allocation { address, size: u32::try_from(size).unwrap_or(u32::MAX), stack, run });
}

/// Forgets an allocation; call it before its memory is given back.
pub(crate) fn freed(address: usize) {
    table::remove(address);
}

/// Returns whether a run may have live allocations that are written down. A no is exact.
pub(crate) fn may_have(run: RunNumber) -> bool {
    table::may_have(run)
}

/// Calls `look` with each live allocation of a run; none of them can be given back while it is looked at. `look` must not
/// allocate or give back what is recorded.
pub(crate) fn each(run: RunNumber, look: impl FnMut(&Allocation)) {
    table::each(run, look);
}

/// Returns how many allocations could not be written down for want of memory.
pub(crate) fn lost() -> u32 {
    table::lost()
}
