//! The memory of this process as the system shows it: which parts can be written to, which of their pages have content, what is in them.
//!
//! Everything goes through `/proc/self`: a page that somebody unmaps meanwhile is an error there and not a fault, and what is read is a
//! copy, so no reference to memory that others write to ever exists.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::raw;
use crate::ledger::thread::Sleeper;
use crate::recorder;
use crate::system::threads::Tid;

const WORD: usize = size_of::<usize>();
/// How much is read at once, in bytes: it lies on the stack of the thread that looks, which is not looked at.
const CHUNK: usize = 32 << 10;
/// The largest guard below a stack, in bytes.
const GUARD: usize = 64 << 10;
/// What a function may use below its stack pointer, in bytes.
const RED_ZONE: usize = 128;

/// What a part of the memory is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The statics of the program or of a library.
    Static,
    /// The stack of a thread, and its thread-locals.
    Stack(Tid),
    /// Anything else: heaps above all.
    Heap,
}

/// A part of the memory that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) addresses: Range<usize>,
    pub(super) what: What,
}

impl Region {
    /// Leaves a part out.
    fn without(self, part: &Range<usize>) -> impl Iterator<Item = Self> {
        let Range { start, end } = self.addresses;
        let what = self.what;
        let rest = [start..end.min(part.start.max(start)), start.max(part.end.min(end))..end];
        rest.into_iter().filter(|rest| !rest.is_empty()).map(move |addresses| Self { addresses, what: what.clone() })
    }
}

/// What need not be looked at.
#[derive(Debug)]
pub(super) struct Known {
    /// Threads that hold nothing below their bases.
    pub(super) sleepers: Vec<Sleeper>,
    /// Where our own notes of the run are, inverted: they hold nothing of it.
    pub(super) notes: Range<usize>,
}

/// What can be looked at, at one moment.
#[derive(Debug)]
pub(super) struct View {
    regions: Vec<Region>,
    /// What threads of others did, by their ids.
    others: Vec<(Tid, Doing)>,
    memory: File,
    /// `None` where the system does not tell which pages have content: then all are read.
    pages: Option<File>,
    page: usize,
}

/// What a thread does, by which two moments can be told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Doing {
    Runs,
    /// It waits: in which system call and with which registers, and how often it has had a processor.
    Waits(String, String),
}

impl Doing {
    fn of(tid: Tid) -> Self {
        let read = |file: &str| fs::read_to_string(format!("/proc/self/task/{tid}/{file}")).ok();
        match (read("syscall"), read("schedstat")) {
            (Some(call), Some(times)) if !call.starts_with("running") => Self::Waits(call, times),
            _ => Self::Runs,
        }
    }
}

/// One thread of the process.
#[derive(Clone, Copy, Debug)]
struct Thread {
    tid: Tid,
    /// Its stack pointer, where it waits in the system.
    stack: Option<usize>,
    /// An address among its thread-locals.
    anchor: Option<usize>,
}

impl View {
    /// Finds out what there is to look at; `None` where the system does not tell.
    pub(super) fn take(known: &Known) -> Option<Self> {
        let maps = Mapping::all(&fs::read_to_string("/proc/self/maps").ok()?);
        let threads = Thread::all()?;
        let Known { sleepers, notes } = known;
        let mut regions = regions(&maps, &threads, sleepers);
        for apart in recorder::notes_and_untaken().into_iter().chain(std::iter::once(!notes.start..!notes.end)) {
            regions = regions.into_iter().flat_map(|it| it.without(&apart)).collect();
        }
        let is_known = |thread: &&Thread| sleepers.iter().any(|sleeper| sleeper.tid == thread.tid);
        let others = threads.iter().filter(|thread| !is_known(thread));
        let others = others.map(|thread| (thread.tid, Doing::of(thread.tid))).collect();
        Some(Self {
            regions,
            others,
            memory: File::open("/proc/self/mem").ok()?,
            pages: File::open("/proc/self/pagemap").ok(),
            page: page_size()?,
        })
    }

    /// Returns whether no thread of others has run since; also not one that has come since then, which only one of them can have started.
    pub(super) fn is_still(&self) -> bool {
        self.others.iter().all(|(tid, doing)| *doing != Doing::Runs && *doing == Doing::of(*tid))
    }

    /// Calls `look` with the words of all regions, piece by piece. Returns whether all could be read; what is no longer mapped has
    /// nothing in it.
    pub(super) fn read(&self, mut look: impl FnMut(&Region, usize, &[usize])) -> bool {
        let mut buffer = [0; CHUNK / WORD];
        let mut is_whole = true;
        for region in &self.regions {
            for part in self.contents(&region.addresses) {
                for start in part.clone().step_by(CHUNK) {
                    let len = CHUNK.min(part.end - start);
                    let words = &mut buffer[..len / WORD];
                    match self.memory.read_exact_at(raw::bytes(words), start as u64) {
                        Ok(()) => look(region, start, words),
                        Err(_) => is_whole &= !is_mapped(start, start + len),
                    }
                }
            }
        }
        // Values with gaps that are built here later would carry what is left into the heap, where it would look like pointers.
        buffer.fill(0);
        std::hint::black_box(&mut buffer);
        is_whole
    }

