//! Looks at what a process has allocated while it runs: into its record, and into its memory.
//!
//! The process knows nothing of it, is not stopped, and takes no lock. A table may change while it is read, so it is read until it was
//! the same twice. Whatever moves inside a table is in its new place before its old one is overwritten: so nothing is missed in a table
//! that was the same, and what is there twice is counted once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use super::{Stack, WORD, Words, format, has_begun};

/// A table that changes faster than it is read is taken as it is after so many looks.
const LOOKS: usize = 50;

/// The record of a process that runs.
#[derive(Debug)]
pub struct Running {
    record: Words,
    memory: File,
    process: u64,
}

/// Something that is allocated now, and belongs to no checked run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Live {
    /// Where it was made.
    pub made: Stack,
    /// The flags of the task, if it is one.
    pub state: u64,
}

impl Running {
    /// Opens the record of a process that runs; `None` if it has not begun one.
    ///
    /// # Errors
    ///
    /// If the record or the memory of the process cannot be read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let mut record = Words(File::open(path)?);
        let header = record.read(format::HEADER.start, format::HEADER.len)?;
        if !has_begun(&header)? {
            return Ok(None);
        }
        let process = header[format::PROCESS_AT];
        let memory = File::open(format!("/proc/{process}/mem"))?;
        Ok(Some(Self { record, memory, process }))
    }

    /// Returns its number.
    #[must_use]
    pub fn process(&self) -> u64 {
        self.process
    }

    /// Returns what is allocated.
    ///
    /// # Errors
    ///
    /// If the record cannot be read.
    pub fn look(&mut self) -> io::Result<Vec<Live>> {
        let mut entries = BTreeMap::new();
        for shard in 0..format::SHARDS {
            entries.extend(self.shard(shard)?);
        }
        let live = |(address, made)| Some(Live { made, state: self.state(address)? });
        Ok(entries.into_iter().filter_map(live).collect())
    }

    /// Returns what is in a shard, by address.
    fn shard(&mut self, shard: usize) -> io::Result<Vec<(u64, Stack)>> {
        let mut before = None;
        for _ in 0..LOOKS {
            let now = Some(self.table(shard)?);
            if now == before {
                break;
            }
            before = now;
        }
        let table = before.unwrap_or_default();
        let entries = table.chunks_exact(2).filter(|entry| entry[0] != 0 && entry[1] as u32 & format::ORDINARY != 0);
        Ok(entries.map(|entry| (entry[0] & format::ADDRESS, Stack((entry[1] >> 32) as u32))).collect())
    }

    fn table(&mut self, shard: usize) -> io::Result<Vec<u64>> {
        let place = self.record.read(format::SHARDS_AT + shard, 1)?[0];
        let (start, len) = ((place >> 32) as usize, (place & u64::from(u32::MAX)) as usize);
        if len == 0 { Ok(Vec::new()) } else { self.record.read(format::CELLS.start + start, 2 * len) }
    }

    /// Reads the flags of what may be a task; `None` if it is gone by now.
    fn state(&self, address: u64) -> Option<u64> {
        let mut word = [0; WORD];
        read_at(&self.memory, &mut word, address).ok()?;
        Some(u64::from_ne_bytes(word) & format::STATE)
    }
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, at)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
