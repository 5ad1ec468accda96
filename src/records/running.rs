//! Looks at what a process has allocated while it runs: into its memory.
//!
//! The process knows nothing of it, is not stopped, and takes no lock. What is there all the time is seen, and nothing twice; what comes or
//! goes meanwhile may be seen.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use super::memory::{Memory, word};
use super::shard::{self, Entry};
use super::{Stack, WORD, Words, format, has_begun};
use crate::recorder::shared;

/// What can be read of a process that runs.
#[derive(Debug)]
pub struct Running {
    memory: Memory,
    process: u64,
    /// Where the signs of its tables are.
    cells: u64,
    rest: u64,
    stride: u64,
}

/// Something that is allocated now, and belongs to no checked run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Live {
    /// Where it was made.
    pub made: Stack,
    /// The flags of the task, if it is one.
    pub state: u64,
    /// Whether it is no task, and may be a channel.
    pub is_shared: bool,
}

impl Running {
    /// Opens the record of a process that runs; `None` if it has not begun one.
    ///
    /// # Errors
    ///
    /// If the record or the memory of the process cannot be read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let header = Words(File::open(path)?).read(format::HEADER.start, format::HEADER.len)?;
        if !has_begun(&header)? {
            return Ok(None);
        }
        let process = header[format::PROCESS_AT];
        Ok(Some(Self {
            memory: Memory::open(process)?,
            process,
            cells: header[format::CELLS_SIGNS_AT],
            rest: header[format::REST_SIGNS_AT],
            stride: header[format::STRIDE_AT],
        }))
    }

    /// Returns its number.
    #[must_use]
    pub fn process(&self) -> u64 {
        self.process
    }

    /// Returns what is allocated, with how many are alike; nothing of a process that has ended.
    ///
    /// # Errors
    ///
    /// If the memory of the process cannot be read.
    pub fn look(&self) -> io::Result<BTreeMap<Live, usize>> {
        let mut alive = BTreeMap::new();
        let mut count = |live: Live| *alive.entry(live).or_insert(0) += 1;
        self.memory.each(
            &self.entries(self.cells)?,
            |cell| (cell.address, WORD),
            |cell, bytes| {
                count(Live { made: cell.made, state: word(bytes) & format::STATE, is_shared: false });
            },
        );
        let place = |it: &Entry| (it.address, shared::telling(it.size));
        self.memory.each(&self.entries(self.rest)?, place, |it, bytes| {
            if shared::has_counts(it.size, |at| word(&bytes[at..at + WORD])) {
                count(Live { made: it.made, state: 0, is_shared: true });
            }
        });
        Ok(alive)
    }

    /// Returns what is in a table, sorted by address.
    fn entries(&self, signs: u64) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for sign in (0..format::SHARDS as u64).map(|shard| signs + shard * self.stride) {
            match shard::entries(&self.memory, sign) {
                Some(shard) => entries.extend(shard.into_iter().filter(Entry::is_ordinary)),
                None if self.memory.is_over(sign) => return Ok(Vec::new()),
                None => return Err(io::Error::other("its tables are not where it says")),
            }
        }
        // Those of each shard are sorted, which this sort makes use of.
        entries.sort_by_key(|entry| entry.address);
        Ok(entries)
    }
}
