//! The table of live tasks: one write a spawn, one a poll, one an end; no lock, no allocation on any of them.
//!
//! tokio's task ids count up, so the lower bits of an id are its home slot and a new task nearly always finds it free: the
//! table behaves like a ring over which the living stay behind. Where a new id finds no free slot near its home, a table of
//! twice the size takes the newcomers and the old one drains; nothing is ever moved, so nobody needs a lock. `tests/loom/table.rs` tries
//! every order of its steps, on tables of a few slots.
//!
//! It has `unsafe` since a slot keeps the spawn place as a raw pointer: there is no atomic reference.
#![expect(unsafe_code, reason = "a spawn place is read back from an atomic pointer")]

use std::array;
use std::panic::Location;
use std::ptr;

use lightsout_sync::OnceLock;
use lightsout_sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

/// How far from its home a task may stand. Long enough that a few long-lived neighbours do not force a larger table, short
/// enough that a miss stays cheap.
const REACH: usize = if cfg!(loom) { 1 } else { 16 };
/// How many slots the first table has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// As many as most tests ever need.
    Usual,
    /// A few: for one of thousands of runs, which each make a table, and look whether it is empty.
    Small,
}

impl First {
    fn slots(self) -> usize {
        match self {
            _ if cfg!(loom) => 2,
            Self::Usual => 256,
            Self::Small => 32,
        }
    }
}

/// More tables than memory could hold.
const TABLES: usize = if cfg!(loom) { 3 } else { 40 };

/// No task has this id: ids start at 1.
const FREE: u64 = 0;
/// A slot that is being filled.
const TAKEN: u64 = u64::MAX;

/// Aligned so that none lies across two cache lines.
#[derive(Debug)]
#[repr(align(32))]
struct Slot {
    /// The task's id, `FREE` or `TAKEN`.
    id: AtomicU64,
    /// The spawn place; null before the first use.
    place: AtomicPtr<Location<'static>>,
    /// When it was spawned, in milliseconds of the run's clock.
    born: AtomicU32,
    /// How often it was polled, a poll that has not ended included.
    polls: AtomicU32,
    /// How many tasks have stood here. Only who has taken the slot writes it, which spares every spawn a shared counter.
    uses: AtomicU32,
}

#[derive(Debug)]
struct Table {
    /// The first id that asked for this table; ids below it live in older ones, but for a race of neighbours.
    from: u64,
    slots: Box<[Slot]>,
}

impl Table {
    fn new(size: usize, from: u64) -> Self {
        Self { from, slots: (0..size).map(|_| Slot::new()).collect() }
    }
}

impl Slot {
    fn new() -> Self {
        Self {
            id: AtomicU64::new(FREE),
            place: AtomicPtr::new(ptr::null_mut()),
            born: AtomicU32::new(0),
            polls: AtomicU32::new(0),
            uses: AtomicU32::new(0),
        }
    }

    fn holds(&self, id: u64) -> bool {
        self.id.load(Ordering::Relaxed) == id
    }

    /// Takes the slot if it is free.
    fn take(&self) -> bool {
        self.id.load(Ordering::Relaxed) == FREE
            && self.id.compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

/// One live task, as the table knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) place: &'static Location<'static>,
    /// Milliseconds of the run's clock.
    pub(crate) born: u32,
    /// A poll that has not ended included.
    pub(crate) polls: u32,
}

/// The live tasks of one run.
#[derive(Debug)]
pub(crate) struct Tasks {
    /// The first table, apart: its homes are reached from an id without a further load, and most runs need no other.
    first: Box<[Slot]>,
    /// Each twice as large as the one before; made when the one before is full. Most runs need not even the place for them.
    later: OnceLock<Box<[OnceLock<Table>; TABLES]>>,
    /// How many of `later` are made.
    made: AtomicUsize,
}

impl Tasks {
    /// Makes a table without tasks.
    pub(crate) fn new(first: First) -> Self {
        let first = (0..first.slots()).map(|_| Slot::new()).collect();
        Self { first, later: OnceLock::new(), made: AtomicUsize::new(0) }
    }

