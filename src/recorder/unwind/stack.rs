//! How far the calling thread's stack may be read; see the head of [`unwind`](super) for what this rests on.
#![expect(unsafe_code, reason = "a system call tells whether memory can be read, before it is")]

use std::arch::asm;
use std::ffi::{c_ulong, c_void};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, compiler_fence};

/// Pages are not smaller than this on either machine, and where they are larger, probing some of them twice does no
/// harm.
const PAGE: usize = 4096;
/// More than any stack that is probed as a whole; farther apart things are not one stack.
const LARGEST: usize = 64 << 20;
/// How far one frame may reach on a stack of unknown size.
const STEP: usize = 1 << 20;

unsafe extern "C" {
    safe fn pthread_self() -> c_ulong;
}

/// The loader's `__libc_stack_end`, or null: not told yet.
static MAIN_END: AtomicPtr<usize> = AtomicPtr::new(std::ptr::null_mut());

/// Tells where the loader keeps the end of the main thread's stack.
///
/// # Safety
/// Null, or readable for good.
pub(super) unsafe fn set_main_end(end: *const c_void) {
    MAIN_END.store(end.cast_mut().cast(), Ordering::Relaxed);
}

/// The part of a thread's own stack that is known to be readable.
struct Own {
    /// Its lowest address so far; `usize::MAX` before the first look.
    low: AtomicUsize,
    /// The end of the stack.
    high: AtomicUsize,
}

impl Own {
    /// A signal handler on this thread, which may come in between, must not see one end of this and the other of
    /// something else.
    fn set(&self, low: usize, high: usize) {
        self.low.store(usize::MAX, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.high.store(high, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        self.low.store(low, Ordering::Relaxed);
    }
}

thread_local! {
    /// Has no destructor, and its initial value is constant: it needs no allocation and lives as long as the thread.
    static OWN: Own = const { Own { low: AtomicUsize::new(usize::MAX), high: AtomicUsize::new(0) } };
}

/// The part of the stack, from the current frame upwards, that can be read.
#[derive(Debug)]
pub(super) struct Window {
    high: usize,
    /// Whether there may be more above `high`.
    open: bool,
}

impl Window {
    /// Looks at the stack of the calling thread from this stack pointer on.
    #[inline]
    pub(super) fn above(sp: usize) -> Self {
        OWN.with(|own| {
            let high = own.high.load(Ordering::Relaxed);
            if own.low.load(Ordering::Relaxed) <= sp && sp < high {
                Self { high, open: false }
            } else {
                Self::explore(own, sp)
            }
        })
    }

    /// Returns whether this is another stack than the thread's own.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Returns whether everything up to this address can be read.
    #[inline]
    pub(super) fn reaches(&mut self, end: usize) -> bool {
        end <= self.high || self.open && self.extend(end)
    }

    /// Finds out which stack this is: the thread's own reaches without a hole up to its known end.
    #[cold]
    #[inline(never)]
    fn explore(own: &Own, sp: usize) -> Self {
        let page = sp - sp % PAGE;
        let whole = |end: &usize| sp < *end && end - sp < LARGEST && (page..*end).step_by(PAGE).all(readable);
        let Some(high) = Self::known(own, page).or_else(|| ends().into_iter().find(whole)) else {
            return Self { high: page + PAGE, open: true };
        };
        own.set(page, high);
        Self { high, open: false }
    }

    /// Returns the end of the thread's stack if it is known and only the pages below `low` had to be looked at.
    fn known(own: &Own, page: usize) -> Option<usize> {
        let low = own.low.load(Ordering::Relaxed);
        let near = page < low && low != usize::MAX && low - page < LARGEST;
        (near && (page..low).step_by(PAGE).all(readable)).then(|| own.high.load(Ordering::Relaxed))
    }

    #[cold]
    #[inline(never)]
    fn extend(&mut self, end: usize) -> bool {
        if end - self.high > STEP {
            return false;
        }
        while self.high < end && readable(self.high) {
            self.high += PAGE;
        }
        end <= self.high
    }
}

/// Returns where the calling thread's stack may end: at its descriptor, or where the main thread's does.
fn ends() -> [usize; 2] {
    let main = MAIN_END.load(Ordering::Relaxed);
    // SAFETY: not null, so `set_main_end` was promised that it can be read.
    let main = if main.is_null() { 0 } else { unsafe { main.read() } };
    [pthread_self() as usize, main]
}

/// Returns whether the word at this address can be read.
///
/// `rt_sigprocmask` copies the new mask from memory before it looks at what to do with it, and there is nothing that
/// is done with this number: it fails in any case, with `EFAULT` or with `EINVAL`. (Abseil's `AddressIsReadable` is
/// where this is from.)
pub(super) fn readable(address: usize) -> bool {
    const EINVAL: isize = 22;
    const NO_SUCH_ACTION: usize = usize::MAX;
    mask_signals(NO_SUCH_ACTION, address) == -EINVAL
}

#[cfg(target_arch = "x86_64")]
fn mask_signals(how: usize, set: usize) -> isize {
    const RT_SIGPROCMASK: isize = 14;
    let result: isize;
    // SAFETY: the kernel checks the address and reads eight bytes at most; `errno` is not involved.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") RT_SIGPROCMASK => result,
            in("rdi") how, in("rsi") set, in("rdx") 0_usize, in("r10") 8_usize,
            lateout("rcx") _, lateout("r11") _,
            options(nostack, readonly)
        );
    }
    result
}

