//! Stacks by number: the same stack is kept once, however often something is allocated from it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::arena::{self, Index, WORDS};
use super::format;
use super::table;

/// A stack that was kept; 0 is none.
pub(crate) type StackId = u32;

/// Deep enough to reach the line that spawns, also in an unoptimised build.
pub(crate) const DEPTH: usize = 40;

/// At most half of them are used.
static INDEX: Index = Index::new(if cfg!(miri) { 1 << 10 } else { 1 << 20 });

/// Keeps a stack; returns 0 where there is no room.
pub(crate) fn keep(frames: &[usize]) -> StackId {
    try_keep(frames).unwrap_or_else(|| {
        table::lose();
        0
    })
}

fn try_keep(frames: &[usize]) -> Option<StackId> {
    let words = WORDS.words()?;
    let hash = hash(frames);
    INDEX.find_or(hash, |known| is(words, known, hash, frames), || write(words, hash, frames))
}

/// Copies the frames of a stack, innermost first; returns how many there are.
pub(crate) fn read(id: StackId, frames: &mut [usize; DEPTH]) -> usize {
    let Some(words) = WORDS.words().filter(|_| id != 0) else { return 0 };
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
    format::frames(head)
}

fn is(words: &[AtomicU64], id: StackId, hash: u64, frames: &[usize]) -> bool {
    let start = id as usize;
    words[start].load(Ordering::Relaxed) == head(hash, frames)
        && words[start + 1..].iter().zip(frames).all(|(word, frame)| word.load(Ordering::Relaxed) == *frame as u64)
}

fn write(words: &[AtomicU64], hash: u64, frames: &[usize]) -> Option<StackId> {
    let size = 1 + frames.len();
    let start = WORDS.take(size)?;
    let place = &words[start..][..size];
    place[0].store(head(hash, frames), Ordering::Relaxed);
    for (word, frame) in place[1..].iter().zip(frames) {
        word.store(*frame as u64, Ordering::Relaxed);
    }
    u32::try_from(start).ok()
}

fn hash(frames: &[usize]) -> u64 {
    arena::hash(frames.iter().map(|frame| *frame as u64))
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
