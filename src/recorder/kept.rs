//! What is never given back: the allocations of runs that leaked.
//!
//! A leak is looked into, and told, by code that leaves addresses of it on stacks and in values with gaps. If another run got the same
//! addresses again, these would look as if somebody had a part of it. So they go to nobody any more, as far as there is room.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::apart;
use super::table::{Allocation, RunNumber};

/// How many runs can be told apart; others share a mark, and keep more than they need.
const MARKS: usize = 1 << 12;
/// What is larger is given back, in bytes: cells, channels and their like are not.
const LARGEST: usize = 4 << 10;
/// How much is kept in a process, in bytes.
const ROOM: usize = 8 << 20;

static MARKED: [AtomicU64; MARKS / 64] = [const { AtomicU64::new(0) }; MARKS / 64];
static LEFT: AtomicUsize = AtomicUsize::new(ROOM);

fn mark(run: RunNumber) -> (&'static AtomicU64, u64) {
    let at = run as usize % MARKS;
    (&MARKED[at / 64], 1 << (at % 64))
}

/// From now on nothing of this run, and of its runtime, is given back, nor what it has given back before handed out again.
pub(crate) fn keep(run: RunNumber) {
    let (word, bit) = mark(run);
    if word.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        apart::abandon(has_room);
    }
}

/// Returns whether an allocation that its owner gives back is to be kept, and takes the room for it.
#[inline]
pub(crate) fn is_kept(gone: &Allocation) -> bool {
    let (word, bit) = mark(gone.run);
    word.load(Ordering::Relaxed) & bit != 0 && gone.size as usize <= LARGEST && has_room(gone.size as usize)
}

#[cold]
fn has_room(size: usize) -> bool {
    let less = |left: usize| left.checked_sub(size);
    LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::{fresh_run, of_runtime};
    use super::*;

    #[test]
    fn only_small_memory_of_a_run_that_leaked_is_kept() {
        let run = fresh_run();
        let of = |run, size| Allocation { address: 1 << 40, size, stack: 0, run };
        assert!(!is_kept(&of(run, 128)));
        keep(run);
        assert!(is_kept(&of(run, 128)));
        assert!(is_kept(&of(of_runtime(run), 128)));
        assert!(!is_kept(&of(run, 1 << 20)));
    }
}
