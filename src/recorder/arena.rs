//! Words that are taken one after the other and never given back, and an index that finds what was written into them.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::memory::{self, Lasting};

/// Pages of a file are asked for in pieces: a full disk is then told by the system call, and not by a signal. The first one has so many
/// words, and each has as many as all before it, up to the largest.
const FIRST_PIECE: usize = 1 << 9;
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

    /// Makes the words of a file be these, unless they are somewhere already.
    ///
    /// # Safety
    ///
    /// As for [`Lasting::adopt`]; the place must begin a page.
    #[expect(unsafe_code, reason = "it is told where the words are")]
    pub(super) unsafe fn adopt(&self, start: NonNull<u8>) -> bool {
        self.backed.store(0, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        let is_adopted = unsafe { self.words.adopt(start.cast()) };
        if !is_adopted {
            self.backed.store(ALL, Ordering::Relaxed);
        }
        is_adopted && self.words.get().is_some_and(|words| self.back(words, 1))
    }
}

/// Finds what was written by its hash. It only ever grows, and readers need no lock: two threads that bring the same new thing at
/// once may write it twice, which is harmless.
#[derive(Debug)]
pub(super) struct Index {
    places: Lasting<AtomicU32>,
}

/// How many places may be looked at for one thing.
const REACH: usize = 32;

/// A process that writes little does so on one page: so many places are tried first.
const NEAR: usize = if cfg!(miri) { 1 << 5 } else { 1 << 10 };
/// How many of them may be looked at for one thing.
const NEAR_REACH: usize = 4;

impl Index {
    pub(super) const fn new(len: usize) -> Self {
        Self { places: Lasting::new(len) }
    }

    /// Takes the memory of the first places at once: it would otherwise be asked for twice, for the first look and for what is written then.
    /// Call it before anything is found.
    #[cfg(target_os = "linux")]
    pub(super) fn prepare(&self) {
        if let Some([first, ..]) = self.places.get() {
            first.store(0, Ordering::Relaxed);
        }
    }

    /// Returns the number of what has this hash and `is` it; what is not there yet is written, under a number that is not 0. `None`
    /// where there is no room.
    pub(super) fn find_or(
        &self,
        hash: u64,
        is: impl Fn(u32) -> bool,
        write: impl FnOnce() -> Option<u32>,
    ) -> Option<u32> {
        let (near, far) = self.places.get()?.split_at_checked(NEAR)?;
        for place in along(near, hash, NEAR_REACH).chain(along(far, hash, REACH)) {
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
