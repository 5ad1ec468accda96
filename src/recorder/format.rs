//! The form of a record: the file that a process under the gate writes while it runs, and that the gate reads afterwards.
//!
//! A process has one, `<process id>-<nanoseconds>.record`, which it keeps mapped: what it has written is there however it ends. The
//! file is sparse; what was never written takes no room. Everything is a word of 8 bytes in the machine's own order, and no word is
//! ever half written. There are only raw addresses in it: naming and judging is for the reader.
//!
//! Behind the header's words stands one arena, whose first word says how many words follow. What is kept is taken from it one thing after
//! the other, and known by the place of its first word there; 0 is none. So a process that writes little touches few pages, which the
//! system takes its time to give.
//!
//! | kept | what | found by |
//! | --- | --- | --- |
//! | a text | bytes: from [`PROGRAM`] to [`MAPS`] | the header |
//! | a table | what a shard has allocated, two words each: `size / 8 << 48 \| address`, `stack << 32 \| who` | the header |
//! | an end | an allocation and how it was given back, [`END_WORDS`] each | the header, and other ends |
//! | a stack | a word with the number of frames in its lowest byte, and the frames, innermost first | ends and tables |
//! | a name | whose a thread is: a word `sort << 32 \| bytes`, and so many bytes of a name | ends and tables |
//!
//! A `who` has [`ORDINARY`] set, or else is the number of a checked run, which tells of itself elsewhere.

/// `lightsou`.
pub(crate) const MAGIC: u64 = u64::from_ne_bytes(*b"lightsou");
/// Of this form.
pub(crate) const VERSION: u64 = 5;
/// The section of a program that says that it writes records when it is asked to.
pub(crate) const MARK: &str = ".lightsout";
/// What a record's name ends with.
pub(crate) const EXTENSION: &str = "record";

/// Places in the header.
pub(crate) const MAGIC_AT: usize = 0;
pub(crate) const VERSION_AT: usize = 1;
pub(crate) const PROCESS_AT: usize = 2;
/// Not 0 if the process ended by itself, through `exit` or from `main`.
pub(crate) const ENDED_AT: usize = 3;
/// How many things could not be written down for want of room.
pub(crate) const LOST_AT: usize = 4;
/// The process that started this one.
pub(crate) const PARENT_AT: usize = 5;
/// How many allocations of ordinary tests came or went, about, and what writing that down took of the processor, in nanoseconds.
pub(crate) const STEPS_AT: usize = 6;
pub(crate) const TOOK_AT: usize = 7;
/// Where each text begins in [`ARENA`], and how long it is, in bytes: `place << 32 | length`.
pub(crate) const TEXTS_AT: usize = 8;
/// The place of the end that came last, which names the one before.
pub(crate) const ENDS_AT: usize = 13;
/// Where the table of each shard is in [`ARENA`], and how many entries it has: `place << 32 | entries`.
pub(crate) const SHARDS_AT: usize = 16;
pub(crate) const SHARDS: usize = if cfg!(miri) { 2 } else { 64 };
/// Where the process itself has the first [sign](SIGN_WORDS) of its tables, as addresses: of those in [`ARENA`], and of those of what may
/// be a channel, which are in no file.
pub(crate) const CELLS_SIGNS_AT: usize = 128;
pub(crate) const REST_SIGNS_AT: usize = 129;
/// How far the signs of two shards are apart, in bytes.
pub(crate) const STRIDE_AT: usize = 130;
/// What whoever looks from outside reads of a shard: `exponent of entries << 48 | address` of its table, or 0 before it has one; and
/// how often something has moved inside of it.
pub(crate) const SIGN_WORDS: usize = 2;

/// A part of the file, in words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Section {
    const fn behind(before: Self, len: usize) -> Self {
        Self { start: before.start + before.len, len }
    }
}

pub(crate) const HEADER: Section = Section { start: 0, len: 512 };
pub(crate) const ARENA: Section = Section::behind(HEADER, 9 << 22);
/// Length of the file, in words.
pub(crate) const WHOLE: usize = ARENA.start + ARENA.len;

/// The path of the program.
pub(crate) const PROGRAM: usize = 0;
/// What it was called with, each with a null byte at its end.
pub(crate) const ARGUMENTS: usize = 1;
/// The test that nextest names.
pub(crate) const NEXTEST: usize = 2;
/// A line for each module: an address that is inside of it, and the number of its build, both in hexadecimal digits.
pub(crate) const BUILDS: usize = 3;
/// Where modules are, in the form of `/proc/self/maps`. It is written again at the end where there are more by then.
pub(crate) const MAPS: usize = 4;

/// Words of an end: `stack << 32 | stack of the free`, `who << 32 | who frees`, [`state`](AT_EXIT), how often, and the place of the end that
/// came before.
pub(crate) const END_WORDS: usize = 5;
/// Set in the state of what was still allocated when the process ended by itself; beside it are the lowest bits of the
/// allocation's first word, which is a task's state.
pub(crate) const AT_EXIT: u64 = 1 << 32;
/// Set beside it for what is no task, and may be a channel.
pub(crate) const NO_TASK: u64 = 1 << 33;
/// Set in the state of a task that was not given back: its runtime, or its `LocalSet`, was about to shut it down. Beside it is the state that
/// it had until then.
pub(crate) const SHUT: u64 = 1 << 34;
/// Set in the state of a task that would be seen to be shut down: where [`SHUT`] is not beside it, it was not.
pub(crate) const WATCHED: u64 = 1 << 35;
/// So many of the lowest bits of the first word; above them a task counts references.
pub(crate) const STATE: u64 = 0b11_1111;

/// The bits of an entry's first word that are its address: all that processors use.
pub(crate) const ADDRESS: u64 = (1 << 48) - 1;

/// Marks what belongs to an ordinary test, or to no test.
pub(crate) const ORDINARY: u32 = 1 << 31;

/// Whose a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It has this name, or descends from a thread that has it.
    Thread,
    /// The thread that `main` runs on.
    Main,
    /// It has no name.
    Nameless,
    /// Planted, to see whether it is found again: the name says what it is.
    Planted,
    /// As `Thread`, but of its name only these bytes are known; before them stands a stack of the thread, as a word.
    Cut,
}

impl Sort {
    pub(crate) const ALL: [Self; 5] = [Self::Thread, Self::Main, Self::Nameless, Self::Planted, Self::Cut];

    /// Returns the number that stands for it.
    pub(crate) fn number(self) -> u64 {
        1 + self as u64
    }
}

/// Returns how many frames follow this word.
pub(crate) fn frames(head: u64) -> usize {
    (head & 0xff) as usize
}
