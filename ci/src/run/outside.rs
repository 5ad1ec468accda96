//! What can be seen of a program from outside, and done to it. Linux tells it under `/proc`; elsewhere it is said what is not looked at.

use std::collections::BTreeSet;
use std::process::Child;
use std::time::Duration;

use lightsout::Signal;

use crate::error::Error;

/// Numbers of a program with everything that it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) threads: usize,
    pub(crate) descriptors: usize,
    /// Other processes than the program itself: their ids and names.
    pub(crate) children: Vec<(u32, String)>,
    /// Addresses that it listens on, with the socket's number.
    pub(crate) listening: BTreeSet<(u64, String)>,
}

/// The system around a program.
#[derive(Debug)]
pub(super) struct Outside;

#[cfg(unix)]
impl Outside {
    /// Sends a signal.
    pub(super) fn signal(&self, id: u32, signal: Signal) -> Result<(), Error> {
        let number = number(signal);
        let id = nix::unistd::Pid::from_raw(i32::try_from(id).unwrap_or_default());
        nix::sys::signal::kill(id, number).map_err(|error| Error::signal(signal.name(), &error))
    }
}

#[cfg(unix)]
fn number(signal: Signal) -> nix::sys::signal::Signal {
    signal.name().parse().expect("lightsout bug: the system has these signals")
}

#[cfg(not(unix))]
impl Outside {
    /// There are no signals here.
    pub(super) fn signal(&self, _: u32, signal: Signal) -> Result<(), Error> {
        Err(Error::signal(signal.name(), &"this system has no signals"))
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use nix::sys::wait::{WaitPidFlag, waitpid};
    use nix::unistd::Pid;

    use super::{Child, Duration, Error, Outside, Sample, Signal, number};

    /// How often what a program left is looked at.
    const GLANCE: Duration = Duration::from_millis(10);
    /// The state of a socket that listens, in `/proc/net/tcp`.
    const LISTENS: &str = "0A";

    impl Outside {
        /// Makes us the parent of whatever the program leaves.
        pub(in crate::run) fn new() -> Result<Self, Error> {
            nix::sys::prctl::set_child_subreaper(true).map_err(|error| Error::adopt(&error))?;
            Ok(Self)
        }

        /// Makes sure that a signal is not ignored here: whoever we start inherits that, and would seem to hang.
        pub(in crate::run) fn can_arrive(&self, signal: Signal) -> Result<(), Error> {
            let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
            let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
            let is_ignored = ignored >> (number(signal) as i32 - 1) & 1 == 1;
            if is_ignored { Err(Error::ignored(signal.name())) } else { Ok(()) }
        }

        /// Counts what a program and everything that it started have.
        pub(in crate::run) fn sample(&self, id: u32) -> Sample {
            let ids = descendants(id);
            let inodes: BTreeSet<u64> = ids.iter().flat_map(|id| sockets(*id)).collect();
            let count = |folder: &str| ids.iter().map(|id| entries(&format!("/proc/{id}/{folder}"))).sum();
            Sample {
                threads: count("task"),
                descriptors: count("fd"),
                children: ids.iter().filter(|it| **it != id).map(|id| (*id, name(*id))).collect(),
                listening: listening().into_iter().filter(|(inode, _)| inodes.contains(inode)).collect(),
            }
        }

        /// Waits until what a program left has ended by itself, with a bound; returns what has not.
        pub(in crate::run) fn left_after(&self, patience: Duration, before: &Sample) -> Sample {
            let start = std::time::Instant::now();
            loop {
                let children: Vec<_> = ours().into_iter().map(|id| (id, name(id))).collect();
                let known: BTreeSet<u64> = before.listening.iter().map(|(inode, _)| *inode).collect();
                let listening = listening().into_iter().filter(|(inode, _)| known.contains(inode)).collect();
                let left = Sample { children, listening, ..Sample::default() };
                if left == Sample::default() || start.elapsed() > patience {
                    return left;
                }
                std::thread::sleep(GLANCE);
            }
        }

        /// Says what the threads of a program do, each kind once.
        pub(in crate::run) fn state_of(&self, id: u32) -> Vec<String> {
            let mut states: BTreeMap<String, usize> = BTreeMap::new();
            for thread in ids_in(&format!("/proc/{id}/task")) {
                let read =
                    |file: &str| fs::read_to_string(format!("/proc/{id}/task/{thread}/{file}")).unwrap_or_default();
                let (name, call) = (read("comm").trim().to_owned(), read("wchan"));
                let call = if call.is_empty() || call == "0" { "running" } else { &call };
                *states.entry(format!("{name}: {call}")).or_default() += 1;
            }
            states
                .into_iter()
                .map(|(state, number)| if number == 1 { state } else { format!("{state} ({number} threads)") })
                .collect()
        }

        /// Returns how much of a processor's time a program had so far, without what it started.
        pub(in crate::run) fn processor_time(&self, id: u32) -> Duration {
            /// In milliseconds; Linux tells everybody the same.
            const TICK: u64 = 10;
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let words = stat.rsplit_once(')').map(|(_, words)| words).unwrap_or_default();
            let ticks = words.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok());
            Duration::from_millis(ticks.sum::<u64>() * TICK)
        }

        /// Says what is not looked at.
        pub(in crate::run) fn unseen(&self) -> Vec<&'static str> {
            Vec::new()
        }

