//! Memory that comes from the system and from no allocator: the recorder stands inside one.
#![expect(unsafe_code, reason = "it maps memory")]

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A table of zeroed values that is made at its first use and never given back. Pages that nobody writes to cost nothing.
#[derive(Debug)]
pub(super) struct Lasting<T> {
    /// Null before the first use.
    start: AtomicPtr<T>,
    len: AtomicUsize,
}

impl<T: Zeroed> Lasting<T> {
    pub(super) const fn new(len: usize) -> Self {
        Self { start: AtomicPtr::new(ptr::null_mut()), len: AtomicUsize::new(len) }
    }

    /// Returns the values; `None` if the system has no memory.
    pub(super) fn get(&self) -> Option<&[T]> {
        let start = match NonNull::new(self.start.load(Ordering::Acquire)) {
            Some(start) => start,
            None => self.make()?,
        };
        // SAFETY: `start` is the start of `len` zeroed values, valid by `Zeroed`, that are never unmapped and only shared.
        Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), self.len()) })
    }

    fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Returns the values if they are there already.
    #[inline]
    pub(super) fn known(&self) -> Option<&[T]> {
        let start = NonNull::new(self.start.load(Ordering::Acquire))?;
        // SAFETY: as above.
        Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), self.len()) })
    }

    /// Makes the values be so many at this place, unless they are somewhere already; says whether they are. Call it while the process has
    /// one thread.
    ///
    /// # Safety
    ///
    /// `start` must be the start of as many zeroed values, aligned, writable, and there for the rest of the process.
    pub(super) unsafe fn adopt(&self, start: NonNull<T>, len: usize) -> bool {
        if self.start.load(Ordering::Relaxed).is_null() {
            self.len.store(len, Ordering::Relaxed);
        }
        self.start.compare_exchange(ptr::null_mut(), start.as_ptr(), Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    #[cold]
    fn make(&self) -> Option<NonNull<T>> {
        let bytes = self.len() * size_of::<T>();
        let made = map(bytes)?.cast::<T>();
        match self.start.compare_exchange(ptr::null_mut(), made.as_ptr(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(made),
            Err(other) => {
                // SAFETY: the mapping was made just now, with this size, and nobody else knows it.
                unsafe { unmap(made.cast(), bytes) };
                NonNull::new(other)
            }
        }
    }
}

/// A type whose all-zero bytes are a value, that may be shared, and that needs no drop.
///
/// # Safety
///
/// All of that must be so.
pub(super) unsafe trait Zeroed: Sync {}

// SAFETY: an atomic is its bytes.
unsafe impl Zeroed for std::sync::atomic::AtomicU32 {}
// SAFETY: an atomic is its bytes.
unsafe impl Zeroed for std::sync::atomic::AtomicU64 {}

/// Maps zeroed memory; `None` if the system has none.
pub(super) fn map(bytes: usize) -> Option<NonNull<u8>> {
    // SAFETY: an anonymous mapping at an address of the system's choice touches nothing that is there.
    let start = unsafe { system::map(bytes) };
    NonNull::new(start).filter(|start| start.as_ptr().addr() != usize::MAX)
}

/// Gives memory back.
///
/// # Safety
///
/// `start` must come from [`map`] with the same size, and nobody may use the memory any more.
pub(super) unsafe fn unmap(start: NonNull<u8>, bytes: usize) {
    // SAFETY: as promised by the caller.
    unsafe { system::unmap(start.as_ptr(), bytes) }
}

/// Reads a word of a live allocation.
pub(super) fn word(address: usize) -> u64 {
    // SAFETY: the callers hold the allocation, which begins with a whole aligned word. Volatile, since its owner may never have
    // written there.
    unsafe { ptr::with_exposed_provenance::<u64>(address).read_volatile() }
}

/// Sees to it that these pages are there; `false` if the system has no room for them. Leaves `errno` as it was.
///
/// Pages of a file on a full disk would otherwise end the process when they are written to.
pub(super) fn fill_pages(start: usize, bytes: usize) -> bool {
    const PAGE: usize = 4096;
    let first = start / PAGE * PAGE;
    // SAFETY: the pages are mapped, and what is in them stays as it is.
    unsafe { system::fill(first, (start + bytes).next_multiple_of(PAGE) - first) }
}

mod system {
    use std::ffi::{c_int, c_void};
    use std::ptr;

    const READ_WRITE: c_int = 1 | 2;
    /// Private, anonymous, and no memory set aside for pages that may never be used, of which Miri knows nothing: Linux's numbers.
    const MODE: c_int = if cfg!(miri) { 0x02 | 0x20 } else { 0x02 | 0x20 | 0x4000 };

    unsafe extern "C" {
        fn mmap(
            address: *mut c_void,
            bytes: usize,
            protection: c_int,
            flags: c_int,
            file: c_int,
            offset: i64,
        ) -> *mut c_void;
        fn munmap(address: *mut c_void, bytes: usize) -> c_int;
        #[cfg(target_os = "linux")]
        fn madvise(address: *mut c_void, bytes: usize, advice: c_int) -> c_int;
        #[cfg(target_os = "linux")]
        fn __errno_location() -> *mut c_int;
    }

    #[cfg(target_os = "linux")]
    pub(super) unsafe fn fill(start: usize, bytes: usize) -> bool {
        /// `MADV_POPULATE_WRITE`; kernels before 5.14 do not know it.
        const ADVICE: c_int = 23;
        const UNKNOWN: c_int = 22;
        // SAFETY: the caller promises that the pages are mapped; `errno` is the thread's own.
        unsafe {
            let errno = __errno_location();
            let before = *errno;
            let is_done = madvise(ptr::with_exposed_provenance_mut(start), bytes, ADVICE) == 0 || *errno == UNKNOWN;
            *errno = before;
            is_done
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) unsafe fn fill(_: usize, _: usize) -> bool {
        true
    }

    pub(super) unsafe fn map(bytes: usize) -> *mut u8 {
        // SAFETY: the arguments are those of an anonymous mapping.
        unsafe { mmap(ptr::null_mut(), bytes, READ_WRITE, MODE, -1, 0).cast() }
    }

    pub(super) unsafe fn unmap(start: *mut u8, bytes: usize) {
        // SAFETY: as promised by the caller.
        unsafe { munmap(start.cast(), bytes) };
    }
}
