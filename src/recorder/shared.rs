//! What may be a channel, of ordinary tests and of programs that run: it is written down where somebody asks for channels, since it is most
//! of what a program allocates.
//!
//! A channel is what its handles share, nearly always an `Arc`. Whether it is one is seen at the end, or by whoever looks from outside, by
//! its counts and by its stack.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_ASKED: AtomicBool = AtomicBool::new(false);
static IS_FROM_OUTSIDE: AtomicBool = AtomicBool::new(false);

/// What a program's environment says where somebody asks from outside, while it runs.
pub(crate) const FROM_OUTSIDE: &[u8] = b"census";

/// What channels take, in bytes: the least is a oneshot of nothing, and few carry more than this inside.
const SIZES: RangeInclusive<usize> = 56..=4 << 10;

/// From now on it is written down: as the environment asks.
#[cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "there are no records")
)]
pub(crate) fn ask(how: &[u8]) {
    IS_FROM_OUTSIDE.store(how == FROM_OUTSIDE, Ordering::Relaxed);
    IS_ASKED.store(true, Ordering::Relaxed);
}

#[inline]
pub(crate) fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// Returns whether it is looked at from outside, whosever it is, and not at the end.
pub(crate) fn is_from_outside() -> bool {
    IS_FROM_OUTSIDE.load(Ordering::Relaxed)
}

/// Returns whether an allocation of this size, in bytes, may be a channel and is to be written down.
#[inline]
pub(crate) fn may_be_one(size: usize) -> bool {
    is_asked() && SIZES.contains(&size)
}

/// What a rendezvous channel takes, in bytes: it keeps no message, so that is the same for all.
const RENDEZVOUS: RangeInclusive<usize> = 96..=192;
const WORD: usize = size_of::<u64>();

/// Returns whether an allocation that cannot be given back meanwhile is counted as channels are.
#[cfg(target_os = "linux")]
pub(super) fn is_counted(allocation: &super::table::Allocation) -> bool {
    has_counts(allocation.size as usize, |at| super::memory::word(allocation.address + at))
}

/// Returns whether an allocation of this size, in bytes, begins with the two counts of an `Arc` that somebody has, or may end with those of a
/// rendezvous channel; `word` reads it.
pub(crate) fn has_counts(size: usize, word: impl Fn(usize) -> u64) -> bool {
    /// More handles than anybody has.
    const MANY: u64 = 1 << 32;
    /// What `Arc` writes over its second count while it looks whether it is the only one.
    const LOCKED: u64 = u64::MAX;
    let is_count = |count: u64| (1..MANY).contains(&count);
    // Senders and receivers, and behind them whether the last one of either is gone.
    let ends_with_counts = || {
        let (senders, receivers) = (word(size - 3 * WORD), word(size - 2 * WORD));
        senders < MANY && receivers < MANY && senders + receivers > 0
    };
    let begins_with_counts = is_count(word(0)) && (is_count(word(WORD)) || word(WORD) == LOCKED);
    begins_with_counts || RENDEZVOUS.contains(&size) && ends_with_counts()
}

/// Returns how much of an allocation of this size tells that, from its start, in bytes.
pub(crate) fn telling(size: usize) -> usize {
    if RENDEZVOUS.contains(&size) { size } else { 2 * WORD }
}
