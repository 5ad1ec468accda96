//! What may be a channel, of ordinary tests: it is written down where somebody asks for channels, since it is most of what a program
//! allocates.
//!
//! A channel is what its handles share, nearly always an `Arc`. Whether it is one is seen at the end, by its counts and by its stack.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

use super::memory;
use super::table::Allocation;

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// What channels take, in bytes: the least is a oneshot of nothing, and few carry more than this inside.
const SIZES: RangeInclusive<usize> = 56..=4 << 10;
/// More handles than anybody has.
const MANY: u64 = 1 << 32;

/// From now on it is written down.
pub(crate) fn ask() {
    IS_ASKED.store(true, Ordering::Relaxed);
}

#[inline]
pub(crate) fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// Returns whether an allocation of this size, in bytes, may be a channel and is to be written down.
#[inline]
pub(crate) fn may_be_one(size: usize) -> bool {
    is_asked() && SIZES.contains(&size)
}

/// Returns whether an allocation that cannot be given back meanwhile begins with the two counts of an `Arc` that somebody has.
pub(super) fn is_counted(allocation: &Allocation) -> bool {
    let is_count = |at: usize| (1..MANY).contains(&memory::word(allocation.address + at * size_of::<u64>()));
    is_count(0) && is_count(1)
}
