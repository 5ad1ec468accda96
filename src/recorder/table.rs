//! Which recorded allocations are alive.
//!
//! Shards, each with a lock that is held for a few dozen instructions. An allocation leaves the table before its memory is given
//! back, and whoever looks at the memory of one does so under its shard's lock: so it cannot be given back meanwhile.
//!
//! Who looks from another process takes no lock, and can tell what is there by three promises. What moves inside a table moves towards
//! its home only, is in its new place before its old one is overwritten, and that is counted in between. A slot is free while it is
//! written. A table that has grown is told before the old one is given back. See `records::shard`, which relies on them.
#![expect(unsafe_code, reason = "its memory comes from no allocator")]

use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use super::format::{ADDRESS, SHARDS};
use super::memory;
use super::record;
use super::shared;
use super::stacks::StackId;
use super::who::is_ordinary;

/// The run that an allocation belongs to.
pub(crate) type RunNumber = u32;

/// No run: what belongs to it is not written down.
pub(crate) const NO_RUN: RunNumber = 0;

/// One live allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub(crate) address: usize,
    /// In bytes: rounded down to whole words, and at most half a megabyte.
    pub(crate) size: u32,
    pub(crate) stack: StackId,
    pub(crate) run: RunNumber,
}

/// An allocation in two words: there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Packed {
    /// The address in the lower 48 bits, all that processors use; the size in words above. 0 marks a free slot.
    place: u64,
    /// The stack in the upper half, the run in the lower one.
    whose: u64,
}

// `format::CELLS` says so.
const _: () = assert!(size_of::<Packed>() == 2 * size_of::<u64>());

/// The unit of a packed size, in bytes.
const WORD: u32 = 8;

impl Packed {
    const FREE: Self = Self { place: 0, whose: 0 };

    fn new(it: Allocation) -> Self {
        let words = u64::from(it.size / WORD).min(u16::MAX.into());
        Self { place: it.address as u64 & ADDRESS | words << 48, whose: u64::from(it.stack) << 32 | u64::from(it.run) }
    }

    /// Becomes another one. Whoever reads meanwhile, from the front, sees it with its own second word, or not at all.
    #[inline]
    fn set(&mut self, it: Self) {
        let Self { place, whose } = self;
        // SAFETY: each is a word of our own.
        unsafe {
            (place as *mut u64).write_volatile(0);
            fence(Ordering::Release);
            (whose as *mut u64).write_volatile(it.whose);
            fence(Ordering::Release);
            (place as *mut u64).write_volatile(it.place);
        }
    }

    fn address(self) -> usize {
        (self.place & ADDRESS) as usize
    }

    fn run(self) -> RunNumber {
        self.whose as u32
    }

    fn unpack(self) -> Allocation {
        let size = (self.place >> 48) as u32 * WORD;
        Allocation { address: self.address(), size, stack: (self.whose >> 32) as u32, run: self.run() }
    }
}

/// Slots of a shard at its first use: those of a small process are on one page of its record.
const FIRST: usize = 4;
/// The same where all that may be a channel is written down: a page, which is what the system gives in any case.
const FIRST_OF_MANY: usize = 256;
/// The most slots that a shard outside of the record has for what belongs to no checked run: 128 MB in all.
const MOST: usize = 1 << 17;
/// How many runs at once have a counter of their own; others share one, which then says "perhaps".
const COUNTERS: usize = if cfg!(miri) { 4 } else { 256 };
/// How many counters tell, before a lock is taken, that an address is not here: all on one page, which a small process writes to.
const BUCKETS: usize = SHARDS << BUCKET_BITS;
/// Each shard has so many of them, as a power of two.
const BUCKET_BITS: u32 = 6;

/// How many allocations were lost because the system had no memory for a table.
static LOST: AtomicU32 = AtomicU32::new(0);

/// Returns how many allocations could not be written down.
pub(super) fn lost() -> u32 {
    LOST.load(Ordering::Relaxed)
}

/// Notes that something could not be written down.
pub(super) fn lose() {
    LOST.fetch_add(1, Ordering::Relaxed);
    record::lose();
}