    /// Writes down a spawned task.
    pub(crate) fn begin(&self, id: u64, place: &'static Location<'static>, now: u32) {
        let slot = self.claim(id);
        // Who reads one of these also sees that the slot was taken: see `row`.
        fence(Ordering::Release);
        slot.place.store(ptr::from_ref(place).cast_mut(), Ordering::Relaxed);
        slot.born.store(now, Ordering::Relaxed);
        slot.polls.store(0, Ordering::Relaxed);
        slot.uses.store(slot.uses.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        slot.id.store(id, Ordering::Release);
    }

    /// Counts a poll. A task is polled by one thread at a time, so a load and a store suffice.
    pub(crate) fn poll(&self, id: u64) {
        if let Some(slot) = self.find(id) {
            slot.polls.store(slot.polls.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// Forgets a task that has ended. An id that was never written down is no fault: tokio tells of the end of blocking
    /// closures and of its own workers, whose beginning it does not tell.
    pub(crate) fn end(&self, id: u64) {
        if let Some(slot) = self.find(id) {
            slot.id.store(FREE, Ordering::Release);
        }
    }

    /// Returns whether a task is alive.
    pub(crate) fn contains(&self, id: u64) -> bool {
        self.find(id).is_some()
    }

    /// Returns where a live task was spawned.
    pub(crate) fn place(&self, id: u64) -> Option<&'static Location<'static>> {
        self.find(id).and_then(Self::row).filter(|row| row.id == id).map(|row| row.place)
    }

    /// Returns the live tasks, oldest id first.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.slots().filter_map(Self::row).collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }

    /// Returns how many tasks were ever written down.
    pub(crate) fn begun(&self) -> u64 {
        self.slots().map(|slot| u64::from(slot.uses.load(Ordering::Relaxed))).sum()
    }

    /// Returns whether no task is alive.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots().all(|slot| slot.id.load(Ordering::Acquire) == FREE)
    }

    fn row(slot: &Slot) -> Option<Row> {
        let id = slot.id.load(Ordering::Acquire);
        let place = slot.place.load(Ordering::Relaxed);
        if id == FREE || id == TAKEN {
            return None;
        }
        // SAFETY: an id is published only after `begin` has stored a place, which came from a `&'static Location`.
        let place = unsafe { &*place };
        let row = Row { id, place, born: slot.born.load(Ordering::Relaxed), polls: slot.polls.load(Ordering::Relaxed) };
        // The slot may have changed hands in between; then the task that stood here has ended. The fences order this look behind those
        // above, as in Boehm, "Can seqlocks get along with programming language memory models?" (MSPC 2012).
        fence(Ordering::Acquire);
        (slot.id.load(Ordering::Relaxed) == id).then_some(row)
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.first.iter().chain(self.later().flat_map(|table| &table.slots))
    }

    /// Returns the later tables, oldest first.
    fn later(&self) -> impl DoubleEndedIterator<Item = &Table> {
        let made = self.made.load(Ordering::Acquire);
        self.later.get().into_iter().flat_map(move |later| later[..made].iter().filter_map(OnceLock::get))
    }

    fn find(&self, id: u64) -> Option<&Slot> {
        let home = home(&self.first, id);
        if home.holds(id) { Some(home) } else { self.find_away(id) }
    }

    /// Finds a task that does not stand in its home in the first table.
    #[cold]
    fn find_away(&self, id: u64) -> Option<&Slot> {
        // Neighbouring ids may have raced for a new table, and old ones may stand in any.
        let likely = self.later().rev().find(|table| table.from <= id).map(|table| &*table.slots);
        let tables = self.later().rev().map(|table| &*table.slots);
        likely.into_iter().chain([&self.first[..]]).chain(tables).find_map(|slots| find(slots, id))
    }

    fn claim(&self, id: u64) -> &Slot {
        let home = home(&self.first, id);
        if home.take() { home } else { self.claim_away(id) }
    }

    /// Claims a slot away from the home in the first table: near it, in the newest table, or in a new one.
    #[cold]
    fn claim_away(&self, id: u64) -> &Slot {
        loop {
            let newest = self.later().next_back().map_or(&self.first[..], |table| &table.slots);
            if let Some(slot) = near(newest, id).find(|slot| slot.take()) {
                return slot;
            }
            self.grow(id);
        }
    }

    /// Makes the next table, unless another thread just has.
    fn grow(&self, from: u64) {
        let made = self.made.load(Ordering::Acquire);
        let later = self.later.get_or_init(|| Box::new(array::from_fn(|_| OnceLock::new())));
        later[made].get_or_init(|| Table::new(self.first.len() << (made + 1), from));
        let _ = self.made.compare_exchange(made, made + 1, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// Returns the slot where a task nearly always stands; the number of slots is a power of two.
fn home(slots: &[Slot], id: u64) -> &Slot {
    &slots[id as usize & (slots.len() - 1)]
}

/// Returns the slots where a task may stand.
fn near(slots: &[Slot], id: u64) -> impl Iterator<Item = &Slot> {
    (0..REACH as u64).map(move |step| home(slots, id.wrapping_add(step)))
}

fn find(slots: &[Slot], id: u64) -> Option<&Slot> {
    near(slots, id).find(|slot| slot.holds(id))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn here() -> &'static Location<'static> {
        Location::caller()
    }

    fn ids(tasks: &Tasks) -> Vec<u64> {
        tasks.rows().iter().map(|row| row.id).collect()
    }

    #[test]
    fn ended_task_leaves_and_its_neighbour_stays() {
        let tasks = Tasks::new(First::Usual);
        assert!(tasks.is_empty());
        tasks.begin(7, here(), 3);
        tasks.begin(8, here(), 4);
        tasks.poll(8);
        tasks.end(7);
        assert_eq!(ids(&tasks), [8]);
        assert_eq!((tasks.rows()[0].born, tasks.rows()[0].polls), (4, 1));
        tasks.end(8);
        assert!(tasks.is_empty());
    }

    #[test]
    fn end_of_an_unknown_task_is_ignored() {
        let tasks = Tasks::new(First::Usual);
        tasks.end(5);
        tasks.poll(5);
        tasks.begin(6, here(), 0);
        tasks.end(5);
        assert_eq!(ids(&tasks), [6]);
    }

    #[test]
    fn every_live_task_is_found_while_tables_grow() {
        let tasks = Tasks::new(First::Usual);
        let many = 10_000;
        for id in 1..=many {
            tasks.begin(id, here(), 0);
        }
        for id in (1..=many).filter(|id| !id.is_multiple_of(3)) {
            tasks.poll(id);
            tasks.end(id);
        }
        assert_eq!(ids(&tasks), (1..=many).filter(|id| id.is_multiple_of(3)).collect::<Vec<_>>());
    }

    #[test]
    fn churn_beside_a_long_lived_task_does_not_grow_the_table() {
        let tasks = Tasks::new(First::Usual);
        tasks.begin(1, here(), 0);
        for id in 2..100_000 {
            tasks.begin(id, here(), 0);
            tasks.end(id);
        }
        assert_eq!(ids(&tasks), [1]);
        assert_eq!(tasks.begun(), 99_999);
        assert_eq!(tasks.made.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn threads_that_race_lose_nothing() {
        let tasks = Tasks::new(First::Usual);
        let next = AtomicU64::new(1);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5_000 {
                        let id = next.fetch_add(1, Ordering::Relaxed);
                        tasks.begin(id, here(), 0);
                        tasks.poll(id);
                        tasks.poll(id);
                        if !id.is_multiple_of(10) {
                            tasks.end(id);
                        }
                    }
                });
            }
        });
        let rows = tasks.rows();
        assert_eq!(rows.len(), 2_000);
        assert!(rows.iter().all(|row| row.id.is_multiple_of(10) && row.polls == 2));
    }
}
