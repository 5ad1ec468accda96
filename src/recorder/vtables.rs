//! Sees how a runtime, or a `LocalSet`, shuts a task of an ordinary test down when it ends.
//!
//! Afterwards such a task looks as one that was aborted does, bit for bit, so it has to be seen when it happens. tokio shuts a task down
//! by a function of the task's vtable, which nothing else calls. Where a program has these vtables is told by its file: the gate writes a list.
//! Here that function of each is replaced by one of ours, which notes the task and goes on in tokio's.
//!
//! A vtable is constant data that the loader has relocated: its pages are made writable for this moment, before `main`, while there is one
//! thread. Nothing is replaced unless all of the list is as the program has it in memory.

pub(super) use linux::is_watched;
#[cfg(target_os = "linux")]
pub(super) use linux::list;
#[cfg(target_os = "linux")]
pub(crate) use linux::watch;

/// `tokiovts`: what a list begins with. Behind it stand the length of the program's file and when that was changed, in nanoseconds, how many
/// vtables there are, and [`Vtable`]s, ordered.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"tokiovts");
/// Words before the vtables.
pub(crate) const HEAD: usize = 4;
/// Words of a vtable.
pub(crate) const WORDS: usize = 3;
/// More words than a vtable has.
pub(crate) const REACH: usize = 16;

#[cfg(target_os = "linux")]
mod linux {
    #![expect(unsafe_code, reason = "it puts a function of ours in the place of another in constant data")]

    use std::ffi::{CStr, c_char, c_int, c_long, c_void};
    use std::ops::Range;
    use std::ptr::{self, with_exposed_provenance_mut};
    use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

    use super::super::{Allocation, loaded, memory, shut};
    use super::{HEAD, MAGIC, REACH, WORDS};

    const WORD: usize = size_of::<usize>();
    const PAGE: usize = 4096;
    /// So far into a task's cell its pointer to the vtable stands, at the most, in words; the state is before it.
    const POINTER: Range<usize> = 1..8;
    /// No task's cell is smaller, in bytes.
    const CELL: usize = 128;

    /// A task's vtable, in addresses of the program's file.
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Vtable {
        start: usize,
        /// Where in it the function stands.
        slot: usize,
        function: usize,
    }

    const _: () = assert!(size_of::<Vtable>() == WORDS * WORD);

    /// The list, mapped for good; null before vtables are watched.
    static VTABLES: AtomicPtr<Vtable> = AtomicPtr::new(ptr::null_mut());
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    /// Where the program is.
    static BASE: AtomicUsize = AtomicUsize::new(0);

