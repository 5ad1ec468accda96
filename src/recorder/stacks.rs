//! Stacks by number: the same stack is kept once, however often something is allocated from it.
//!
//! Two tables that only ever grow. A stack is written into the arena first and then made known by one store into the index, so
//! readers need no lock; two threads that bring the same new stack at once may keep it twice, which is harmless.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::memory::Lasting;

/// A stack that was kept; 0 is none.
pub(crate) type StackId = u32;

/// Deep enough to reach the line that spawns, also in an unoptimised build.
pub(crate) const DEPTH: usize = 40;

/// Words of the arena: 128 MiB that are paid for as they fill, but by Miri at once. A stack of 24 frames takes 25.
const ARENA: usize = if cfg!(miri) { 1 << 12 } else { 1 << 24 };
/// Places of the index; at most half of them are used.
const INDEX: usize = if cfg!(miri) { 1 << 10 } else { 1 << 20 };
/// How many places may be looked at for one stack.
const REACH: usize = 32;

static WORDS: Lasting<AtomicU64> = Lasting::new(ARENA);
static PLACES: Lasting<AtomicU32> = Lasting::new(INDEX);
/// How many words are used; the first one stands for no stack.
static USED: AtomicU32 = AtomicU32::new(1);

/// Keeps a stack; returns 0 where there is no room.
pub(super) fn keep(frames: &[usize]) -> StackId {
    try_keep(frames).unwrap_or(0)
}

fn try_keep(frames: &[usize]) -> Option<StackId> {
    let (words, places) = (WORDS.get()?, PLACES.get()?);
    let hash = hash(frames);
    for step in 0..REACH {
        let place = &places[(hash as usize).wrapping_add(step) % INDEX];
        let known = place.load(Ordering::Acquire);
        if known == 0 {
            return write(words, hash, frames).inspect(|id| place.store(*id, Ordering::Release));
        }
        if is(words, known, hash, frames) {
            return Some(known);
        }
    }
    None
}

/// Copies the frames of a stack, innermost first; returns how many there are.
pub(crate) fn read(id: StackId, frames: &mut [usize; DEPTH]) -> usize {
    let Some(words) = WORDS.get().filter(|_| id != 0) else { return 0 };
    let start = id as usize;
    let len = len(words[start].load(Ordering::Relaxed)).min(DEPTH);
    for (frame, word) in frames.iter_mut().zip(&words[start + 1..start + 1 + len]) {
        *frame = word.load(Ordering::Relaxed) as usize;
    }
    len
}

/// The word before the frames: their number in the lowest byte, and most of their hash.
fn head(hash: u64, frames: &[usize]) -> u64 {
    hash & !0xff | frames.len() as u64
}

fn len(head: u64) -> usize {
    (head & 0xff) as usize
}

fn is(words: &[AtomicU64], id: StackId, hash: u64, frames: &[usize]) -> bool {
    let start = id as usize;
    words[start].load(Ordering::Relaxed) == head(hash, frames)
        && words[start + 1..].iter().zip(frames).all(|(word, frame)| word.load(Ordering::Relaxed) == *frame as u64)
}

fn write(words: &[AtomicU64], hash: u64, frames: &[usize]) -> Option<StackId> {
    let size = 1 + u32::try_from(frames.len()).ok()?;
    let room = |used: u32| used.checked_add(size).filter(|end| (*end as usize) < ARENA);
    let start = USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).ok()?;
    let place = &words[start as usize..][..size as usize];
    place[0].store(head(hash, frames), Ordering::Relaxed);
    for (word, frame) in place[1..].iter().zip(frames) {
        word.store(*frame as u64, Ordering::Relaxed);
    }
    Some(start)
}

fn hash(frames: &[usize]) -> u64 {
    let mixed = frames.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |hash, frame| {
        (hash ^ *frame as u64).wrapping_mul(0xff51_afd7_ed55_8ccd).rotate_left(29)
    });
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: StackId) -> Vec<usize> {
        let mut frames = [0; DEPTH];
        let len = read(id, &mut frames);
        frames[..len].to_vec()
    }

    #[test]
    fn same_stack_has_the_same_number() {
        let (one, other) = (keep(&[11, 22, 33]), keep(&[11, 22, 34]));
        assert_ne!(one, 0);
        assert_ne!(one, other);
        assert_eq!(keep(&[11, 22, 33]), one);
        assert_eq!((kept(one), kept(other)), (vec![11, 22, 33], vec![11, 22, 34]));
        assert_ne!(keep(&[11, 22]), one);
    }

    #[test]
    fn no_stack_is_number_0() {
        assert_eq!(kept(0), Vec::<usize>::new());
    }

    #[test]
    fn threads_that_bring_the_same_stacks_read_them_back() {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..if cfg!(miri) { 50 } else { 2_000 } {
                        let frames = [77, number, number * 3];
                        assert_eq!(kept(keep(&frames)), frames);
                    }
                });
            }
        });
    }
}
