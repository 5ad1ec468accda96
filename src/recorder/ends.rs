//! How allocations of ordinary tests were given back: each way once, with how often it was taken.

use std::sync::atomic::{AtomicU64, Ordering};

use super::arena::{self, Index, WORDS};
use super::format::END_WORDS;
use super::record;
use super::stacks::StackId;
use super::table::{self, Allocation, RunNumber};

static INDEX: Index = Index::new(1 << 20);

/// Where an allocation was given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// 0 if it was not, by the end of the process.
    pub(super) stack: StackId,
    pub(super) who: RunNumber,
    /// The lowest bits of its first word; see [`format::AT_EXIT`].
    pub(super) state: u64,
}

/// Counts an end.
pub(super) fn count(allocation: &Allocation, end: End) {
    if add(allocation, end).is_none() {
        table::lose();
    }
}

fn add(allocation: &Allocation, end: End) -> Option<()> {
    let rows = WORDS.words()?;
    let key = [pair(allocation.stack, end.stack), pair(allocation.run, end.who), end.state];
    let row = INDEX.find_or(arena::hash(key.into_iter()), |row| is(rows, row, key), || write(rows, key))?;
    rows[row as usize + key.len()].fetch_add(1, Ordering::Relaxed);
    Some(())
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// What makes an end another one; behind it stand how often it came, and the place of another end.
type Key = [u64; END_WORDS - 2];

fn is(rows: &[AtomicU64], row: u32, key: Key) -> bool {
    rows[row as usize..].iter().zip(key).all(|(word, part)| word.load(Ordering::Relaxed) == part)
}

fn write(rows: &[AtomicU64], key: Key) -> Option<u32> {
    let start = WORDS.take(END_WORDS)?;
    for (word, part) in rows[start..].iter().zip(key) {
        word.store(part, Ordering::Relaxed);
    }
    record::list_end(start, &rows[start + END_WORDS - 1])?;
    u32::try_from(start).ok()
}
