//! How allocations of ordinary tests were given back: each way once, with how often it was taken.

use std::sync::atomic::{AtomicU64, Ordering};

use super::arena::{self, Arena, Index};
use super::format::{self, END_WORDS};
use super::stacks::StackId;
use super::table::{self, Allocation, RunNumber};

pub(super) static ROWS: Arena = Arena::new(format::ENDS.len);
static INDEX: Index = Index::new(1 << 20);

/// See [`Index::prepare`].
#[cfg(target_os = "linux")]
pub(super) fn prepare() {
    INDEX.prepare();
}

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
    let rows = ROWS.words()?;
    let key = [pair(allocation.stack, end.stack), pair(allocation.run, end.who), end.state];
    let row = INDEX.find_or(arena::hash(key.into_iter()), |row| is(rows, row, key), || write(rows, key))?;
    rows[row as usize + key.len()].fetch_add(1, Ordering::Relaxed);
    Some(())
}

fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn is(rows: &[AtomicU64], row: u32, key: [u64; END_WORDS - 1]) -> bool {
    rows[row as usize..].iter().zip(key).all(|(word, part)| word.load(Ordering::Relaxed) == part)
}

fn write(rows: &[AtomicU64], key: [u64; END_WORDS - 1]) -> Option<u32> {
    let start = ROWS.take(END_WORDS)?;
    for (word, part) in rows[start..].iter().zip(key) {
        word.store(part, Ordering::Relaxed);
    }
    u32::try_from(start).ok()
}