/// Where a table has its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// The record, if there is one. It comes first, so that a table of it is all zero at the start, and takes no room in a file.
    Record,
    /// Nobody else's.
    Own,
}

/// The live allocations of one sort.
pub(crate) struct Table {
    home: Home,
    /// A bit for each shard that has a table: the others need not be looked at, which would touch their memory.
    used: AtomicU64,
    shards: [Shard; SHARDS],
    /// How many allocations each run has in each shard; only changed under its lock.
    counts: [Counts; SHARDS],
    /// How many addresses there are of each bucket; what has once reached the largest number stays there. Whoever gives memory back
    /// has got it from whoever allocated it, and so finds it counted.
    buckets: [AtomicU8; BUCKETS],
}

impl Table {
    pub(crate) const fn new(home: Home) -> Self {
        let shards = [const { Shard::new() }; SHARDS];
        let counts = [const { Counts([const { AtomicU32::new(0) }; COUNTERS]) }; SHARDS];
        Self { home, used: AtomicU64::new(0), shards, counts, buckets: [const { AtomicU8::new(0) }; BUCKETS] }
    }

    /// Returns where it lies itself.
    pub(super) fn addresses(&self) -> Range<usize> {
        let start = std::ptr::from_ref(self).addr();
        start..start + size_of::<Self>()
    }

    /// Returns the address of the first shard's sign, and how far the next one is from it, in bytes.
    pub(crate) fn signs(&self) -> (usize, usize) {
        (std::ptr::from_ref(&self.shards[0].sign).addr(), size_of::<Shard>())
    }

    /// Returns whether somebody asks how what is in it was given back.
    pub(super) fn has_ends(&self) -> bool {
        self.home == Home::Record
    }

    /// Writes down an allocation; one that was there under its address has been given back without a word.
    pub(crate) fn insert(&self, allocation: Allocation) {
        let number = shard_of(allocation.address);
        let shard = &self.shards[number];
        let is_full = |slots: &Slots| self.home == Home::Own && is_ordinary(allocation.run) && slots.len >= MOST;
        let grow = |slots: &mut Slots| match is_full(slots) {
            true => None,
            false => {
                self.used.fetch_or(1 << number, Ordering::Relaxed);
                slots.grow((self.home == Home::Record).then_some(number), &shard.sign)
            }
        };
        shard.with(|slots| match slots.insert(Packed::new(allocation), grow) {
            Some(Inserted::New) => {
                self.counts[number].add(allocation.run, 1);
                change(self.bucket(allocation.address), |count| count.saturating_add(1));
            }
            Some(Inserted::InPlaceOf(old)) => {
                self.counts[number].add(allocation.run, 1);
                self.counts[number].add(old.run(), -1);
            }
            None => lose(),
        });
    }

    /// Forgets an allocation and returns it, if it was written down.
    #[inline]
    pub(crate) fn remove(&self, address: usize) -> Option<Allocation> {
        let has_table = self.used.load(Ordering::Relaxed) & 1 << shard_of(address) != 0;
        if has_table && self.bucket(address).load(Ordering::Relaxed) != 0 { self.remove_likely(address) } else { None }
    }

    #[inline(never)]
    fn remove_likely(&self, address: usize) -> Option<Allocation> {
        let number = shard_of(address);
        self.shards[number].with(|slots| self.remove_from(number, slots, address))
    }

    fn remove_from(&self, number: usize, slots: &mut Slots, address: usize) -> Option<Allocation> {
        let gone = slots.remove(address, || self.shards[number].sign.count())?;
        self.counts[number].add(gone.run(), -1);
        change(self.bucket(address), |count| if count == u8::MAX { count } else { count - 1 });
        Some(gone.unpack())
    }

