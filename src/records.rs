//! Reads the records that ordinary tests left, and names what is in them. For the gate; it changes without notice.
//!
//! What it means that a task was given back at some place is the gate's to judge.

mod memory;
#[cfg(target_os = "linux")]
mod module;
mod running;
mod shard;
#[cfg(target_os = "linux")]
mod tokio;
#[cfg(target_os = "linux")]
mod vtables;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::Site;
use crate::recorder::format::{self, Section, Sort};

pub use running::{Live, Running};

/// What one process wrote down.
#[derive(Debug)]
pub struct Record {
    /// Its number.
    pub process: u64,
    /// The number of the process that started it.
    pub parent: u64,
    /// The program, as it was when it began.
    pub program: PathBuf,
    /// What it was called with, its own name first.
    pub arguments: Vec<String>,
    /// The test that nextest runs in this process.
    pub nextest: Option<String>,
    /// Whether it ended by itself: by `exit`, or from `main`.
    pub has_ended: bool,
    /// How many things it could not write down.
    pub lost: u64,
    /// How many allocations came or went, about.
    pub steps: u64,
    /// What that took of the processor, in all threads together.
    pub took: Duration,
    /// How tasks and the like were given back, each way once.
    pub ends: Vec<End>,
    people: BTreeMap<u32, Who>,
    arena: Vec<u64>,
    /// Which build the module at an address is.
    #[cfg(target_os = "linux")]
    builds: Vec<(usize, Vec<u8>)>,
    #[cfg(target_os = "linux")]
    maps: crate::system::maps::Maps,
}

/// Allocations that were made at one place and given back at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Where they were made.
    pub made: Stack,
    /// Where they were given back; `None` for what was still there when the process ended.
    pub freed: Option<Stack>,
    /// The flags of the task then; `None` where the process was killed.
    pub state: Option<u64>,
    /// Whether they were not given back there, but about to be shut down by the end of their runtime or `LocalSet`; `state` is that before.
    pub was_shut: bool,
    /// Whether that would have been seen.
    pub is_watched: bool,
    /// Whether it is no task, and may be a channel.
    pub is_shared: bool,
    /// How many.
    pub count: u64,
    who: u32,
}

/// A stack of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stack(u32);

/// Whose an allocation is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// A thread of this name, and what descends from it: a test's, under libtest.
    Thread(String),
    /// The main thread.
    Main,
    /// A thread without a name that descends from none that has one.
    Nameless,
    /// Planted by lightsout itself, as this.
    Planted(String),
    /// As `Thread`, but its name may go on; with a stack of the thread, down to its first function.
    Cut(String, Stack),
}

impl Record {
    /// Returns whether a file is a record, by its name.
    #[must_use]
    pub fn is_one(path: &Path) -> bool {
        path.extension() == Some(OsStr::new(format::EXTENSION))
    }

    /// Reads a record; `None` for one that was not begun: its process was killed at once, or had no room.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or has another form than this version knows.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let mut file = Words(File::open(path)?);
        let header = file.read(format::HEADER.start, format::HEADER.len)?;
        if !has_begun(&header)? {
            return Ok(None);
        }
        let arena = file.arena()?;
        let text = |text: usize| {
            let place = header[format::TEXTS_AT + text];
            let words = arena.get((place >> 32) as usize..).unwrap_or_default();
            String::from_utf8_lossy(&bytes(words, place as u32 as usize)).into_owned()
        };
        let ends = ends(&header, &arena);
        let arguments = text(format::ARGUMENTS);
        let nextest = text(format::NEXTEST);
        Ok(Some(Self {
            process: header[format::PROCESS_AT],
            parent: header[format::PARENT_AT],
            program: text(format::PROGRAM).into(),
            arguments: arguments.split_terminator('\0').map(str::to_owned).collect(),
            nextest: Some(nextest).filter(|name| !name.is_empty()),
            has_ended: header[format::ENDED_AT] != 0,
            lost: header[format::LOST_AT],
            steps: header[format::STEPS_AT],
            took: Duration::from_nanos(header[format::TOOK_AT]),
            people: people(&ends, &arena),
            ends,
            #[cfg(target_os = "linux")]
            builds: text(format::BUILDS).lines().filter_map(names::build).collect(),
            #[cfg(target_os = "linux")]
            maps: crate::system::maps::Maps::parse(&text(format::MAPS)),
            arena,
        }))
    }

    /// Returns whose the allocations of an end are.
    #[must_use]
    pub fn who(&self, end: &End) -> &Who {
        self.people.get(&(end.who & !format::ORDINARY)).unwrap_or(&Who::Nameless)
    }

    /// Returns the calls of a stack, innermost first.
    fn calls(&self, stack: Stack) -> impl Iterator<Item = usize> {
        let start = stack.0 as usize;
        let len = self.arena.get(start).map_or(0, |head| format::frames(*head));
        // A return address is behind its call, which may be the last of its line.
        let frames = self.arena.get(start + 1..start + 1 + len).unwrap_or_default();
        frames.iter().map(|address| (*address as usize).saturating_sub(1))
    }
}

