//! The threads of this process as the system lists them, and which of them descend from a run.

use std::time::Duration;

use super::dye::Dye;

/// The system's id of a thread.
pub(crate) type Tid = u32;

/// One thread that the system lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsThread {
    pub(crate) tid: Tid,
    /// Cut at 15 bytes by the system.
    pub(crate) name: String,
}

/// The threads that carry a mark.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    pub(crate) threads: Vec<OsThread>,
    /// Threads that surely do not.
    pub(crate) others: Vec<Tid>,
    /// Threads that may not have their mark yet.
    pub(crate) newborn: Vec<Tid>,
    /// Whether a thread ended during the look: it may have started another one behind its back.
    pub(crate) has_vanished: bool,
}

impl Marked {
    /// Returns whether all threads could be told, and none has the mark.
    pub(crate) fn are_none(&self) -> bool {
        self.threads.is_empty() && self.newborn.is_empty() && !self.has_vanished
    }
}

/// Looks again and again, since threads come and go, until one look is clear; returns whether none that is not in `known` has the mark. A
/// thread of ours that has been joined is listed for a few more microseconds. What was once seen to be another's stays so, and only what is
/// new is looked at again.
pub(crate) fn none_is_marked(dye: Dye, mut known: Vec<Tid>) -> bool {
    const LOOKS: u32 = 30;
    /// A thread that ends may have lost its processor.
    const BETWEEN: Duration = Duration::from_micros(200);
    for _ in 0..LOOKS {
        let marked = marked(dye, &known);
        if marked.are_none() {
            return true;
        }
        known.extend(marked.others);
        std::thread::sleep(BETWEEN);
    }
    false
}

pub(crate) use system::{Counter, doing, marked, own_tid};

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::{Marked, OsThread, Tid};
    use crate::system::dye::Dye;

    /// Counts the threads of this process, without looking at any.
    #[derive(Debug)]
    pub(crate) struct Counter(fs::File);

    impl Counter {
        pub(crate) fn open() -> Option<Self> {
            fs::File::open("/proc/self/task").ok().map(Self)
        }

        pub(crate) fn count(&self) -> Option<u64> {
            // The kernel shows each as a folder, and so as a link to this one.
            self.0.metadata().ok().map(|metadata| metadata.nlink())
        }
    }

    pub(crate) fn own_tid() -> Option<Tid> {
        Tid::try_from(nix::unistd::gettid().as_raw()).ok()
    }

    /// Returns the threads that carry this mark, oldest first; a thread that has ended in between is not one of them. Skips those
    /// that are known.
    pub(crate) fn marked(dye: Dye, known: &[Tid]) -> Marked {
        let mut marked = Marked::default();
        let Ok(entries) = fs::read_dir("/proc/self/task") else { return marked };
        let tids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        for tid in tids.filter(|tid| !known.contains(tid)) {
            match blocked_signals(tid) {
                // The C library lets a thread start with everything blocked, and then gives it its creator's mask.
                Some(mask) if mask >> 40 == u64::MAX >> 40 => marked.newborn.push(tid),
                Some(mask) if Dye::from_mask(mask) == Some(dye) => match name(tid) {
                    Some(name) => marked.threads.push(OsThread { tid, name }),
                    None => marked.has_vanished = true,
                },
                Some(_) => marked.others.push(tid),
                None => marked.has_vanished = true,
            }
        }
        marked.threads.sort_unstable_by_key(|thread| thread.tid);
        marked
    }

    fn blocked_signals(tid: Tid) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/self/task/{tid}/status")).ok()?;
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"))?;
        u64::from_str_radix(blocked.trim(), 16).ok()
    }

    /// Returns the name of a thread that lives; `None` for one that is on its way out, which the system lists a little longer.
    fn name(tid: Tid) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/self/task/{tid}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let alive = !matches!(tail.trim_start().chars().next()?, 'Z' | 'X' | 'x');
        alive.then(|| head.split_once('(').map(|(_, name)| name.to_owned()))?
    }

    /// Returns what a thread does at this moment, in words.
    pub(crate) fn doing(tid: Tid) -> Option<String> {
        let line = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok()?;
        let first = line.split_whitespace().next()?;
        Some(match first {
            "running" => "runs on a processor".to_owned(),
            number => match number.parse().ok().and_then(call) {
                Some((name, meaning)) => format!("{meaning} (system call `{name}`)"),
                None => format!("is in system call {number}"),
            },
        })
    }

    /// The system calls in which threads that do not end are usually found.
    fn call(number: i64) -> Option<(&'static str, &'static str)> {
        #[cfg(target_arch = "x86_64")]
        const CALLS: [(i64, &str, &str); 12] = [
            (0, "read", "waits for input"),
            (7, "poll", "waits for a descriptor"),
            (35, "nanosleep", "sleeps"),
            (43, "accept", "waits for a connection"),
            (45, "recvfrom", "waits for data of a socket"),
            (61, "wait4", "waits for a child process"),
            (202, "futex", "waits for a lock, a channel or another thread"),
            (230, "clock_nanosleep", "sleeps"),
            (232, "epoll_wait", "waits for events"),
            (247, "waitid", "waits for a child process"),
            (281, "epoll_pwait", "waits for events"),
            (288, "accept4", "waits for a connection"),
        ];
        #[cfg(target_arch = "aarch64")]
        const CALLS: [(i64, &str, &str); 9] = [
            (22, "epoll_pwait", "waits for events"),
            (63, "read", "waits for input"),
            (73, "ppoll", "waits for a descriptor"),
            (95, "waitid", "waits for a child process"),
            (98, "futex", "waits for a lock, a channel or another thread"),
            (101, "nanosleep", "sleeps"),
            (115, "clock_nanosleep", "sleeps"),
            (202, "accept", "waits for a connection"),
            (242, "accept4", "waits for a connection"),
        ];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        const CALLS: [(i64, &str, &str); 0] = [];
        CALLS.iter().find(|(known, ..)| *known == number).map(|(_, name, meaning)| (*name, *meaning))
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Marked, Tid};
    use crate::system::dye::Dye;

    /// Counts nothing here.
    #[derive(Debug)]
    pub(crate) struct Counter;

    impl Counter {
        pub(crate) fn open() -> Option<Self> {
            None
        }

        pub(crate) fn count(&self) -> Option<u64> {
            None
        }
    }

    pub(crate) fn own_tid() -> Option<Tid> {
        None
    }

    pub(crate) fn marked(_: Dye, _: &[Tid]) -> Marked {
        Marked::default()
    }

    pub(crate) fn doing(_: Tid) -> Option<String> {
        None
    }
}
