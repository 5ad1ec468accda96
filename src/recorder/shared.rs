//! What may be a channel, of ordinary tests: it is written down where somebody asks for channels, since it is most of what a program
//! allocates.
//!
//! A channel is what its handles share, nearly always an `Arc`. Whether it is one is seen at the end, by its counts and by its stack.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// What channels take, in bytes: the least is a oneshot of nothing, and few carry more than this inside.
const SIZES: RangeInclusive<usize> = 56..=4 << 10;

/// From now on it is written down.
#[cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "there are no records")
)]
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

/// Returns whether an allocation that cannot be given back meanwhile begins with the two counts of an `Arc` that somebody has, or may end
/// with those of a rendezvous channel.
#[cfg(target_os = "linux")]
pub(super) fn is_counted(allocation: &super::table::Allocation) -> bool {
    /// What a rendezvous channel takes, in bytes: it keeps no message, so that is the same for all.
    const RENDEZVOUS: RangeInclusive<usize> = 96..=192;
    /// More handles than anybody has.
    const MANY: u64 = 1 << 32;
    const WORD: usize = size_of::<u64>();
    let word = |at: usize| super::memory::word(allocation.address + at);
    let is_count = |at: usize| (1..MANY).contains(&word(at));
    let size = allocation.size as usize;
    // Senders and receivers, and behind them whether the last one of either is gone.
    let ends_with_counts = || {
        let (senders, receivers) = (word(size - 3 * WORD), word(size - 2 * WORD));
        senders < MANY && receivers < MANY && senders + receivers > 0
    };
    is_count(0) && is_count(WORD) || RENDEZVOUS.contains(&size) && ends_with_counts()
}