    fn vtables() -> &'static [Vtable] {
        let start = VTABLES.load(Ordering::Acquire);
        // SAFETY: so many stand there, in a mapping that stays.
        if start.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(start, COUNT.load(Ordering::Relaxed)) } }
    }

    /// Watches the vtables of a list; `None` if there are none, or it is not this program's. Call it while the process has one thread.
    pub(crate) fn watch(list: &CStr) -> Option<()> {
        let vtables = map(list)?;
        let (base, constants) = loaded::constants_of_program()?;
        let is_as_told = |it: &Vtable| {
            let slot = base.wrapping_add(it.slot);
            let is_inside = constants.contains(&slot) && slot.is_multiple_of(WORD);
            // SAFETY: it is inside of the program's data, and aligned.
            is_inside && unsafe { slot_at(slot).read() } == base.wrapping_add(it.function)
        };
        if vtables.is_empty() || !vtables.iter().all(is_as_told) {
            return None;
        }
        let pages = pages(vtables.iter().map(|it| base + it.slot), &constants);
        // SAFETY: only pages that the loader has protected are made writable, and protected again.
        unsafe { protect(&pages, READ | WRITE).then_some(())? };
        BASE.store(base, Ordering::Relaxed);
        COUNT.store(vtables.len(), Ordering::Relaxed);
        VTABLES.store(vtables.as_ptr().cast_mut(), Ordering::Release);
        for it in vtables {
            // SAFETY: it was read just now, and is writable; ours takes what the other takes.
            unsafe { slot_at(base + it.slot).write(shut_down as *const () as usize) };
        }
        // SAFETY: as above.
        unsafe { protect(&pages, READ) };
        Some(())
    }

    fn slot_at(address: usize) -> *mut usize {
        with_exposed_provenance_mut(address)
    }

    /// Returns the pages of these addresses that the loader has protected: it leaves out the one in which what is constant ends.
    fn pages(slots: impl Iterator<Item = usize> + Clone, constants: &Range<usize>) -> Range<usize> {
        let start = slots.clone().min().unwrap_or(0) / PAGE * PAGE;
        let end = slots.max().map_or(0, |last| (last + WORD).next_multiple_of(PAGE));
        start..end.min(constants.end / PAGE * PAGE).max(start)
    }

    /// # Safety
    ///
    /// These pages must be the program's constant data.
    unsafe fn protect(pages: &Range<usize>, how: c_int) -> bool {
        // SAFETY: as promised by the caller.
        pages.is_empty() || unsafe { mprotect(with_exposed_provenance_mut(pages.start), pages.len(), how) } == 0
    }

    /// Returns whether an allocation is a task that is seen when it is shut down.
    pub(in super::super) fn is_watched(it: &Allocation) -> bool {
        it.size as usize >= CELL && !vtables().is_empty() && pointers(it.address).any(is_vtable)
    }

    fn is_vtable(word: usize) -> bool {
        let start = word.wrapping_sub(BASE.load(Ordering::Relaxed));
        vtables().binary_search_by_key(&start, |it| it.start).is_ok()
    }

    /// Returns the words of a task of which one is the pointer to its vtable.
    fn pointers(cell: usize) -> impl Iterator<Item = usize> {
        POINTER.map(move |at| memory::word(cell + at * WORD) as usize)
    }

    /// A list of tasks: that of a runtime, or of a `LocalSet`. Behind the pointer to its vtable each of them says which it is in.
    pub(in super::super) struct List {
        /// How far into a task that stands, in words.
        at: usize,
        /// tokio counts lists and begins at 1; before it did, the scheduler's own address stood there.
        pub(in super::super) number: u64,
    }

    /// Returns the list that a task is in that is watched.
    pub(in super::super) fn list(cell: usize) -> Option<List> {
        let at = POINTER.zip(pointers(cell)).find(|(_, word)| is_vtable(*word))?.0 + 1;
        Some(List { at, number: memory::word(cell + at * WORD) }).filter(|list| list.number != 0)
    }

    impl List {
        /// Returns whether an allocation that cannot be given back meanwhile is a task that was put into this list.
        pub(in super::super) fn has(&self, it: &Allocation) -> bool {
            let word = |at: usize| memory::word(it.address + at * WORD);
            it.size as usize >= CELL && word(self.at) == self.number && is_vtable(word(self.at - 1) as usize)
        }
    }

    type Function = unsafe extern "C-unwind" fn(*mut c_void);

    /// Stands in each vtable where tokio's function stood. Both take one pointer and return nothing, which Rust's convention and C's do alike.
    unsafe extern "C-unwind" fn shut_down(task: *mut c_void) {
        let cell = task.expose_provenance();
        let Some(function) = function(cell) else { std::process::abort() };
        shut::shut(cell);
        // SAFETY: it is what the vtable had, and is given what came.
        unsafe { std::mem::transmute::<usize, Function>(function)(task) }
    }

    /// Returns the function that a task's vtable had: that of the first slot behind its start.
    fn function(cell: usize) -> Option<usize> {
        let base = BASE.load(Ordering::Relaxed);
        let own = |word: usize| {
            let start = word.wrapping_sub(base);
            let behind = vtables().get(vtables().partition_point(|it| it.slot < start))?;
            (behind.slot - start < REACH * WORD).then_some(base + behind.function)
        };
        pointers(cell).find_map(own)
    }

    /// Maps a list; `None` for what is none.
    fn map(list: &CStr) -> Option<&'static [Vtable]> {
        // SAFETY: the path ends with a null byte; the file is closed once, and mapped as far as it goes. It is replaced under a new name, and
        // not written over.
        unsafe {
            let file = open(list.as_ptr(), CLOSE_ON_EXEC);
            if file < 0 {
                return None;
            }
            let bytes = usize::try_from(lseek(file, 0, END)).unwrap_or(0);
            let start = if bytes > 0 { mmap(ptr::null_mut(), bytes, READ, PRIVATE, file, 0) } else { FAILED };
            close(file);
            if start == FAILED {
                return None;
            }
            let words = std::slice::from_raw_parts(start.cast::<u64>(), bytes / WORD);
            let count = *words.get(HEAD - 1)? as usize;
            let is_whole = words[0] == MAGIC && count.checked_mul(WORDS)? == words.len() - HEAD;
            is_whole.then(|| std::slice::from_raw_parts(words[HEAD..].as_ptr().cast(), count))
        }
    }

    const READ: c_int = 1;
    const WRITE: c_int = 2;
    const PRIVATE: c_int = 2;
    const END: c_int = 2;
    const CLOSE_ON_EXEC: c_int = 0o2_000_000;
    const FAILED: *mut c_void = ptr::without_provenance_mut(usize::MAX);

    unsafe extern "C" {
        fn open(path: *const c_char, flags: c_int, ...) -> c_int;
        fn close(file: c_int) -> c_int;
        fn lseek(file: c_int, offset: c_long, from: c_int) -> c_long;
        fn mmap(at: *mut c_void, bytes: usize, how: c_int, flags: c_int, file: c_int, offset: c_long) -> *mut c_void;
        fn mprotect(start: *mut c_void, bytes: usize, how: c_int) -> c_int;
    }
}

/// There are no records elsewhere.
#[cfg(not(target_os = "linux"))]
mod linux {
    pub(in super::super) fn is_watched(_: &super::super::Allocation) -> bool {
        false
    }
}
