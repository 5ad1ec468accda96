//! Words that are taken one after the other and never given back, and an index that finds what was written into them.
//!
//! One arena has all that is kept: stacks, names, ends, and the tables of a record, whose file it then is.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::memory::{self, Lasting};

/// All that is kept. Paid for as it fills, but by Miri at once. A stack of 24 frames takes 25.
pub(super) static WORDS: Arena = Arena::new(if cfg!(miri) { 1 << 16 } else { 1 << 24 });

/// Pages of a file are asked for in pieces: a full disk is then told by the system call, and not by a signal. The first one has so many
/// words, and each has as many as all before it, up to the largest.
pub(super) const FIRST_PIECE: usize = 1 << 11;
const LARGEST_PIECE: usize = 1 << 12;

/// All of it may be written to.
const ALL: usize = usize::MAX;

/// Words that are taken one after the other. The first one counts those that are taken; a reader needs nothing else.
#[derive(Debug)]
pub(super) struct Arena {
    words: Lasting<AtomicU64>,
    /// How many words have pages: `ALL` unless they are those of a file.
    backed: AtomicUsize,
}

impl Arena {
    pub(super) const fn new(len: usize) -> Self {
        Self { words: Lasting::new(len), backed: AtomicUsize::new(ALL) }
    }

    /// Returns all words, taken or not; `None` if the system has no memory.
    pub(super) fn words(&self) -> Option<&[AtomicU64]> {
        self.words.get()
    }

    /// Returns where the next thing will begin that is taken.
    #[cfg(target_os = "linux")]
    pub(super) fn end(&self) -> usize {
        self.words.get().map_or(0, |words| 1 + words[0].load(Ordering::Relaxed) as usize)
    }

    /// Takes so many words that no one else has, all of them zero, and says where they begin; `None` where there is no room.
    pub(super) fn take(&self, count: usize) -> Option<usize> {
        let words = self.words.get()?;
        let room = |taken: u64| taken.checked_add(count as u64).filter(|taken| (*taken as usize) < words.len());
        let taken = words[0].fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()? as usize;
        let start = 1 + taken;
        self.back(words, start + count).then_some(start)
    }

    /// Sees to it that there are pages up to here.
    fn back(&self, words: &[AtomicU64], end: usize) -> bool {
        let mut backed = self.backed.load(Ordering::Relaxed);
        while backed < end {
            let len = backed.clamp(FIRST_PIECE, LARGEST_PIECE);
            let piece = &words[backed..(backed + len).min(words.len())];
            if !memory::fill_pages(piece.as_ptr().addr(), size_of_val(piece)) {
                return false;
            }
            backed += len;
            self.backed.fetch_max(backed, Ordering::Relaxed);
        }
        true
    }

    /// Makes the words of a file be these, so many, unless they are somewhere already. The first piece has its pages.
    ///
    /// # Safety
    ///
    /// As for [`Lasting::adopt`]; the place must begin a page.
    #[expect(unsafe_code, reason = "it is told where the words are")]
    pub(super) unsafe fn adopt(&self, start: NonNull<u8>, len: usize) -> bool {
        self.backed.store(FIRST_PIECE, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        let is_adopted = unsafe { self.words.adopt(start.cast(), len) };
        if !is_adopted {
            self.backed.store(ALL, Ordering::Relaxed);
        }
        is_adopted
    }
}

/// Finds what was written by its hash. It only ever grows, and readers need no lock: two threads that bring the same new thing at
/// once may write it twice, which is harmless.
#[derive(Debug)]
pub(super) struct Index {
    /// A process that writes little does so here.
    near: [AtomicU32; NEAR],
    far: Lasting<AtomicU32>,
}

/// How many places may be looked at for one thing.
const REACH: usize = 32;

/// So many places are tried first.
const NEAR: usize = if cfg!(miri) { 1 << 5 } else { 1 << 10 };
/// How many of them may be looked at for one thing.
const NEAR_REACH: usize = 4;

impl Index {
    pub(super) const fn new(len: usize) -> Self {
        Self { near: [const { AtomicU32::new(0) }; NEAR], far: Lasting::new(len) }
    }

    /// Returns the number of what has this hash and `is` it; what is not there yet is written, under a number that is not 0. `None`
    /// where there is no room.
    pub(super) fn find_or(
        &self,
        hash: u64,
        is: impl Fn(u32) -> bool,
        write: impl FnOnce() -> Option<u32>,
    ) -> Option<u32> {
        let near = along(&self.near, hash, NEAR_REACH);
        // What does not find its place near is looked for farther on.
        let far = std::iter::once_with(|| self.far.get()).flatten().flat_map(|far| along(far, hash, REACH));
        for place in near.chain(far) {
            let known = place.load(Ordering::Acquire);
            if known == 0 {
                return write().inspect(|number| place.store(*number, Ordering::Release));
            }
            if is(known) {
                return Some(known);
            }
        }
        None
    }
}

/// Returns so many places from the one that a hash wants.
fn along(places: &[AtomicU32], hash: u64, reach: usize) -> impl Iterator<Item = &AtomicU32> {
    (0..reach).map(move |step| &places[(hash as usize).wrapping_add(step) % places.len()])
}

/// Mixes words into a hash.
pub(super) fn hash(words: impl Iterator<Item = u64>) -> u64 {
    let mixed = words.fold(0x9e37_79b9_7f4a_7c15_u64, |hash, word| {
        (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29)
    });
    mixed ^ mixed >> 32
}
