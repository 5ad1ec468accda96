//! A mark that every descendant of a thread inherits, so that what a thread does can be told apart by run.
//!
//! A thread-local is set only where somebody sets it; a thread that the code under test starts with `std::thread::spawn`
//! starts blank. On Linux a thread inherits its *timer slack* from its creator (prctl(2), `PR_SET_TIMERSLACK`), anyone in the
//! process may read it from `/proc/TID/timerslack_ns`, and nobody uses its lower digits: a run's threads get the usual 50 us
//! and a few nanoseconds that are the run's number. The kernel may then delay a timer by at most another 50 us, which no
//! program can rely on not happening.

/// The mark of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dye(u32);

/// The timer slack of a thread that nobody changed, in nanoseconds.
const BLANK: u32 = 50_000;
/// How many runs at once can be told apart.
const SHADES: u32 = 49_999;

impl Dye {
    /// Returns a mark for which `is_free` holds; `None` where the system has none to give.
    pub(crate) fn fresh(is_free: impl Fn(Self) -> bool) -> Option<Self> {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if of_nothing() {
            return None;
        }
        (0..SHADES).map(|_| Self(BLANK + 1 + NEXT.fetch_add(1, Ordering::Relaxed) % SHADES)).find(|dye| is_free(*dye))
    }

    /// Returns the mark that a timer slack is.
    pub(crate) fn from_slack(nanos: u32) -> Option<Self> {
        (BLANK + 1..=BLANK + SHADES).contains(&nanos).then_some(Self(nanos))
    }

    /// Marks the calling thread.
    pub(crate) fn set(self) {
        system::set_slack(self.0);
    }
}

/// Returns whether the system has no such mark.
pub(crate) fn of_nothing() -> bool {
    !cfg!(target_os = "linux")
}

/// Returns the mark of the calling thread.
pub(crate) fn of_this_thread() -> Option<Dye> {
    Dye::from_slack(system::slack()?)
}

#[cfg(target_os = "linux")]
mod system {
    use nix::sys::prctl;

    pub(super) fn set_slack(nanos: u32) {
        // A refusal leaves the thread unmarked: what it starts is then not attributed, and never attributed wrongly.
        let _ = prctl::set_timerslack(nanos.into());
    }

    pub(super) fn slack() -> Option<u32> {
        u32::try_from(prctl::get_timerslack().ok()?).ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn set_slack(_: u32) {}

    pub(super) fn slack() -> Option<u32> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn threads_of_threads_inherit_the_mark() {
        let inherited = std::thread::spawn(|| {
            let dye = Dye::fresh(|_| true).expect("Linux has timer slack");
            dye.set();
            let grandchild = || std::thread::spawn(of_this_thread).join().expect("it only reads");
            (Some(dye), std::thread::spawn(grandchild).join().expect("it only joins"))
        });
        let (dye, inherited) = inherited.join().expect("it only joins");
        assert_eq!(inherited, dye);
        assert_eq!(of_this_thread(), None);
    }
}