    /// Forgets all allocations that are meant, and calls `took` with each. None of them can be given back meanwhile; what is called must
    /// not allocate or give back what is recorded.
    #[cfg(target_os = "linux")]
    pub(super) fn take(&self, is_meant: impl Fn(&Allocation) -> bool, mut took: impl FnMut(Allocation)) {
        for number in self.used() {
            self.shards[number].with(|slots| {
                let mut at = 0;
                while at < slots.len {
                    let it = slots.all()[at];
                    if it == Packed::FREE || !is_meant(&it.unpack()) {
                        at += 1;
                        continue;
                    }
                    // What moves up into its place, from behind it, is looked at next.
                    self.remove_from(number, slots, it.address());
                    took(it.unpack());
                }
            });
        }
    }

    /// Returns whether a run may have live allocations. A no is exact.
    pub(crate) fn may_have(&self, run: RunNumber) -> bool {
        self.used().any(|number| self.counts[number].may_have(run))
    }

    /// Calls `look` with each live allocation of a run; none of them can be given back while it is looked at. `look` must not
    /// allocate or give back what is recorded.
    pub(crate) fn each(&self, run: RunNumber, mut look: impl FnMut(&Allocation)) {
        for number in self.used().filter(|number| self.counts[*number].may_have(run)) {
            self.shards[number].with(|slots| slots.each_of(run, &mut look));
        }
    }

    /// Calls `look` with each live allocation that belongs to no checked run, as [`each`](Self::each) does.
    pub(super) fn each_ordinary(&self, mut look: impl FnMut(&Allocation)) {
        for number in self.used() {
            self.shards[number].with(|slots| {
                let own = slots.all().iter().filter(|it| **it != Packed::FREE && is_ordinary(it.run()));
                own.for_each(|it| look(&it.unpack()));
            });
        }
    }

    /// Forgets everything, and locks that nobody holds any more: in a child process only the thread that forked goes on.
    pub(super) fn forget(&self) {
        for number in self.used() {
            let shard = &self.shards[number];
            shard.locked.store(true, Ordering::Relaxed);
            // SAFETY: nobody else is there.
            unsafe { *shard.slots.get() = Slots::EMPTY };
            shard.sign.table.store(0, Ordering::Relaxed);
            self.counts[number].0.iter().for_each(|count| count.store(0, Ordering::Relaxed));
            shard.locked.store(false, Ordering::Relaxed);
        }
        self.buckets.iter().for_each(|count| count.store(0, Ordering::Relaxed));
        self.used.store(0, Ordering::Relaxed);
    }

    /// Returns the numbers of the shards that have a table.
    fn used(&self) -> impl Iterator<Item = usize> {
        let used = self.used.load(Ordering::Relaxed);
        (0..SHARDS).filter(move |number| used & 1 << number != 0)
    }

    /// Calls `look` with the live allocation at an address, if there is one; it cannot be given back while it is looked at. `look` must
    /// not allocate or give back what is recorded.
    pub(crate) fn look(&self, address: usize, look: impl FnOnce(&Allocation)) {
        self.shards[shard_of(address)].with(|slots| {
            if let Some(found) = slots.get(address) {
                look(&found.unpack());
            }
        });
    }

    /// All addresses of a bucket are in one shard, under whose lock it is changed.
    fn bucket(&self, address: usize) -> &AtomicU8 {
        &self.buckets[hash(address) & (BUCKETS - 1)]
    }
}

fn shard_of(address: usize) -> usize {
    hash(address) >> BUCKET_BITS & (SHARDS - 1)
}

