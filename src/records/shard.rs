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

use std::ops::Range;

use super::memory::Memory;
use super::{Stack, format};

/// So many slots are read at once, at first.
const PIECE: usize = 1 << 10;
/// Words of a slot.
const SLOT: usize = 2;
/// How often it is read anew if an address was in it twice, with different stacks: something else was allocated there meanwhile, or a slot
/// was overwritten at that very moment.
const DOUBTS: usize = 2;

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

/// Reads the shard whose sign is at this address, sorted by address; `None` if its memory cannot be read.
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
            Err(_) if doubts < DOUBTS => doubts += 1,
            Err(pass) => return Some(pass.first()),
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
    fn distinct(mut self) -> Result<Vec<Entry>, Self> {
        // What was read first stays first.
        self.read.sort_by_key(|entry| entry.address);
        self.read.dedup();
        let is_twice = || self.read.windows(2).any(|pair| pair[0].address == pair[1].address);
        // Where nothing has moved it was given back, and allocated anew.
        if self.moved == self.now.moves || !is_twice() { Ok(self.first()) } else { Err(self) }
    }

    /// Returns each thing as it was read first.
    fn first(mut self) -> Vec<Entry> {
        self.read.dedup_by_key(|entry| entry.address);
        self.read
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::super::memory::Memory;
    use super::{Entry, PIECE, entries, format};
    use crate::recorder::{Allocation, Home, Table};

    /// Where addresses begin that stay, and those that come and go.
    const STAY: usize = 1 << 40;
    const PASS: usize = 1 << 41;
    const RUN: u32 = format::ORDINARY | 1;

    fn allocation(address: usize) -> Allocation {
        Allocation { address, size: 64, stack: (address >> 4) as u32, run: RUN }
    }

    /// Looks into a table of our own, as from outside.
    fn look(table: &Table) -> Vec<Entry> {
        let memory = Memory::open(std::process::id().into()).expect("our own memory");
        let (first, stride) = table.signs();
        let signs = (0..format::SHARDS).map(|shard| (first + shard * stride) as u64);
        signs.flat_map(|sign| entries(&memory, sign).expect("a table")).collect()
    }

    /// Makes sure that each of so many that stay is seen once, and nothing twice.
    fn check(table: &Table, staying: usize) {
        let seen = look(table);
        let addresses: BTreeSet<u64> = seen.iter().map(|entry| entry.address).collect();
        assert_eq!(addresses.len(), seen.len(), "something was seen twice");
        let stayed = seen.iter().filter(|entry| (entry.address as usize) < PASS);
        assert_eq!(stayed.clone().count(), staying);
        for entry in stayed {
            assert_eq!((entry.made.0, entry.size), ((entry.address >> 4) as u32, 64));
            assert!(entry.is_ordinary());
        }
    }

    #[test]
    fn table_that_holds_still_is_read_whole() {
        static TABLE: Table = Table::new(Home::Own);
        check(&TABLE, 0);
        let many = format::SHARDS * PIECE * 3;
        (0..many).for_each(|number| TABLE.insert(allocation(STAY + number * 16)));
        check(&TABLE, many);
    }

    /// Looks into a table while two threads change it as fast as they can, with so many there at a time.
    fn check_while_it_changes(table: &'static Table, staying: usize, passing: usize) {
        static IS_OVER: AtomicBool = AtomicBool::new(false);
        (0..staying).for_each(|number| table.insert(allocation(STAY + number * 16)));
        let change = |thread: usize| {
            for number in 0.. {
                let address = |number: usize| PASS + (number * 2 + thread) % (passing * 8) * 16;
                table.insert(allocation(address(number)));
                if let Some(old) = number.checked_sub(passing / 2) {
                    table.remove(address(old));
                }
                if IS_OVER.load(Ordering::Relaxed) {
                    return;
                }
            }
        };
        thread::scope(|scope| {
            let changing = [0, 1].map(|thread| scope.spawn(move || change(thread)));
            let looking = scope.spawn(|| (0..30).for_each(|_| check(table, staying)));
            let looked = looking.join();
            IS_OVER.store(true, Ordering::Relaxed);
            changing.into_iter().for_each(|thread| thread.join().expect("a thread that ends"));
            IS_OVER.store(false, Ordering::Relaxed);
            assert!(looked.is_ok());
        });
    }

    #[test]
    fn nothing_is_missed_and_nothing_seen_twice_while_a_table_changes() {
        static SMALL: Table = Table::new(Home::Own);
        static LARGE: Table = Table::new(Home::Own);
        check_while_it_changes(&SMALL, 400, 200);
        check_while_it_changes(&LARGE, 20_000, 30_000);
    }
}