    /// Returns the parts of a region that have content: a page that nobody has written to holds no pointer.
    fn contents(&self, region: &Range<usize>) -> Vec<Range<usize>> {
        /// A page is in memory, or was moved out.
        const PRESENT_OR_SWAPPED: usize = 0b11 << 62;
        let first = region.start / self.page;
        let mut entries = vec![0; region.end.div_ceil(self.page) - first];
        let at = (first * size_of::<u64>()) as u64;
        let read = self.pages.as_ref().map(|pages| pages.read_exact_at(raw::bytes(&mut entries), at));
        if !matches!(read, Some(Ok(()))) {
            return vec![region.clone()];
        }
        let mut parts: Vec<Range<usize>> = Vec::new();
        for (number, entry) in entries.into_iter().enumerate() {
            if entry & PRESENT_OR_SWAPPED == 0 {
                continue;
            }
            let start = (first + number) * self.page;
            let page = start.max(region.start)..(start + self.page).min(region.end);
            match parts.last_mut().filter(|last| last.end == page.start) {
                Some(last) => last.end = page.end,
                None => parts.push(page),
            }
        }
        parts
    }
}

fn is_mapped(start: usize, end: usize) -> bool {
    let Ok(text) = fs::read_to_string("/proc/self/maps") else { return true };
    Mapping::all(&text).iter().any(|it| it.is_writable && it.addresses.start < end && start < it.addresses.end)
}

/// Returns the size of a page, which the kernel tells each program at its start.
fn page_size() -> Option<usize> {
    const PAGE_SIZE: usize = 6;
    let told = fs::read("/proc/self/auxv").ok()?;
    let mut words = vec![0; told.len() / WORD];
    raw::bytes(&mut words).copy_from_slice(&told[..told.len() / WORD * WORD]);
    words.chunks_exact(2).find(|pair| pair[0] == PAGE_SIZE).map(|pair| pair[1])
}

/// A line of `/proc/self/maps`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    addresses: Range<usize>,
    is_writable: bool,
    is_guard: bool,
    /// Empty for memory of no file.
    name: String,
}

impl Mapping {
    fn all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::read).collect()
    }

    fn read(line: &str) -> Option<Self> {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let number = |digits| usize::from_str_radix(digits, 16).ok();
        let addresses = number(start)?..number(end)?;
        let name = rest.split_ascii_whitespace().skip(4).collect::<Vec<_>>().join(" ");
        let is_guard = rest.starts_with("---") && addresses.len() <= GUARD;
        Some(Self { is_writable: rest.starts_with("rw"), is_guard, addresses, name })
    }

    /// Returns whether it is memory like that of a heap or a thread's stack.
    fn is_anonymous(&self) -> bool {
        self.is_writable && self.name.is_empty()
    }
}

impl Thread {
    /// Returns the threads of the process; `None` where the system does not list them.
    fn all() -> Option<Vec<Self>> {
        let entries = fs::read_dir("/proc/self/task").ok()?;
        let tids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Some(tids.map(|tid| Self { tid, stack: stack_pointer(tid), anchor: raw::home_of(tid) }).collect())
    }

    /// Returns where its stack is.
    fn home(&self) -> Option<usize> {
        self.stack.or(self.anchor)
    }
}

/// Returns the stack pointer of a thread that waits in the system: the last word but one of what the system says.
fn stack_pointer(tid: Tid) -> Option<usize> {
    let line = fs::read_to_string(format!("/proc/self/task/{tid}/syscall")).ok()?;
    let pointer = line.split_ascii_whitespace().rev().nth(1)?;
    usize::from_str_radix(pointer.strip_prefix("0x")?, 16).ok()
}

/// Returns what is to be looked at: all that can be written to, but for what is left on stacks below their ends.
fn regions(maps: &[Mapping], threads: &[Thread], known: &[Sleeper]) -> Vec<Region> {
    let of = |it: &Mapping| -> Vec<&Thread> {
        threads.iter().filter(|thread| thread.home().is_some_and(|home| it.addresses.contains(&home))).collect()
    };
    // The stack of a thread that has ended stays mapped, to be used again. It is known by its size and its guard, and only where no
    // thread may be at home in it.
    let sizes: BTreeSet<usize> =
        maps.iter().filter(|it| it.is_anonymous() && !of(it).is_empty()).map(|it| it.addresses.len()).collect();
    let all_at_home = threads.iter().all(|thread| thread.anchor.is_some());
    let is_abandoned = |at: usize| {
        let has_guard = at > 0 && maps[at - 1].is_guard && maps[at - 1].addresses.end == maps[at].addresses.start;
        all_at_home && has_guard && maps[at].is_anonymous() && sizes.contains(&maps[at].addresses.len())
    };
    let mut regions = Vec::new();
    for (at, map) in maps.iter().enumerate().filter(|(_, it)| it.is_writable && !it.name.starts_with("/dev/")) {
        let (what, start) = match &*of(map) {
            [] if is_abandoned(at) => continue,
            [] => (plain(maps, at), map.addresses.start),
            [thread] => (What::Stack(thread.tid), live_part(thread, map, known)),
            [first, ..] => (What::Stack(first.tid), map.addresses.start),
        };
        regions.push(Region { addresses: start.next_multiple_of(WORD)..map.addresses.end, what });
    }
    regions
}