/// Changes a counter that only the holder of a lock changes.
fn change(counter: &AtomicU8, by: impl Fn(u8) -> u8) {
    counter.store(by(counter.load(Ordering::Relaxed)), Ordering::Relaxed);
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

/// Spreads addresses, whose lowest bits are all alike.
fn hash(address: usize) -> usize {
    let mixed = (address >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize);
    mixed >> 24
}

/// Where an address wants to stand among those of its shard, which have the lower bits of their hashes in common.
fn home(address: usize) -> usize {
    hash(address) / BUCKETS
}

/// What whoever looks from outside reads of a shard: see [`format::SIGN_WORDS`]. Only changed under the lock.
#[repr(C)]
struct Sign {
    table: AtomicU64,
    moves: AtomicU64,
}

impl Sign {
    const fn new() -> Self {
        Self { table: AtomicU64::new(0), moves: AtomicU64::new(0) }
    }

    /// Says where the table is from now on. What is given back of the old one is so afterwards.
    fn tell(&self, start: NonNull<u8>, len: usize) {
        let place = start.as_ptr().addr() as u64 & ADDRESS;
        self.table.store(u64::from(len.trailing_zeros()) << 48 | place, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    /// Counts that something has moved, which is in its new place by now and still in its old one.
    fn count(&self) {
        self.moves.store(self.moves.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
        fence(Ordering::Release);
    }
}

/// Aligned so that no two threads write to the same line on account of two shards.
#[repr(align(64))]
struct Shard {
    sign: Sign,
    locked: AtomicBool,
    slots: UnsafeCell<Slots>,
}

// SAFETY: `slots` is only reached through `with`, under the lock.
unsafe impl Sync for Shard {}

impl Shard {
    const fn new() -> Self {
        Self { sign: Sign::new(), locked: AtomicBool::new(false), slots: UnsafeCell::new(Slots::EMPTY) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Slots) -> R) -> R {
        let mut tries = 0_u32;
        while self.locked.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            tries += 1;
            // Its holder may have lost its processor.
            if tries.is_multiple_of(64) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
        // SAFETY: the lock is held, and `act` cannot get at this shard again: nothing in this module calls `with` inside it.
        let result = act(unsafe { &mut *self.slots.get() });
        self.locked.store(false, Ordering::Release);
        result
    }
}

/// Apart from its shard: what belongs to no checked run does not touch it.
#[repr(align(64))]
struct Counts([AtomicU32; COUNTERS]);

impl Counts {
    /// Of what belongs to no checked run nobody asks.
    fn add(&self, run: RunNumber, by: i32) {
        if !is_ordinary(run) {
            let count = &self.0[run as usize % COUNTERS];
            count.store(count.load(Ordering::Relaxed).wrapping_add_signed(by), Ordering::Relaxed);
        }
    }

    fn may_have(&self, run: RunNumber) -> bool {
        self.0[run as usize % COUNTERS].load(Ordering::Relaxed) != 0
    }
}

/// An open-addressed table.
struct Slots {
    /// `None` before the first allocation.
    start: Option<NonNull<Packed>>,
    /// A power of two, or 0.
    len: usize,
    used: usize,
    /// Whether its memory was mapped for it alone, and is given back.
    is_mapped: bool,
}

enum Inserted {
    New,
    InPlaceOf(Packed),
}

impl Slots {
    const EMPTY: Self = Self { start: None, len: 0, used: 0, is_mapped: false };

    fn all(&mut self) -> &mut [Packed] {
        match self.start {
            // SAFETY: `start` is the start of `len` mapped values, zeroed at first, and `self` is borrowed mutably.
            Some(start) => unsafe { std::slice::from_raw_parts_mut(start.as_ptr(), self.len) },
            None => &mut [],
        }
    }

    /// A plain loop: there are many slots, and tests are built without optimisation.
    fn each_of(&mut self, run: RunNumber, look: &mut impl FnMut(&Allocation)) {
        let (all, mut at) = (self.all(), 0);
        while at < all.len() {
            let it = all[at];
            if it.whose as u32 == run && it.place != 0 {
                look(&it.unpack());
            }
            at += 1;
        }
    }

    /// `None` where there is no memory.
    fn insert(&mut self, allocation: Packed, grow: impl FnOnce(&mut Self) -> Option<()>) -> Option<Inserted> {
        if (self.used + 1) * 4 > self.len * 3 {
            grow(self)?;
        }
        let at = self.place(allocation.address());
        let slot = &mut self.all()[at];
        let old = *slot;
        slot.set(allocation);
        if old != Packed::FREE {
            return Some(Inserted::InPlaceOf(old));
        }
        self.used += 1;
        Some(Inserted::New)
    }

    /// Calls `moved` when something has a new place, and still its old one.
    fn remove(&mut self, address: usize, moved: impl Fn()) -> Option<Packed> {
        if self.used == 0 {
            return None;
        }
        let mask = self.len - 1;
        let mut hole = self.place(address);
        let gone = self.all()[hole];
        if gone == Packed::FREE {
            return None;
        }
        // Closes the hole, so that no search ends before what it looks for: moves up whatever may stand here.
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            let candidate = self.all()[next];
            if candidate == Packed::FREE {
                break;
            }
            let home = home(candidate.address()) & mask;
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.all()[hole].set(candidate);
                moved();
                hole = next;
            }
        }
        self.all()[hole].set(Packed::FREE);
        self.used -= 1;
        Some(gone)
    }

    fn get(&mut self, address: usize) -> Option<Packed> {
        let at = if self.len == 0 { return None } else { self.place(address) };
        Some(self.all()[at]).filter(|found| *found != Packed::FREE)
    }

    /// Returns where an address stands, or would.
    fn place(&mut self, address: usize) -> usize {
        let mask = self.len - 1;
        let mut at = home(address) & mask;
        while ![0, address].contains(&self.all()[at].address()) {
            at = (at + 1) & mask;
        }
        at
    }

    /// `shard` is the number under which a record knows it; `None` where it is not for one.
    fn grow(&mut self, shard: Option<usize>, sign: &Sign) -> Option<()> {
        let shard = shard.filter(|_| record::is_open());
        let first = if shard.is_none() && shared::is_asked() { FIRST_OF_MANY } else { FIRST };
        let len = if self.len == 0 { first } else { self.len * 2 };
        let bytes = len * size_of::<Packed>();
        let start = if shard.is_some() { record::room(bytes) } else { memory::map(bytes) }?;
        let mut grown = Self { start: Some(start.cast()), len, used: 0, is_mapped: shard.is_none() };
        for old in self.all().iter().filter(|old| **old != Packed::FREE) {
            let at = grown.place(old.address());
            grown.all()[at] = *old;
            grown.used += 1;
        }
        sign.tell(start, len);
        if let Some(old) = self.start.filter(|_| self.is_mapped) {
            // SAFETY: it was mapped by an earlier call, with this size, and `self` forgets it here.
            unsafe { memory::unmap(old.cast(), self.len * size_of::<Packed>()) };
        }
        *self = grown;
        shard.inspect(|shard| record::tell_table(*shard, start, len));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    static TABLE: Table = Table::new(Home::Own);

    /// Miri takes a thousand times as long.
    const MANY: usize = if cfg!(miri) { 400 } else { 20_000 };

    fn of(run: RunNumber) -> BTreeSet<usize> {
        let mut found = Vec::with_capacity(100_000);
        TABLE.each(run, |it| found.push(it.address));
        found.into_iter().collect()
    }

    fn allocation(address: usize, run: RunNumber) -> Allocation {
        Allocation { address, size: 1, stack: 0, run }
    }

    #[test]
    fn packed_allocation_is_unpacked_as_it_was() {
        let whole = Allocation { address: 0x7fff_ffff_ff80, size: 4_096, stack: 0xfedc_ba98, run: 0x7654_3210 };
        assert_eq!(Packed::new(whole).unpack(), whole);
        let large = Allocation { size: u32::MAX, ..whole };
        assert_eq!(Packed::new(large).unpack().size, 65_535 * WORD);
    }

    #[test]
    fn addresses_of_a_shard_want_different_places() {
        const PLACES: usize = 64;
        let addresses = (1..).map(|number| (1 << 43) + number * 128).filter(|address| shard_of(*address) == 1);
        let homes: BTreeSet<usize> = addresses.take(4 * PLACES).map(|address| home(address) % PLACES).collect();
        assert!(homes.len() > PLACES / 2, "{homes:?}");
    }

    #[test]
    fn removed_allocations_are_gone_and_all_others_stay() {
        let run = 4_000_001;
        let addresses = (1..MANY).map(|number| number * 128 + (1 << 40));
        addresses.clone().for_each(|address| TABLE.insert(allocation(address, run)));
        assert!(TABLE.may_have(run));
        assert!(addresses.clone().step_by(3).all(|address| TABLE.remove(address).is_some()));
        let removed: BTreeSet<usize> = addresses.clone().step_by(3).collect();
        assert_eq!(of(run), addresses.clone().filter(|address| !removed.contains(address)).collect());
        assert_eq!(addresses.filter(|address| TABLE.remove(*address).is_some()).count(), of(run).len() + 13_332);
        assert_eq!(of(run), BTreeSet::new());
        assert!(!TABLE.may_have(run));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_taken_is_gone_once_and_all_others_stay() {
        static TABLE: Table = Table::new(Home::Own);
        let (taken, stays) = (4_000_007, 4_000_008);
        let address = |number: usize| number * 128 + (1 << 46);
        for number in 0..MANY {
            TABLE.insert(allocation(address(number), if number.is_multiple_of(3) { taken } else { stays }));
        }
        let mut all = Vec::with_capacity(MANY);
        TABLE.take(|it| it.run == taken, |it| all.push(it.address));
        assert_eq!(all.len(), MANY.div_ceil(3));
        assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), (0..MANY).step_by(3).map(address).collect());
        assert!(!TABLE.may_have(taken));
        let is_there = |number: usize| TABLE.remove(address(number)).is_some();
        assert!((0..MANY).all(|number| is_there(number) != number.is_multiple_of(3)));
    }

    #[test]
    fn address_that_comes_again_is_one_allocation() {
        let run = 4_000_002;
        TABLE.insert(allocation(1 << 41, run));
        TABLE.insert(allocation(1 << 41, run));
        TABLE.remove(1 << 41);
        assert!(!TABLE.may_have(run));
        TABLE.remove(1 << 41);
        assert!(!TABLE.may_have(run));
    }

    #[test]
    fn address_of_nobody_is_told_without_a_lock() {
        let address = (1 << 43) + 128;
        let gone = TABLE.shards[shard_of(address)].with(|_| TABLE.remove(address));
        assert_eq!(gone, None);
    }

    #[test]
    #[cfg_attr(miri, ignore = "it looks long for such addresses")]
    fn addresses_of_a_full_bucket_are_found() {
        static TABLE: Table = Table::new(Home::Own);
        let run = 4_000_005;
        let bucket = |address: &usize| hash(*address) % BUCKETS;
        let same = |address: &usize| bucket(address) == bucket(&(1 << 44));
        let addresses: Vec<usize> = (1 << 44..).step_by(16).filter(same).take(2 * usize::from(u8::MAX)).collect();
        for _ in 0..2 {
            addresses.iter().for_each(|address| TABLE.insert(allocation(*address, run)));
            assert!(TABLE.may_have(run));
            addresses.iter().for_each(|address| assert!(TABLE.remove(*address).is_some()));
            assert!(!TABLE.may_have(run));
        }
    }

    #[test]
    fn churn_does_not_make_the_table_grow() {
        static TABLE: Table = Table::new(Home::Own);
        for number in 0..5 * MANY {
            TABLE.insert(allocation((1 << 45) + number * 48, 4_000_006));
            if let Some(older) = number.checked_sub(200) {
                TABLE.remove((1 << 45) + older * 48);
            }
        }
        let slots: usize = TABLE.shards.iter().map(|shard| shard.with(|slots| slots.len)).sum();
        assert!(slots <= SHARDS * 2 * FIRST, "{slots}");
    }

    #[test]
    fn threads_that_race_lose_nothing() {
        let run = 4_000_003;
        std::thread::scope(|scope| {
            for thread in 0..4_usize {
                scope.spawn(move || {
                    for number in 0..MANY / 4 {
                        let address = (1 << 42) + (number * 4 + thread) * 128;
                        TABLE.insert(allocation(address, run));
                        if !number.is_multiple_of(10) {
                            TABLE.remove(address);
                        }
                    }
                });
            }
        });
        assert_eq!(of(run).len(), MANY / 10);
    }
}