const WORD: usize = size_of::<u64>();

/// Returns whether a record was begun, in the form that is known.
fn has_begun(header: &[u64]) -> io::Result<bool> {
    match (header[format::MAGIC_AT], header[format::VERSION_AT]) {
        (format::MAGIC, format::VERSION) => Ok(true),
        (0, _) => Ok(false),
        (format::MAGIC, version) => {
            Err(io::Error::other(format!("its form has version {version}, and {} is known", format::VERSION)))
        }
        _ => Err(io::Error::other("it is no record")),
    }
}

/// A file of words.
#[derive(Debug)]
struct Words(File);

impl Words {
    fn read(&mut self, start: usize, count: usize) -> io::Result<Vec<u64>> {
        let mut read = vec![0; count * WORD];
        self.0.seek(SeekFrom::Start((start * WORD) as u64))?;
        self.0.read_exact(&mut read)?;
        Ok(read.chunks_exact(WORD).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes"))).collect())
    }

    /// Returns what was taken of the arena, behind the word that counts it.
    fn arena(&mut self) -> io::Result<Vec<u64>> {
        let Section { start, len } = format::ARENA;
        let taken = self.read(start, 1)?[0];
        self.read(start, 1 + taken.min(len as u64 - 1) as usize)
    }
}

/// Returns so many bytes of words, or as many as there are.
fn bytes(words: &[u64], len: usize) -> Vec<u8> {
    words.iter().take(len.div_ceil(WORD)).flat_map(|word| word.to_ne_bytes()).take(len).collect()
}

/// Returns how everything was given back that was, with what was not.
fn ends(header: &[u64], arena: &[u64]) -> Vec<End> {
    let row = |place: u64| arena.get(place as usize..)?.first_chunk::<{ format::END_WORDS }>().filter(|_| place != 0);
    let rows = std::iter::successors(row(header[format::ENDS_AT]), |last| row(last[format::END_WORDS - 1]));
    // What is torn must not lead in a circle.
    let mut ends: Vec<End> = rows.take(arena.len() / format::END_WORDS).map(|row| end(row)).collect();
    ends.reverse();
    if header[format::ENDED_AT] == 0 {
        ends.extend(left(header, arena));
    }
    ends
}

fn end(row: &[u64]) -> End {
    let freed = row[0] as u32;
    End {
        made: Stack((row[0] >> 32) as u32),
        freed: (freed != 0).then_some(Stack(freed)),
        state: Some(row[2] & format::STATE),
        was_shut: row[2] & format::SHUT != 0,
        is_watched: row[2] & format::WATCHED != 0,
        is_shared: row[2] & format::NO_TASK != 0,
        // A process that was killed may have had no time to count it.
        count: row[3].max(1),
        who: (row[1] >> 32) as u32,
    }
}

/// Returns what a process that was killed had allocated.
fn left(header: &[u64], tables: &[u64]) -> Vec<End> {
    let shards = &header[format::SHARDS_AT..][..format::SHARDS];
    let entries = shards.iter().filter(|shard| **shard != 0).flat_map(|shard| {
        let (start, len) = ((shard >> 32) as usize, (shard & u64::from(u32::MAX)) as usize);
        tables.get(start..start + 2 * len).unwrap_or_default().chunks_exact(2)
    });
    let ordinary = entries.filter(|entry| entry[0] != 0 && entry[1] as u32 & format::ORDINARY != 0);
    let left = |entry: &[u64]| End {
        made: Stack((entry[1] >> 32) as u32),
        freed: None,
        state: None,
        was_shut: false,
        is_watched: false,
        is_shared: false,
        count: 1,
        who: entry[1] as u32,
    };
    ordinary.map(left).collect()
}

/// Returns who they are whose these are.
fn people(ends: &[End], arena: &[u64]) -> BTreeMap<u32, Who> {
    let person = |place: u32| {
        let (head, name) = arena.get(place as usize..)?.split_first()?;
        let sort = Sort::ALL.into_iter().find(|sort| sort.number() == head >> 32);
        Some((place, person(sort, &bytes(name, *head as u32 as usize))))
    };
    let places = ends.iter().map(|end| end.who & !format::ORDINARY).collect::<BTreeSet<_>>();
    places.into_iter().filter_map(person).collect()
}

fn person(sort: Option<Sort>, bytes: &[u8]) -> Who {
    let name = |bytes| String::from_utf8_lossy(bytes).into_owned();
    match (sort, bytes.split_first_chunk()) {
        (Some(Sort::Thread), _) => Who::Thread(name(bytes)),
        (Some(Sort::Main), _) => Who::Main,
        (Some(Sort::Planted), _) => Who::Planted(name(bytes)),
        (Some(Sort::Cut), Some((stack, rest))) => Who::Cut(name(rest), Stack(u64::from_ne_bytes(*stack) as u32)),
        (Some(Sort::Nameless | Sort::Cut) | None, _) => Who::Nameless,
    }
}

/// Says of so many channels that they are open, as reports do.
#[must_use]
pub fn open_channels(number: usize) -> String {
    crate::report::words::open(number)
}

/// Says what to do about channels that are open, as reports do.
#[must_use]
pub fn next_of_channel() -> String {
    crate::report::words::next_of_channel()
}

/// Returns whether a program links lightsout, and so leaves records when it is asked to.
#[must_use]
pub fn links(program: &Path) -> bool {
    names::has_section(program, format::MARK)
}

/// What the file name of a recorder begins with that is preloaded: its own calls are no part of a stack.
pub const LIBRARY: &str = "liblightsout-recorder-";

/// Returns the loader that a program asks for; `None` for one that is linked statically, and for what is no program.
#[must_use]
pub fn loader(program: &Path) -> Option<PathBuf> {
    names::loader(program)
}

/// Says in a list where a program has the vtables of its tasks, for the recorder in it; returns where in this folder the list is.
///
/// # Errors
///
/// If the program cannot be read, or the list cannot be written.
#[cfg(target_os = "linux")]
pub fn list_vtables(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    vtables::list(program, folder)
}

/// There are no records here.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn list_vtables(_: &Path, _: &Path) -> io::Result<PathBuf> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What a program file tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Whether it has tasks of tokio, as far as its names tell.
    pub uses_tokio: bool,
    /// The minor version of its tokio 1, the oldest if there are several; `None` where the path of its sources does not tell.
    pub tokio: Option<u32>,
    /// Whether it tells the lines of its code.
    pub has_lines: bool,
    /// Whether it has tasks of `async-executor` too: smol's and async-std's.
    pub has_other_tasks: bool,
}

