//! The threads of this process as the system lists them, and which of them descend from a run.

/// The system's id of a thread.
pub(crate) type Tid = u32;

/// One thread that the system lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OsThread {
    pub(crate) tid: Tid,
    /// Cut at 15 bytes by the system.
    pub(crate) name: String,
}

pub(crate) use system::{doing, marked, own_tid};

#[cfg(target_os = "linux")]
mod system {
    use std::fs;

    use super::{OsThread, Tid};
    use crate::source::dye::Dye;

    pub(crate) fn own_tid() -> Option<Tid> {
        Tid::try_from(nix::unistd::gettid().as_raw()).ok()
    }

    /// Returns the threads that carry this mark, oldest first, but for the known ones: reading a thread's files takes longer than
    /// all the rest. A thread that has ended in between is not one of them.
    pub(crate) fn marked(dye: Dye, known: &[Tid]) -> Vec<OsThread> {
        let Ok(entries) = fs::read_dir("/proc/self/task") else { return Vec::new() };
        let mut threads: Vec<OsThread> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|tid| !known.contains(tid))
            .filter(|tid| slack(*tid).and_then(Dye::from_slack) == Some(dye))
            .filter_map(|tid| Some(OsThread { tid, name: name(tid)? }))
            .collect();
        threads.sort_unstable_by_key(|thread| thread.tid);
        threads
    }

    fn slack(tid: Tid) -> Option<u32> {
        fs::read_to_string(format!("/proc/{tid}/timerslack_ns")).ok()?.trim().parse().ok()
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
    use super::{OsThread, Tid};
    use crate::source::dye::Dye;

    pub(crate) fn own_tid() -> Option<Tid> {
        None
    }

    pub(crate) fn marked(_: Dye, _: &[Tid]) -> Vec<OsThread> {
        Vec::new()
    }

    pub(crate) fn doing(_: Tid) -> Option<String> {
        None
    }
}
