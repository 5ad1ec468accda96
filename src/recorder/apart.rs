//! Memory that is apart: that of runs, and that of our own notes.
//!
//! Whether something alive leads to a task is asked of all memory, word by word. Where a run got what others have given back, and the
//! other way round, words that were left over would lead to it: the lists of a C library's allocator, copies with gaps, old stacks. So
//! what is small, as cells and channels are, comes from a place of its own as long as the run goes on. What is read of debug information
//! is apart as well, since it is the most that many a test binary has in memory, and is not to be looked at: it leads nowhere.
//!
//! Blocks have the sizes of powers of two, and are aligned to them up to a page. What a run gives back is cleared, and linked by inverted
//! addresses. Nobody waits for anybody: where another thread is at the same list the system's allocator is asked, and a block that cannot
//! be put back is left alone. So a child process that is forked meanwhile does not wait for ever.
#![expect(unsafe_code, reason = "it hands out memory")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use super::memory::Lasting;
use super::{CELLS, OURS, REST, here, is_checked, is_whole};

/// The least block, in bytes.
const LEAST: usize = 16;
/// The largest alignment, in bytes.
const PAGE: usize = 4 << 10;
/// How much a list of small blocks takes at once from its place, in bytes.
const PIECE: usize = 16 << 10;
/// How often a list is tried that another thread is at.
const TRIES: u32 = 64;

/// For runs: blocks of up to 4 KiB.
static RUNS: Place<9> = Place::new(if cfg!(miri) { 4 << 20 } else { 1 << 30 }, Gone::Cleared);
/// For what is read of debug information: blocks of up to 64 MiB.
static NOTES: Place<23> = Place::new(if cfg!(miri) { 4 << 20 } else { 4 << 30 }, Gone::AsItIs);

/// The system's allocator, and places of their own beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Apart;

/// Memory with blocks of so many sizes.
struct Place<const SIZES: usize> {
    memory: Lasting<AtomicU64>,
    /// How much there is, in bytes; pages that nobody writes to cost nothing.
    room: usize,
    /// Where the part begins that nobody has taken yet, in bytes.
    taken: AtomicUsize,
    lists: [List; SIZES],
    gone: Gone,
}

/// What becomes of the content of a block that is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    Cleared,
    AsItIs,
}

/// The blocks of one size.
struct List {
    is_taken: AtomicBool,
    blocks: UnsafeCell<Blocks>,
}

/// Blocks that nobody has. Addresses are kept inverted: where some blocks end others begin, which somebody may have.
struct Blocks {
    /// The address of one that was given back, in whose first word that of the next one stands; all ones at the end.
    first: usize,
    /// Where those are that were never handed out, and how many bytes they have.
    fresh: usize,
    left: usize,
    /// How many bytes those have that were given back.
    idle: usize,
}

// SAFETY: `blocks` is only reached through `with`, by one thread at a time.
unsafe impl Sync for List {}

impl List {
    const fn new() -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            blocks: UnsafeCell::new(Blocks { first: !0, fresh: !0, left: 0, idle: 0 }),
        }
    }

    /// `None` where another thread is at it.
    #[inline]
    fn with<R>(&self, act: impl FnOnce(&mut Blocks) -> R) -> Option<R> {
        let mut tries = 0;
        while self.is_taken.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            tries += 1;
            if tries == TRIES {
                return None;
            }
            std::hint::spin_loop();
        }
        // SAFETY: no other thread is at it, and `act` does not come here again.
        let result = act(unsafe { &mut *self.blocks.get() });
        self.is_taken.store(false, Ordering::Release);
        Some(result)
    }
}

impl Blocks {
    /// Takes a block that was given back.
    fn take(&mut self, size: usize) -> Option<*mut u8> {
        if self.first == !0 {
            return None;
        }
        let block = ptr::with_exposed_provenance_mut::<usize>(!self.first);
        // SAFETY: the block is nobody's, aligned, and its first word was written when it was put here.
        unsafe {
            self.first = block.read();
            block.write(0);
        }
        self.idle -= size;
        Some(block.cast())
    }

    /// Takes a block that nobody ever had; `piece` says where more of them are.
    fn take_fresh(&mut self, size: usize, piece: impl FnOnce(usize) -> Option<usize>) -> Option<*mut u8> {
        if self.left == 0 {
            let len = size.max(PIECE);
            (self.fresh, self.left) = (!piece(len)?, len);
        }
        let block = !self.fresh;
        (self.fresh, self.left) = (!(block + size), self.left - size);
        Some(ptr::with_exposed_provenance_mut(block))
    }

    /// # Safety
    ///
    /// The block must be the caller's, and of this list.
    unsafe fn put(&mut self, block: *mut u8, size: usize) {
        // SAFETY: as promised by the caller.
        unsafe { block.cast::<usize>().write(self.first) };
        self.first = !block.expose_provenance();
        self.idle += size;
    }
}

/// A block that was just taken.
#[derive(Clone, Copy)]
struct Taken {
    block: *mut u8,
    /// Whether all of it is zero.
    is_zero: bool,
}