impl Program {
    /// Looks into a file; nothing is there where it cannot be read.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        names::program(path, Path::new("")).map(|(program, _)| program).unwrap_or_default()
    }
}

/// What a task is that was allocated somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spawned {
    /// Whether it is an async task, or what else.
    pub kind: Kind,
    /// The first place outside tokio and the standard library.
    pub site: Site,
    /// The function that the place is in.
    pub function: Option<String>,
    /// What it runs; `None` without debug information.
    pub runs: Option<String>,
}

/// What a channel is that was allocated somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What kind it is, and what it carries: `tokio mpsc of u32`.
    pub kind: String,
    /// The first place outside the standard library and the crate of the channel.
    pub site: Site,
    /// The function that the place is in.
    pub function: Option<String>,
}

/// What kind of task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An async task of a runtime or of a `LocalSet`.
    Async,
    /// A closure given to `spawn_blocking`.
    Blocking,
    /// A worker of a runtime.
    Worker,
}

/// A function on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name; without a path where it was inlined.
    pub function: String,
    /// The file that it is in; `None` without debug information.
    pub file: Option<String>,
}

pub use names::Names;

#[cfg(target_os = "linux")]
mod names {
    use std::borrow::Cow;
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};

    use object::elf::FileHeader64;
    use object::read::elf::{FileHeader, ProgramHeader};
    use object::{Object, ObjectSection};

    use super::module::Module;
    use super::tokio::{self, Tokio};
    use super::{Call, Kind, Opened, Program, Record, Spawned, Stack};
    use crate::finding::Site;
    use crate::ledger::channel::{Ends, ROWS};
    use crate::report::words;
    use crate::source::allocation::{self, Origin};
    use crate::system::debuginfo::mapped;
    use crate::system::symbols::{self, Frame};

    /// What functions of tokio's tasks are called, by the compiler; and the file that their panics name, in a program without names.
    const TASKS: [&[u8]; 2] = [b"5tokio7runtime4task", b"/src/runtime/task/"];

    /// What functions of `async-executor` are called, by the compiler; and the file that their panics name.
    const OTHERS: [&[u8]; 2] = [b"14async_executor", b"/async-executor-1."];

    /// Returns what a program tells of itself.
    pub(super) fn program(path: &Path, root: &Path) -> Option<(Program, Option<Tokio>)> {
        let file = mapped(path)?;
        let file = object::File::parse(&file[..]).ok()?;
        let section = |name| file.section_by_name(name).and_then(|section| section.uncompressed_data().ok());
        let (names, constants) = (section(".strtab"), section(".rodata"));
        let has = |[name, source]: [&[u8]; 2]| {
            let stands_in = |data: &Option<Cow<'_, [u8]>>, text| data.as_ref().is_some_and(|data| contains(data, text));
            stands_in(&names, name) || stands_in(&constants, source)
        };
        let tokio = constants.as_ref().and_then(|constants| tokio::find(constants, root));
        let minor = tokio.as_ref().map(|tokio| tokio.minor);
        let program = Program {
            tokio: minor,
            uses_tokio: has(TASKS),
            has_other_tasks: has(OTHERS),
            has_lines: file.section_by_name(".debug_line").is_some_and(|section| section.size() > 0),
        };
        Some((program, tokio))
    }

    pub(super) fn loader(path: &Path) -> Option<PathBuf> {
        let file = mapped(path)?;
        let header = FileHeader64::<object::Endianness>::parse(&file[..]).ok()?;
        let endian = header.endian().ok()?;
        let segments = header.program_headers(endian, &file[..]).ok()?;
        let name = segments.iter().find_map(|segment| segment.interpreter(endian, &file[..]).ok()?)?;
        Some(PathBuf::from(String::from_utf8_lossy(name).into_owned()))
    }

    fn is_recorder(file: &Path) -> bool {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(super::LIBRARY))
    }

    /// Returns the function at the place that an origin is told by; `None` where it was inlined and has no name of its own.
    fn function(origin: &Origin) -> Option<String> {
        let is_name = |name: &String| !name.is_empty() && !name.starts_with('{');
        origin.functions.last().map(|name| symbols::tidy(name)).filter(is_name)
    }

    /// Returns whether a text stands somewhere in these bytes, which may be many.
    fn contains(bytes: &[u8], text: &[u8]) -> bool {
        memchr::memmem::find(bytes, text).is_some()
    }

    /// Returns whether a program has a section of this name.
    pub(super) fn has_section(program: &Path, name: &str) -> bool {
        let has = |file: &[u8]| {
            let header = FileHeader64::<object::Endianness>::parse(file).ok()?;
            let endian = header.endian().ok()?;
            Some(header.sections(endian, file).ok()?.section_by_name(endian, name.as_bytes()).is_some())
        };
        mapped(program).and_then(|file| has(&file)).unwrap_or(false)
    }

    /// Names the addresses of records; slow, so each is looked up once.
    pub struct Names {
        root: PathBuf,
        /// Where names are kept; `None` where they are not.
        folder: Option<PathBuf>,
        /// Many processes may run one program, and load it at different addresses.
        modules: BTreeMap<PathBuf, Module>,
    }

    impl std::fmt::Debug for Names {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Names").field("root", &self.root).finish_non_exhaustive()
        }
    }

    impl Names {
        /// Begins with nothing; places inside `root` are told relative to it.
        #[must_use]
        pub fn new(root: &Path) -> Self {
            Self { root: root.to_owned(), folder: None, modules: BTreeMap::new() }
        }

        /// Also takes what is kept in this folder of the same builds.
        #[must_use]
        pub fn kept_in(self, folder: &Path) -> Self {
            Self { folder: Some(folder.to_owned()), ..self }
        }

        /// Keeps what is known now.
        ///
        /// # Errors
        ///
        /// If something cannot be kept; the next look takes longer then, and finds the same.
        pub fn keep(&self) -> io::Result<()> {
            self.modules.values().try_for_each(Module::keep)
        }

        /// Returns what a program tells of itself.
        #[must_use]
        pub fn program(&mut self, program: &Path) -> Program {
            self.module(program).program().0
        }

        /// Returns what was spawned on this stack; `None` if it is no task.
        #[must_use]
        pub fn spawned(&mut self, record: &Record, stack: Stack) -> Option<Spawned> {
            let origin = self.origin(record, stack);
            let kind = match allocation::kind_in(&origin)? {
                allocation::Kind::Async => Kind::Async,
                allocation::Kind::Blocking => Kind::Blocking,
                allocation::Kind::Worker => Kind::Worker,
            };
            Some(Spawned { kind, runs: allocation::runs_in(&origin), function: function(&origin), site: origin.site })
        }

        /// Returns what was opened on this stack; `None` if it is no channel, or one that has no end, or that tokio needs for itself.
        #[must_use]
        pub fn opened(&mut self, record: &Record, stack: Stack) -> Option<Opened> {
            let origin = self.origin(record, stack);
            if origin.is_for_tokio {
                return None;
            }
            let (kind, element) = allocation::kind_of(&origin, ROWS.iter().filter(|row| row.ends == Ends::Closes))?;
            let kind = words::kind_of_channel(kind.name(), element.filter(|element| !element.is_empty()));
            Some(Opened { kind, function: function(&origin), site: origin.site })
        }

        fn origin(&mut self, record: &Record, stack: Stack) -> Origin {
            // No further than is needed: there are many stacks, and most are no channel's.
            let frames = record.calls(stack).flat_map(|call| self.frames(record, call));
            Origin::read(allocation::without_recorder(frames))
        }

        /// Returns the functions of a stack, innermost first.
        #[must_use]
        pub fn calls(&mut self, record: &Record, stack: Stack) -> Vec<Call> {
            let frames = record.calls(stack).flat_map(|call| self.frames(record, call));
            let call = |frame: Frame| Call {
                file: frame.site.map(|site| site.file.into_owned()),
                function: frame.typed.filter(|_| frame.function.is_empty()).unwrap_or(frame.function),
            };
            frames.map(call).collect()
        }

        /// Returns whether the file of a program is another build by now than the one that wrote a record. Where linkers give no numbers
        /// it is taken for the same.
        #[must_use]
        pub fn is_other_build(&mut self, record: &Record) -> bool {
            self.is_other(record, &record.program)
        }

        fn is_other(&mut self, record: &Record, file: &Path) -> bool {
            let of_file =
                |(address, _): &&(usize, Vec<u8>)| record.maps.locate(*address).is_some_and(|(found, _)| found == file);
            let Some((_, build)) = record.builds.iter().find(of_file) else { return false };
            self.module(file).build() != Some(build)
        }

        fn module(&mut self, file: &Path) -> &mut Module {
            let Self { root, folder, modules } = self;
            modules.entry(file.to_owned()).or_insert_with(|| Module::open(file, root, folder.as_deref()))
        }

        fn frames(&mut self, record: &Record, address: usize) -> Vec<Frame> {
            let Some((file, offset)) = record.maps.locate(address).filter(|(file, _)| !is_recorder(file)) else {
                return Vec::new();
            };
            let mut frames = self.module(file).frames(offset);
            let tokio = self.module(&record.program).program().1.as_ref();
            if let Some(folder) = tokio.and_then(|tokio| tokio.folder.clone()) {
                frames.iter_mut().for_each(|frame| self.name_of_tokio(frame, &folder));
            }
            frames
        }

        /// Says in the name of a function that it is tokio's, if its file is in the folder of it: where it was inlined nothing else does.
        fn name_of_tokio(&self, frame: &mut Frame, folder: &Path) {
            let is_inside = |site: &Site| self.root.join(&*site.file).starts_with(folder);
            let is_named = ["tokio::", "<tokio::"].iter().any(|start| frame.function.starts_with(start));
            if !is_named && frame.site.as_ref().is_some_and(is_inside) {
                frame.function.insert_str(0, "tokio::");
            }
        }
    }

    /// Reads `7f00400 0123abcd`.
    pub(super) fn build(line: &str) -> Option<(usize, Vec<u8>)> {
        let (address, build) = line.split_once(' ')?;
        let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        Some((usize::from_str_radix(address, 16).ok()?, build.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?))
    }
}

