//! A mark that every descendant of a thread inherits, so that what a thread does can be told apart by run.
//!
//! A thread-local is set only where somebody sets it; a thread that the code under test starts with `std::thread::spawn` starts
//! blank. On Linux a thread inherits its *signal mask* from its creator (pthread_sigmask(3)), and anyone in the process may read it
//! from `/proc/self/task/TID/status`, without any privilege. (The timer slack is inherited too, and would disturb even less; but to
//! read another thread's needs `CAP_SYS_NICE`.) Nobody uses the real-time signals at the upper end: which of them are blocked is
//! the run's number, and beside it a check, so that a thread that blocks everything or something of its own is not taken for
//! marked. A child process may start with the mask of its parent, whose mark then is nobody's there.
//!
//! Under the gate the threads of ordinary tests are marked too, each test's with a number of its own.
//!
//! What this costs: on the threads of a run, or of a test under the gate, some of the signals 41 to 64 are not delivered. A program that sends itself real-time
//! signals would notice. A thread that sets its whole mask itself is no longer marked, and is then not told of.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "signal masks are read and set through libc"))]

/// The mark of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dye(u32);

/// How many runs at once can be told apart.
pub(crate) const SHADES: u32 = 1 << NUMBER_BITS;
const NUMBER_BITS: u32 = 18;
/// Bits of the check beside the number.
const CHECK: u32 = 0b11_1111;

impl Dye {
    /// Returns a mark for which `is_free` holds; `None` where the system has none to give.
    pub(crate) fn fresh(is_free: impl Fn(Self) -> bool) -> Option<Self> {
        use std::sync::OnceLock;
        use std::sync::atomic::{AtomicU32, Ordering};
        static INHERITED: OnceLock<Option<Dye>> = OnceLock::new();
        static NEXT: AtomicU32 = AtomicU32::new(1);
        if of_nothing() {
            return None;
        }
        // A process may have inherited the mark of its parent's run, and then all of its threads have, until they are marked here.
        let inherited = *INHERITED.get_or_init(of_this_thread);
        let is_blank = |dye: &Self| inherited != Some(*dye);
        (0..SHADES)
            .map(|_| Self(NEXT.fetch_add(1, Ordering::Relaxed) % SHADES))
            .find(|dye| is_free(*dye) && is_blank(dye))
    }

    /// Returns its number, less than [`SHADES`].
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// Returns the mark that these blocked signals are; the lowest bit is signal 41.
    fn from_bits(bits: u32) -> Option<Self> {
        let dye = Self(bits >> CHECK.count_ones());
        (dye.bits() == bits).then_some(dye)
    }

    fn bits(self) -> u32 {
        // Never 0, which is what an unmarked thread has.
        let check = self.0.wrapping_mul(37).wrapping_add(self.0 >> 6).wrapping_add(21) & CHECK;
        self.0 << CHECK.count_ones() | if check == 0 { 1 } else { check }
    }

    /// Returns the mark that a thread's `SigBlk` line of `/proc/self/task/TID/status` says.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there is no such file"))]
    pub(crate) fn from_mask(mask: u64) -> Option<Self> {
        Self::from_bits((mask >> 40) as u32)
    }

    /// Marks the calling thread.
    pub(crate) fn set(self) {
        system::set(self.bits());
    }
}

/// Returns whether the system has no such mark.
pub(crate) fn of_nothing() -> bool {
    !cfg!(target_os = "linux")
}

/// Returns the mark of the calling thread.
pub(crate) fn of_this_thread() -> Option<Dye> {
    Dye::from_bits(system::get()?)
}

#[cfg(target_os = "linux")]
mod system {
    use std::mem::MaybeUninit;
    use std::ptr;

    const FIRST: i32 = 41;
    const COUNT: i32 = 24;

    pub(super) fn set(bits: u32) {
        change(libc::SIG_UNBLOCK, !bits);
        change(libc::SIG_BLOCK, bits);
    }

    fn change(how: i32, bits: u32) {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `set` is filled in first, and then changed and read; the signals are valid ones. A refusal leaves the thread
        // unmarked: what it starts is then not attributed, and never attributed wrongly.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for bit in (0..COUNT).filter(|bit| bits >> bit & 1 == 1) {
                libc::sigaddset(set.as_mut_ptr(), FIRST + bit);
            }
            libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut());
        }
    }

    pub(super) fn get() -> Option<u32> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: without a new mask the old one is written to `set`; only then is it read.
        unsafe {
            if libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), set.as_mut_ptr()) != 0 {
                return None;
            }
            let blocked = |bit: &i32| libc::sigismember(set.as_ptr(), FIRST + bit) == 1;
            Some((0..COUNT).filter(blocked).fold(0, |bits, bit| bits | 1 << bit))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn set(_: u32) {}

    pub(super) fn get() -> Option<u32> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn threads_of_threads_inherit_the_mark() {
        let before = of_this_thread();
        let inherited = std::thread::spawn(|| {
            let dye = Dye::fresh(|_| true).expect("Linux has signal masks");
            dye.set();
            let grandchild = || std::thread::spawn(of_this_thread).join().expect("it only reads");
            (Some(dye), std::thread::spawn(grandchild).join().expect("it only joins"))
        });
        let (dye, inherited) = inherited.join().expect("it only joins");
        assert_eq!(inherited, dye);
        assert_eq!(of_this_thread(), before);
    }

    #[test]
    fn neither_an_empty_nor_a_full_mask_is_a_mark() {
        assert_eq!(Dye::from_mask(0), None);
        assert_eq!(Dye::from_mask(u64::MAX), None);
    }

    #[test]
    fn every_mark_reads_back() {
        for number in (0..SHADES).step_by(7) {
            assert_eq!(Dye::from_bits(Dye(number).bits()), Some(Dye(number)));
        }
    }
}