impl<const SIZES: usize> Place<SIZES> {
    const fn new(room: usize, gone: Gone) -> Self {
        let lists = [const { List::new() }; SIZES];
        Self { memory: Lasting::new(room / 8), room, taken: AtomicUsize::new(0), lists, gone }
    }

    /// Returns the list for a layout and the size of its blocks; `None` for what is too large.
    fn list(&self, layout: Layout) -> Option<(&List, usize)> {
        let size = layout.size().max(layout.align()).max(LEAST);
        if size > LEAST << (SIZES - 1) || layout.align() > PAGE {
            return None;
        }
        let size = size.next_power_of_two();
        Some((&self.lists[(size / LEAST).ilog2() as usize], size))
    }

    /// Takes a block; `None` where the system is to be asked.
    #[inline]
    fn take(&self, layout: Layout) -> Option<Taken> {
        let (list, size) = self.list(layout)?;
        let is_cleared = self.gone == Gone::Cleared;
        let take = |blocks: &mut Blocks| match blocks.take(size) {
            Some(block) => Some(Taken { block, is_zero: is_cleared }),
            None => blocks.take_fresh(size, |len| self.piece(len)).map(|block| Taken { block, is_zero: true }),
        };
        list.with(take).flatten()
    }

    /// Takes a piece of the memory; `None` where nothing is left.
    #[cold]
    fn piece(&self, len: usize) -> Option<usize> {
        let start = self.memory.get()?.as_ptr().expose_provenance();
        let more = |taken: usize| Some(taken + len).filter(|taken| *taken <= self.room);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(start + taken)
    }

    /// # Safety
    ///
    /// The block must be the caller's, and have been taken from here with this layout.
    unsafe fn put(&self, block: *mut u8, layout: Layout) {
        let Some((list, size)) = self.list(layout) else { return };
        if self.gone == Gone::Cleared {
            // SAFETY: the block has this size, and is the caller's until it is put back.
            unsafe { ptr::write_bytes(block, 0, size) };
        }
        // SAFETY: it comes from this list, which its layout tells.
        let _ = list.with(|blocks| unsafe { blocks.put(block, size) });
    }

    /// Leaves what was given back to nobody, as far as `may` says that so many bytes can be spared.
    fn abandon(&self, may: impl Fn(usize) -> bool) {
        for list in &self.lists {
            list.with(|blocks| {
                if blocks.idle > 0 && may(blocks.idle) {
                    (blocks.first, blocks.idle) = (!0, 0);
                }
            });
        }
    }

    fn has(&self, memory: *mut u8) -> bool {
        self.memory.known().is_some_and(|own| memory.addr().wrapping_sub(own.as_ptr().addr()) < self.room)
    }

    /// Returns its addresses from here on, in bytes from its beginning.
    fn addresses(&self, from: usize) -> Range<usize> {
        let Some(own) = self.memory.known() else { return 0..0 };
        let start = own.as_ptr().addr();
        start + from..start + self.room
    }
}

/// Leaves what runs have given back to nobody, as far as `may` says that so many bytes can be spared.
pub(super) fn abandon(may: impl Fn(usize) -> bool) {
    RUNS.abandon(may);
}

/// Returns the addresses where nothing leads to anything of a run's: those that nothing was put to yet, and our notes.
pub(crate) fn notes_and_untaken() -> [Range<usize>; 4] {
    let untaken = RUNS.addresses(RUNS.taken.load(Ordering::Relaxed));
    [untaken, NOTES.addresses(0), CELLS.addresses(), REST.addresses()]
}

/// Takes a block for the calling thread; `None` where the system is to be asked.
#[inline]
fn take(layout: Layout) -> Option<Taken> {
    if !is_whole() {
        return None;
    }
    match here() {
        run if is_checked(run) => RUNS.take(layout),
        OURS => NOTES.take(layout),
        _ => None,
    }
}

/// Leaves the last word of what is asked for unused where the C library would keep something of its own there: its lists of free memory
/// point to that word of what lies before it, which would look like somebody's reference.
#[inline]
fn roomy(layout: Layout) -> Layout {
    Layout::from_size_align(roomy_size(layout, layout.size()), layout.align()).unwrap_or(layout)
}

#[inline]
fn roomy_size(layout: Layout, size: usize) -> usize {
    const WORD: usize = size_of::<usize>();
    let ends_in_it = layout.align() == WORD && size % (2 * WORD) == WORD;
    // A realloc may have no overflow either, and so it is checked.
    if is_whole() && ends_in_it { size.checked_add(WORD).unwrap_or(size) } else { size }
}