/// There are no records elsewhere.
#[cfg(not(target_os = "linux"))]
mod names {
    use std::path::Path;

    use super::{Call, Opened, Program, Record, Spawned, Stack};

    pub(super) fn has_section(_: &Path, _: &str) -> bool {
        false
    }

    pub(super) fn program(_: &Path, _: &Path) -> Option<(Program, ())> {
        None
    }

    pub(super) fn loader(_: &Path) -> Option<std::path::PathBuf> {
        None
    }

    /// Names nothing here.
    #[derive(Debug)]
    pub struct Names;

    impl Names {
        /// Names nothing here.
        #[must_use]
        pub fn new(_: &Path) -> Self {
            Self
        }

        /// Names nothing here.
        #[must_use]
        pub fn spawned(&mut self, _: &Record, _: Stack) -> Option<Spawned> {
            None
        }

        /// Names nothing here.
        #[must_use]
        pub fn opened(&mut self, _: &Record, _: Stack) -> Option<Opened> {
            None
        }

        /// Names nothing here.
        #[must_use]
        pub fn calls(&mut self, _: &Record, _: Stack) -> Vec<Call> {
            Vec::new()
        }

        /// Keeps nothing here.
        #[must_use]
        pub fn kept_in(self, _: &Path) -> Self {
            self
        }

        /// Keeps nothing here.
        ///
        /// # Errors
        ///
        /// Never.
        pub fn keep(&self) -> std::io::Result<()> {
            Ok(())
        }

        /// Knows of none here.
        #[must_use]
        pub fn program(&mut self, _: &Path) -> Program {
            Program::default()
        }

        /// Knows of none here.
        #[must_use]
        pub fn is_other_build(&mut self, _: &Record) -> bool {
            false
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::names::build;

    #[test]
    fn build_of_a_module_is_read() {
        assert_eq!(build("00007f00 01abff"), Some((0x7f00, vec![1, 0xab, 0xff])));
        assert_eq!(build("7f00"), None);
        assert_eq!(build("7f00 0g"), None);
    }
}