        /// Ends the program and everything that it left: only what descends from us.
        pub(in crate::run) fn end_all(&self, child: &mut Child) {
            let rest = if child.try_wait().is_ok_and(|it| it.is_none()) { descendants(child.id()) } else { Vec::new() };
            // One that has ended is nobody's any more.
            if child.try_wait().is_ok_and(|ended| ended.is_none()) {
                let _ = child.kill();
                let _ = child.wait();
            }
            // Whose parent has just ended is ours by now; nothing else is ended.
            let left = ours().into_iter().flat_map(descendants).collect::<Vec<_>>();
            for id in left.iter().filter(|id| rest.contains(id) || parents().contains_key(id)) {
                let _ = nix::sys::signal::kill(pid(*id), nix::sys::signal::Signal::SIGKILL);
            }
            for id in ours() {
                let _ = waitpid(pid(id), Some(WaitPidFlag::WNOHANG));
            }
        }
    }

    fn pid(id: u32) -> Pid {
        Pid::from_raw(i32::try_from(id).unwrap_or(i32::MAX))
    }

    /// Returns our own living children.
    fn ours() -> Vec<u32> {
        let me = std::process::id();
        parents().into_iter().filter(|(_, parent)| *parent == me).map(|(id, _)| id).collect()
    }

    /// Returns a process and everything that it started.
    fn descendants(id: u32) -> Vec<u32> {
        let parents = parents();
        let mut all = vec![id];
        let mut at = 0;
        while let Some(parent) = all.get(at).copied() {
            all.extend(parents.iter().filter(|(_, it)| **it == parent).map(|(id, _)| *id));
            at += 1;
        }
        all
    }

    /// Returns the parent of every living process; one that ended and was not waited for does not live.
    fn parents() -> BTreeMap<u32, u32> {
        let parent = |id: u32| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
            // The name before it may have brackets and blanks in it.
            let mut words = stat.rsplit_once(')')?.1.split_whitespace();
            let state = words.next()?;
            let parent = words.next()?.parse().ok()?;
            (!["Z", "X"].contains(&state)).then_some((id, parent))
        };
        ids_in("/proc").into_iter().filter_map(parent).collect()
    }

    fn ids_in(folder: &str) -> Vec<u32> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    fn entries(folder: &str) -> usize {
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    fn name(id: u32) -> String {
        let text = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&text).trim_end_matches('\0').replace('\0', " ")
    }

    fn sockets(id: u32) -> Vec<u64> {
        let inode = |link: &Path| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
        let descriptors = fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        descriptors.filter_map(|entry| inode(&fs::read_link(entry.path()).ok()?)).collect()
    }

    fn listening() -> BTreeSet<(u64, String)> {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
        tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(listens).collect()
    }

    /// Reads a line of `/proc/net/tcp`; `None` for a socket that does not listen.
    fn listens(line: &str) -> Option<(u64, String)> {
        let words: Vec<_> = line.split_whitespace().collect();
        let (_, port) = words.get(1)?.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let inode = words.get(9)?.parse().ok()?;
        (*words.get(3)? == LISTENS).then(|| (inode, format!("port {port}")))
    }

    #[cfg(test)]
    mod tests {
        use super::listens;

        #[test]
        fn listening_socket_is_read() {
            let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000 100 0 0 10 0";
            assert_eq!(listens(line), Some((4242, "port 8080".to_owned())));
            assert_eq!(listens(&line.replace(" 0A ", " 01 ")), None);
            assert_eq!(listens(""), None);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Child, Duration, Error, Outside, Sample, Signal};

    impl Outside {
        pub(in crate::run) fn new() -> Result<Self, Error> {
            Ok(Self)
        }

        pub(in crate::run) fn can_arrive(&self, _: Signal) -> Result<(), Error> {
            Ok(())
        }

        pub(in crate::run) fn sample(&self, _: u32) -> Sample {
            Sample::default()
        }

        pub(in crate::run) fn left_after(&self, _: Duration, _: &Sample) -> Sample {
            Sample::default()
        }

        pub(in crate::run) fn state_of(&self, _: u32) -> Vec<String> {
            Vec::new()
        }

        pub(in crate::run) fn processor_time(&self, _: u32) -> Duration {
            Duration::ZERO
        }

        pub(in crate::run) fn unseen(&self) -> Vec<&'static str> {
            vec!["children left behind", "sockets", "threads and descriptors (only Linux tells of them)"]
        }

        pub(in crate::run) fn end_all(&self, child: &mut Child) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