/// Returns where the part of a stack begins that is to be looked at.
fn live_part(thread: &Thread, map: &Mapping, known: &[Sleeper]) -> usize {
    let base = known.iter().find(|sleeper| sleeper.tid == thread.tid).map(|sleeper| !sleeper.base);
    let pointer = thread.stack.map(|pointer| pointer.saturating_sub(RED_ZONE));
    base.or(pointer).filter(|start| map.addresses.contains(start)).unwrap_or(map.addresses.start)
}

/// Says what memory is that is no stack. What a program zeroes at its start follows its file's part.
fn plain(maps: &[Mapping], at: usize) -> What {
    let follows = |before: &Mapping| {
        before.is_writable && before.name.starts_with('/') && before.addresses.end == maps[at].addresses.start
    };
    let is_zeroed = maps[at].name.is_empty() && at > 0 && follows(&maps[at - 1]);
    if maps[at].name.starts_with('/') || is_zeroed { What::Static } else { What::Heap }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
        1000-2000 rw-p 00000000 fd:00 17   /home/a b/it-1234\n\
        2000-3000 rw-p 00000000 00:00 0 \n\
        5000-9000 rw-p 00000000 00:00 0    [heap]\n\
        a000-b000 ---p 00000000 00:00 0 \n\
        b000-f000 rw-p 00000000 00:00 0 \n\
        f000-10000 ---p 00000000 00:00 0 \n\
        10000-14000 rw-p 00000000 00:00 0 \n\
        20000-24000 r--p 00000000 00:00 0 \n";

    fn thread(tid: Tid, stack: Option<usize>, anchor: Option<usize>) -> Thread {
        Thread { tid, stack, anchor }
    }

    fn seen(threads: &[Thread], known: &[Sleeper]) -> Vec<(Range<usize>, What)> {
        let regions = regions(&Mapping::all(MAPS), threads, known);
        regions.into_iter().map(|it| (it.addresses, it.what)).collect()
    }

    #[test]
    fn abandoned_stack_is_left_out_and_a_live_one_is_read_from_its_pointer() {
        let seen = seen(&[thread(7, Some(0xd000), Some(0xef00))], &[]);
        assert_eq!(
            seen,
            [
                (0x1000..0x2000, What::Static),
                (0x2000..0x3000, What::Static),
                (0x5000..0x9000, What::Heap),
                (0xcf80..0xf000, What::Stack(7)),
            ]
        );
    }

    #[test]
    fn no_stack_is_abandoned_where_a_thread_may_be_anywhere() {
        let seen = seen(&[thread(7, Some(0xd000), None)], &[]);
        assert!(seen.contains(&(0x10000..0x14000, What::Heap)), "{seen:?}");
    }

    #[test]
    fn part_that_is_left_out_leaves_what_is_before_and_behind_it() {
        let without = |part: Range<usize>| -> Vec<(usize, usize)> {
            let region = Region { addresses: 0x1000..0x5000, what: What::Heap };
            region.without(&part).map(|it| (it.addresses.start, it.addresses.end)).collect()
        };
        assert_eq!(without(0x2000..0x3000), [(0x1000, 0x2000), (0x3000, 0x5000)]);
        assert_eq!(without(0x1000..0x3000), [(0x3000, 0x5000)]);
        assert_eq!(without(0x4000..0x9000), [(0x1000, 0x4000)]);
        assert_eq!(without(0x6000..0x9000), [(0x1000, 0x5000)]);
        assert_eq!(without(0..0), [(0x1000, 0x5000)]);
        assert_eq!(without(0..0x9000), []);
    }

    #[test]
    fn running_thread_is_read_whole_and_a_known_one_from_its_base() {
        let running = seen(&[thread(7, None, Some(0xef00))], &[]);
        assert!(running.contains(&(0xb000..0xf000, What::Stack(7))), "{running:?}");
        let known = seen(&[thread(7, Some(0xd000), Some(0xef00))], &[Sleeper { tid: 7, base: !0xe000 }]);
        assert!(known.contains(&(0xe000..0xf000, What::Stack(7))), "{known:?}");
    }

    #[test]
    fn stack_that_two_threads_share_is_read_whole() {
        let seen = seen(&[thread(7, Some(0xd000), Some(0xef00)), thread(8, Some(0xc000), Some(0xcf00))], &[]);
        assert!(seen.contains(&(0xb000..0xf000, What::Stack(7))), "{seen:?}");
    }
}