#[cfg(target_arch = "aarch64")]
fn mask_signals(how: usize, set: usize) -> isize {
    const RT_SIGPROCMASK: usize = 135;
    let result: isize;
    // SAFETY: the kernel checks the address and reads eight bytes at most; `errno` is not involved.
    unsafe {
        asm!(
            "svc 0",
            in("x8") RT_SIGPROCMASK,
            inlateout("x0") how => result,
            in("x1") set, in("x2") 0_usize, in("x3") 8_usize,
            options(nostack, readonly)
        );
    }
    result
}

#[cfg(test)]
mod tests {
    use std::ffi::c_int;
    use std::ptr;

    use super::*;

    unsafe extern "C" {
        fn mmap(at: *mut c_void, size: usize, access: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
        fn mprotect(at: *mut c_void, size: usize, access: c_int) -> c_int;
    }

    /// Returns so many pages that can be read, with one behind them that cannot. They stay.
    fn pages(count: usize) -> usize {
        const NONE: c_int = 0;
        const READ_WRITE: c_int = 3;
        const PRIVATE_ANONYMOUS: c_int = 0x22;
        // The pages of any machine are parts of this.
        const UNIT: usize = 64 << 10;
        // SAFETY: new memory, and a part of it.
        unsafe {
            let start = mmap(ptr::null_mut(), 2 * UNIT, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
            let hole = (start as usize).next_multiple_of(UNIT);
            let hole = if hole - start as usize >= count * PAGE { hole } else { hole + UNIT };
            assert_eq!(mprotect(hole as *mut c_void, PAGE, NONE), 0);
            hole - count * PAGE
        }
    }

    #[test]
    fn unmapped_memory_is_told_from_mapped() {
        let word = 0_u64;
        assert!(readable(ptr::from_ref(&word) as usize));
        assert!(!readable(0));
        assert!(!readable(usize::MAX - 7));
    }

    #[test]
    fn own_stack_ends_at_the_descriptor() {
        let word = 0_u64;
        for _ in 0..2 {
            let mut window = Window::above(ptr::from_ref(&word) as usize);
            assert!(!window.open);
            assert!(window.reaches(pthread_self() as usize));
            assert!(!window.reaches(pthread_self() as usize + 8));
        }
    }

    #[test]
    fn other_stack_ends_at_the_first_hole() {
        let start = pages(3);
        for _ in 0..2 {
            let mut window = Window::above(start + 104);
            assert!(window.open);
            assert!(window.reaches(start + PAGE));
            assert!(window.reaches(start + 3 * PAGE));
            assert!(!window.reaches(start + 3 * PAGE + 8));
            assert!(!window.reaches(usize::MAX));
        }
    }
}