// SAFETY: a block is handed out once until it is given back, is as large and as aligned as is asked for, and is told from the system's
// memory by its address.
unsafe impl GlobalAlloc for Apart {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match take(layout) {
            Some(taken) => taken.block,
            // SAFETY: as promised by the caller.
            None => unsafe { System.alloc(roomy(layout)) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller; a block is at least as large as its layout, and nobody else's.
        unsafe {
            let Some(taken) = take(layout) else { return System.alloc_zeroed(roomy(layout)) };
            if !taken.is_zero {
                ptr::write_bytes(taken.block, 0, layout.size());
            }
            taken.block
        }
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller; where it lies tells who gave it.
        unsafe {
            if RUNS.has(memory) {
                RUNS.put(memory, layout);
            } else if NOTES.has(memory) {
                NOTES.put(memory, layout);
            } else {
                // The C library knows what it gave, and so how much more that was.
                System.dealloc(memory, layout);
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !RUNS.has(memory) && !NOTES.has(memory) {
            // SAFETY: as promised by the caller.
            return unsafe { System.realloc(memory, layout, roomy_size(layout, size)) };
        }
        // SAFETY: the caller promises that the new size makes a layout; both are live, and as large as what is copied.
        unsafe {
            let resized = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !resized.is_null() {
                ptr::copy_nonoverlapping(memory, resized, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            resized
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NO_RUN, Table, enter, fresh_run, write_whole};
    use super::*;

    #[test]
    fn own_tables_are_among_the_notes() {
        let notes = notes_and_untaken();
        for table in [&CELLS, &REST] {
            let start = std::ptr::from_ref(table).addr();
            assert!(notes.contains(&(start..start + size_of::<Table>())), "{notes:x?}");
        }
    }

    /// Does something as a thread of a run.
    fn in_a_run<R>(act: impl FnOnce() -> R) -> R {
        let before = enter(fresh_run());
        let result = act();
        enter(before);
        result
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("it is one")
    }

    #[test]
    fn small_blocks_of_a_run_are_apart_aligned_and_zero() {
        write_whole();
        for (size, align) in [(1, 1), (8, 8), (40, 8), (256, 128), (4096, 8), (24, 4096)] {
            let layout = layout(size, align);
            // SAFETY: the block is written to inside its size, and given back once with its layout.
            unsafe {
                let block = in_a_run(|| Apart.alloc(layout));
                assert!(RUNS.has(block) && block.addr().is_multiple_of(align), "{layout:?}");
                assert!((0..size).all(|at| block.add(at).read() == 0), "{layout:?}");
                block.write_bytes(7, size);
                Apart.dealloc(block, layout);
            }
        }
    }

    #[test]
    fn what_is_large_or_of_no_run_is_the_systems() {
        write_whole();
        let large = layout(PAGE + 1, 8);
        let small = layout(64, 8);
        // SAFETY: each is given back once with its layout.
        unsafe {
            let [of_run, of_nobody] = [in_a_run(|| Apart.alloc(large)), Apart.alloc(small)];
            assert!(!RUNS.has(of_run) && !RUNS.has(of_nobody));
            Apart.dealloc(of_run, large);
            Apart.dealloc(of_nobody, small);
        }
    }

    #[test]
    fn blocks_grow_out_of_their_place_with_their_content() {
        write_whole();
        let small = layout(48, 8);
        // SAFETY: what is written and read is inside; each is given back once with its layout.
        unsafe {
            let block = in_a_run(|| Apart.alloc(small));
            block.write_bytes(9, 48);
            let grown = Apart.realloc(block, small, 6_000);
            assert!(!RUNS.has(grown) && (0..48).all(|at| grown.add(at).read() == 9));
            Apart.dealloc(grown, layout(6_000, 8));
        }
    }

    #[test]
    fn notes_are_apart_and_zero_where_that_is_asked_for() {
        write_whole();
        let layout = layout(200_000, 8);
        // SAFETY: what is written and read is inside; each is given back once with its layout.
        unsafe {
            let before = enter(OURS);
            let first = Apart.alloc(layout);
            first.write_bytes(7, layout.size());
            Apart.dealloc(first, layout);
            let second = Apart.alloc_zeroed(layout);
            enter(before);
            assert!(NOTES.has(first) && NOTES.has(second) && !RUNS.has(second));
            assert!((0..layout.size()).step_by(8).all(|at| second.add(at).read() == 0));
            assert!(notes_and_untaken()[1].contains(&second.addr()));
            Apart.dealloc(second, layout);
        }
    }

    #[test]
    fn threads_of_a_run_never_have_the_same_block() {
        write_whole();
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };
        let run = fresh_run();
        std::thread::scope(|scope| {
            for own in 1..=4_usize {
                scope.spawn(move || {
                    enter(run);
                    let layout = layout(96, 8);
                    for _ in 0..ROUNDS {
                        // SAFETY: each block is written and read inside, and given back once with its layout.
                        unsafe {
                            let blocks: [*mut usize; 8] = std::array::from_fn(|_| Apart.alloc(layout).cast());
                            blocks.iter().for_each(|block| block.write(own));
                            assert!(blocks.iter().all(|block| block.read() == own));
                            blocks.iter().for_each(|block| Apart.dealloc(block.cast(), layout));
                        }
                    }
                    enter(NO_RUN);
                });
            }
        });
    }
}
