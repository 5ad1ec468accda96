//! A part of a table of what a process has allocated, read from outside while it changes.
//!
//! The process is not stopped, and no lock is taken, so something may move while it is read. It moves towards the lower end, is in its
//! new place before its old one is overwritten, and that is counted in between (see `recorder::table`). So a table is read from its upper
//! end: what has moved before its old place was read is met further down. A piece is read upwards, as memory is, and only taken as it is if
//! nothing has moved meanwhile; otherwise its halves are read, down to a single slot. Around the end of the table things move from its
//! lowest slots to its highest ones, and so these are read once more.
//!
//! Thus nothing is missed that is there all the time, however fast the table changes, and each slot is read a few times at most. A
//! table that has grown is another one, and is read anew; it doubles each time.

use std::collections::BTreeMap;
use std::ops::Range;

use super::memory::Memory;
use super::{Stack, format};

/// So many slots are read at once, at first.
const PIECE: usize = 1 << 10;
/// Words of a slot.
const SLOT: usize = 2;
/// How often it is read anew if something was in it twice, as two things: it was overwritten at that very moment.
const DOUBTS: usize = 8;

/// What a slot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) address: u64,
    /// In bytes.
    pub(super) size: usize,
    pub(super) made: Stack,
    who: u32,
}

impl Entry {
    fn read(slot: &[u64]) -> Self {
        let (place, whose) = (slot[0], slot[1]);
        Self {
            address: place & format::ADDRESS,
            size: (place >> 48) as usize * super::WORD,
            made: Stack((whose >> 32) as u32),
            who: whose as u32,
        }
    }

    /// Returns whether it belongs to no checked run.
    pub(super) fn is_ordinary(&self) -> bool {
        self.who & format::ORDINARY != 0
    }
}

/// Reads the shard whose sign is at this address; `None` if its memory cannot be read.
pub(super) fn entries(memory: &Memory, sign: u64) -> Option<Vec<Entry>> {
    let mut doubts = 0;
    loop {
        let now = Sign::read(memory, sign)?;
        let mut pass = Pass { memory, sign, now, moved: now.moves, read: Vec::new() };
        if pass.whole().is_none() {
            // It has grown meanwhile, or cannot be read any more, which the sign will tell.
            if Sign::read(memory, sign)?.table == now.table {
                return None;
            }
            continue;
        }
        match pass.distinct() {
            Err(Doubt) if doubts < DOUBTS => doubts += 1,
            Err(Doubt) => return Some(pass.first()),
            Ok(entries) => return Some(entries),
        }
    }
}

/// What the process says of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sign {
    table: u64,
    moves: u64,
}

impl Sign {
    fn read(memory: &Memory, at: u64) -> Option<Self> {
        let [table, moves] = memory.words::<{ format::SIGN_WORDS }>(at)?;
        Some(Self { table, moves })
    }

    /// Returns how many slots there are.
    fn len(self) -> usize {
        if self.table == 0 { 0 } else { 1 << (self.table >> 48) }
    }

    fn start(self) -> u64 {
        self.table & format::ADDRESS
    }
}

/// Whether a slot in a piece of a table was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Some,
    None,
}

/// Something was there as two things.
#[derive(Debug)]
struct Doubt;

/// One way through a table.
struct Pass<'a> {
    memory: &'a Memory,
    /// Where the sign is.
    sign: u64,
    /// The table that is read.
    now: Sign,
    /// How often something had moved before the next piece.
    moved: u64,
    /// In the order of reading.
    read: Vec<Entry>,
}

impl Pass<'_> {
    /// Reads the table; `None` if it is another one by now.
    fn whole(&mut self) -> Option<()> {
        let len = self.now.len();
        let pieces = || (0..len).step_by(PIECE).rev().map(|start| start..len.min(start + PIECE));
        let rooms = pieces().map(|piece| self.piece(piece)).collect::<Option<Vec<_>>>()?;
        if self.moved != self.now.moves {
            // What moves around the end does so only as far as there was no room.
            let full = rooms.iter().take_while(|room| **room == Room::None).count();
            pieces().take(full + 1).try_for_each(|piece| self.piece(piece).map(drop))?;
        }
        Some(())
    }

    /// Reads a piece: at once if it holds still, or else by halves, the upper one first.
    fn piece(&mut self, piece: Range<usize>) -> Option<Room> {
        let at = self.now.start() + (piece.start * SLOT * super::WORD) as u64;
        let slots = self.memory.many_words(at, piece.len() * SLOT);
        let before = self.moved;
        let after = Sign::read(self.memory, self.sign).filter(|sign| sign.table == self.now.table)?;
        self.moved = after.moves;
        let slots = slots?;
        if after.moves != before && piece.len() > 1 {
            let middle = piece.start + piece.len() / 2;
            let rooms = [self.piece(middle..piece.end)?, self.piece(piece.start..middle)?];
            return Some(if rooms.contains(&Room::Some) { Room::Some } else { Room::None });
        }
        let taken = slots.chunks_exact(SLOT).rev().filter(|slot| slot[0] != 0).map(Entry::read);
        let count = self.read.len();
        self.read.extend(taken);
        Some(if self.read.len() - count < piece.len() { Room::Some } else { Room::None })
    }

    /// Returns what was read, each thing once, unless it was there as two.
    fn distinct(&self) -> Result<Vec<Entry>, Doubt> {
        let mut sorted = self.read.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let is_sure = sorted.windows(2).all(|pair| pair[0].address != pair[1].address);
        if is_sure { Ok(sorted) } else { Err(Doubt) }
    }

    /// Returns each thing as it was read first.
    fn first(&self) -> Vec<Entry> {
        let backwards = self.read.iter().rev();
        let first: BTreeMap<u64, Entry> = backwards.map(|entry| (entry.address, *entry)).collect();
        first.into_values().collect()
    }
}
