//! Judges the records that test binaries left: which tasks of ordinary tests were alive when their runtime ended.
//!
//! A record says where tasks were allocated, from where they were shut down by the end of their runtime, or given back, and in which state.
//! A task that its runtime's end had to shut down, and that nothing had woken when that began, would have lived on. One that had been woken,
//! aborted or spawned just before, and had not had its turn since, would perhaps have ended: that is counted and not told as a leak.
//! Unless the same test left others: whether a task still had a turn is a matter of timing, and a test that is told in any case is told
//! with all that it left, so that the next run says the same.
//!
//! Where tasks were not seen to be shut down, one that was cancelled and given back by its runtime's end is taken for one that was; of one
//! that was given back later nobody knows whether it was aborted.
//!
//! What these states look like is held against tasks that lightsout plants in each process. They must be found as what they are; otherwise
//! the record says nothing about the tests either, and the binary is told as not looked at.

mod tests_of;
mod witness;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lightsout::Site;
use lightsout::records::{self, Call, End, Kind, Names, Opened, Record, Spawned, Stack, Who};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::preload::Closed;
use crate::preload::note::{Note, Way};

/// What the records of a run say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cover {
    /// What can be said of each test binary that links lightsout, by file name.
    pub(crate) binaries: BTreeMap<String, Sight>,
    /// What is wrong, ordered by binary, test and place.
    #[serde(with = "pairs")]
    pub(crate) leaks: BTreeMap<Leak, usize>,
    /// What was open when its process ended, ordered in the same way.
    #[serde(default, with = "pairs")]
    pub(crate) open: BTreeMap<Open, usize>,
    /// The file names of test binaries that have tasks of other runtimes, too.
    #[serde(default)]
    pub(crate) others: BTreeSet<String>,
    /// Tasks of which it cannot be said whether they would have ended, ordered in the same way.
    #[serde(default, with = "pairs")]
    pub(crate) undecided: BTreeMap<Leak, usize>,
    /// Whether a channel that was open is a finding.
    #[serde(default)]
    pub(crate) denies_channels: bool,
    /// How many things processes could not write down.
    pub(crate) lost: u64,
    /// Why only binaries are looked at that link lightsout; `None` where others are, too.
    #[serde(default)]
    pub(crate) closed: Option<Closed>,
}

impl Cover {
    /// Adds what the records of another run say.
    pub(crate) fn join(&mut self, other: Self) {
        for (binary, sight) in other.binaries {
            let known = self.binaries.entry(binary).or_insert(sight);
            // Each run has other tests: that one of them looked says nothing of those of the other.
            *known = sight.max(*known);
        }
        add_all(&mut self.leaks, other.leaks);
        add_all(&mut self.undecided, other.undecided);
        add_all(&mut self.open, other.open);
        self.others.extend(other.others);
        self.denies_channels |= other.denies_channels;
        self.lost += other.lost;
        self.closed = self.closed.or(other.closed);
    }
}

/// Adds counts to those of the same.
fn add_all<K: Ord>(all: &mut BTreeMap<K, usize>, others: BTreeMap<K, usize>) {
    others.into_iter().for_each(|(key, count)| *all.entry(key).or_insert(0) += count);
}

/// A map whose keys are no text, as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<K: Serialize, S: Serializer>(map: &BTreeMap<K, usize>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'a, K, D>(from: D) -> Result<BTreeMap<K, usize>, D::Error>
    where
        K: Deserialize<'a> + Ord,
        D: Deserializer<'a>,
    {
        Vec::<(K, usize)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}

/// Whether a test binary's ordinary tests were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Sight {
    /// What was planted in it was found, or what happened in it bears witness.
    Open,
    /// There is nothing to look at: it has no task of tokio.
    NoTokio,
    /// It was not.
    Blind(Why),
}

/// Why what was planted was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Why {
    /// It left no record.
    NoRecord,
    /// Its allocations are not recorded.
    NoAllocator,
    /// Functions have no names.
    NoNames,
    /// The ends of planted tasks are not what they should be, or of those that say so themselves.
    Unlike,
    /// Not one of its tasks was seen, and its tokio may keep them in another way.
    NoTask,
    /// Its tokio is so old that only some of its tasks are seen.
    OldTokio,
    /// Its file is another build by now.
    Rebuilt,
    /// It has no loader that preloads anything.
    Static,
    /// It is for another C library, or another processor.
    Foreign,
    /// It runs as another user.
    Privileged,
}

/// Tasks of one test, spawned at one place, with one fate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Leak {
    /// The file name of the test binary.
    pub(crate) binary: String,
    pub(crate) whose: Whose,
    pub(crate) fate: Fate,
    pub(crate) site: Site,
    /// What they run; `None` without debug information.
    pub(crate) runs: Option<String>,
}

/// Channels of one test, made at one place, that were open when its process ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Open {
    /// The file name of the test binary.
    pub(crate) binary: String,
    pub(crate) whose: Whose,
    /// `tokio mpsc of u32`.
    pub(crate) kind: String,
    pub(crate) site: Site,
}

/// Who spawned it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Whose {
    /// A thread of this name, or what it started: a test.
    Named(String),
    /// The main thread.
    Main,
    /// A thread without a name.
    Nameless,
    /// A thread whose name begins so and may go on, with the functions that called it into being, innermost first.
    Cut(String, Vec<String>),
}

/// What became of a task that was alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Fate {
    /// Its runtime, or its `LocalSet`, ended.
    RuntimeEnded,
    /// So it did, and the task had been woken, aborted or spawned just before.
    RuntimeEndedAtOnce,
    /// It was cancelled, by the end of its runtime or by an abort before, and its handle was kept.
    Cancelled,
    /// The process ended.
    ProcessEnded,
    /// A blocking closure: the process ended.
    ClosureOutlived,
}

/// Reads every record in a folder, and removes those that were read: they are long files, if sparse. `executables` are all test
/// binaries that ran.
pub(crate) fn read<'a>(
    folder: &Path,
    names: &mut Names,
    executables: impl Iterator<Item = &'a PathBuf>,
) -> Result<(Cover, Vec<Error>), Error> {
    let (mut cover, mut faults) = (Cover::default(), Vec::new());
    let mut records = Vec::new();
    for path in paths(folder)? {
        match Record::read(&path) {
            Ok(record) => records.extend(record),
            Err(error) => faults.push(Error::read_record(&path, &error)),
        }
        // One that stays takes room, and is never read again.
        let _ = fs::remove_file(&path);
    }
    let processes: BTreeSet<u64> = records.iter().map(|record| record.process).collect();
    for record in &records {
        let rank = if processes.contains(&record.parent) { Rank::Child } else { Rank::Suite };
        cover.add(record, rank, names);
    }
    for executable in executables.filter(|executable| records::links(executable)) {
        cover.binaries.entry(file_name(executable)).or_insert(Sight::Blind(Why::NoRecord));
    }
    Note::all(folder).iter().for_each(|note| cover.miss(note, names));
    cover.decide();
    Ok((cover, faults))
}

/// Reads the records of a program that is no test binary, this process, and of what it started.
pub(crate) fn of_program<'a>(id: u32, records: impl Iterator<Item = &'a Record>, names: &mut Names) -> Cover {
    let mut cover = Cover::default();
    for record in records {
        let rank = if record.process == u64::from(id) { Rank::Suite } else { Rank::Child };
        cover.add(record, rank, names);
    }
    cover.decide();
    cover
}

fn paths(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error| Error::read_folder(folder, &error);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>, Error>>()?;
    paths.retain(|path| Record::is_one(path));
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Who started a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    /// What runs the suite.
    Suite,
    /// A test: such a process ends when and how the test wants it to.
    Child,
}

impl Cover {
    /// Says why a binary was not looked at that should have been: it has tasks, and left no record.
    fn miss(&mut self, note: &Note, names: &mut Names) {
        let why = note.way.why();
        let sight = || match note.way == Way::Linked || names.program(&note.program).uses_tokio {
            true => Sight::Blind(why),
            false => Sight::NoTokio,
        };
        self.binaries.entry(file_name(&note.program)).or_insert_with(sight);
    }

    fn add(&mut self, record: &Record, rank: Rank, names: &mut Names) {
        let mut reader =
            Reader { record, rank, names, spawned: BTreeMap::new(), opened: BTreeMap::new(), ends: BTreeMap::new() };
        if reader.names.is_other_build(record) {
            self.binaries.entry(file_name(&record.program)).or_insert(Sight::Blind(Why::Rebuilt));
            return;
        }
        let is_preloaded = !records::links(&record.program);
        let program = reader.names.program(&record.program);
        if program.has_other_tasks {
            self.others.insert(file_name(&record.program));
        }
        if is_preloaded && !program.uses_tokio {
            self.binaries.insert(file_name(&record.program), Sight::NoTokio);
            return;
        }
        let believed = if is_preloaded { witness::bears_witness(&mut reader, program) } else { reader.shows_plants() };
        // What is seen is right, and there may be more.
        let is_whole = !is_preloaded || !witness::hides_tasks(program);
        let open = if is_whole { Sight::Open } else { Sight::Blind(Why::OldTokio) };
        let sight = believed.map_or_else(Sight::Blind, |_| open);
        // One process that looked is enough; another may have been killed at its start.
        let known = self.binaries.entry(file_name(&record.program)).or_insert(sight);
        *known = sight.min(*known);
        self.lost += record.lost;
        if believed.is_err() {
            return;
        }
        let tests = record.ends.iter().filter(|end| !matches!(record.who(end), Who::Planted(_)));
        for end in tests {
            self.judge(end, &mut reader);
        }
    }

    /// Counts what had not had its turn among the leaks of its test, where it has others.
    fn decide(&mut self) {
        let is_sure = |leak: &&Leak| leak.fate == Fate::RuntimeEnded;
        let leaking: BTreeSet<(String, Whose)> =
            self.leaks.keys().filter(is_sure).map(|leak| (leak.binary.clone(), leak.whose.clone())).collect();
        for (mut leak, count) in std::mem::take(&mut self.leaks) {
            let has_others = || leaking.contains(&(leak.binary.clone(), leak.whose.clone()));
            let told = match leak.fate {
                Fate::RuntimeEndedAtOnce if has_others() => {
                    leak.fate = Fate::RuntimeEnded;
                    &mut self.leaks
                }
                Fate::RuntimeEndedAtOnce | Fate::Cancelled => &mut self.undecided,
                _ => &mut self.leaks,
            };
            *told.entry(leak).or_insert(0) += count;
        }
    }

    fn judge(&mut self, end: &End, reader: &mut Reader<'_>) {
        let Some(state) = end.state else { return };
        if end.freed.is_none() && self.is_open_channel(end, reader) || end.is_shared {
            return;
        }
        let Some(course) = reader.course(end, state) else { return };
        let Some(spawned) = reader.spawned(end.made) else { return };
        let fate = match (course, spawned.kind) {
            (_, Kind::Worker) => return,
            (Course::Alive, Kind::Async) => Fate::ProcessEnded,
            (Course::Alive, Kind::Blocking) => Fate::ClosureOutlived,
            // Of those that were begun nothing tells when their runtime ended.
            (_, Kind::Blocking) => return,
            (Course::Doubtful, Kind::Async) => Fate::Cancelled,
            (Course::Shut, Kind::Async) if state & (flag::WOKEN | flag::RUNNING) != 0 => Fate::RuntimeEndedAtOnce,
            (Course::Shut, Kind::Async) => Fate::RuntimeEnded,
        };
        let leak = Leak {
            binary: file_name(&reader.record.program),
            whose: whose(reader, end),
            fate,
            site: spawned.site,
            runs: spawned.runs,
        };
        *self.leaks.entry(leak).or_insert(0) += end.count as usize;
    }
}

impl Cover {
    /// Returns whether something was a channel; one that a test left open at the end of its process is noted.
    fn is_open_channel(&mut self, end: &End, reader: &mut Reader<'_>) -> bool {
        let Some(opened) = reader.opened(end.made) else { return false };
        let whose = whose(reader, end);
        if reader.rank == Rank::Suite && matches!(whose, Whose::Named(_) | Whose::Cut(..)) {
            let binary = file_name(&reader.record.program);
            let open = Open { binary, whose, kind: opened.kind, site: opened.site };
            *self.open.entry(open).or_insert(0) += end.count as usize;
        }
        true
    }
}

/// Returns whose a task is: in a process that runs one test, that test's.
fn whose(reader: &mut Reader<'_>, end: &End) -> Whose {
    let record = reader.record;
    match only_test(record).map_or_else(|| record.who(end).clone(), Who::Thread) {
        Who::Thread(name) => Whose::Named(name),
        Who::Main => Whose::Main,
        Who::Cut(name, stack) => {
            let calls = reader.names.calls(record, stack);
            Whose::Cut(name, calls.into_iter().map(|call| call.function).collect())
        }
        Who::Nameless | Who::Planted(_) => Whose::Nameless,
    }
}

/// Returns the test that a process runs alone: as nextest says, or as `NAME --exact` asks for.
fn only_test(record: &Record) -> Option<String> {
    if record.nextest.is_some() {
        return record.nextest.clone();
    }
    let arguments = record.arguments.get(1..)?;
    let is_exact = arguments.iter().any(|argument| argument == "--exact");
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let only = filters.next().filter(|_| is_exact && filters.next().is_none());
    only.cloned()
}

/// What the state and the end of a task say that was alive, perhaps, when its runtime ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Its runtime, or its `LocalSet`, ended it.
    Shut,
    /// That, or an abort.
    Doubtful,
    /// It had not ended when the process did.
    Alive,
}

/// The flags of a task's state, as tokio has had them since its first release.
mod flag {
    /// The task has its turn.
    pub(super) const RUNNING: u64 = 0b1;
    /// It has ended.
    pub(super) const ENDED: u64 = 0b10;
    /// It is to have a turn.
    pub(super) const WOKEN: u64 = 0b100;
    /// It was ended by others, or is to be.
    pub(super) const CANCELLED: u64 = 0b10_0000;
}

/// Names what is in a record, each stack once.
struct Reader<'a> {
    record: &'a Record,
    rank: Rank,
    names: &'a mut Names,
    spawned: BTreeMap<Stack, Option<Spawned>>,
    opened: BTreeMap<Stack, Option<Opened>>,
    /// Whether a stack passes through the end of a runtime.
    ends: BTreeMap<Stack, bool>,
}

impl Reader<'_> {
    fn spawned(&mut self, stack: Stack) -> Option<Spawned> {
        let Self { record, names, spawned, .. } = self;
        spawned.entry(stack).or_insert_with(|| names.spawned(record, stack)).clone()
    }

    fn opened(&mut self, stack: Stack) -> Option<Opened> {
        let Self { record, names, opened, .. } = self;
        opened.entry(stack).or_insert_with(|| names.opened(record, stack)).clone()
    }

    fn is_end_of_runtime(&mut self, stack: Stack) -> bool {
        let Self { record, names, ends, .. } = self;
        *ends.entry(stack).or_insert_with(|| names.calls(record, stack).iter().any(ends_runtime))
    }

    /// Returns what became of a task; `None` for one that ended by itself, or by an abort, or came when its runtime had ended.
    fn course(&mut self, end: &End, state: u64) -> Option<Course> {
        let Some(freed) = end.freed else { return self.course_at_exit(end, state) };
        if end.was_shut {
            // What had its turn, and waits, was there before.
            let is_new = state & flag::WOKEN != 0 && self.is_late(freed);
            return (state & flag::ENDED == 0 && !is_new).then_some(Course::Shut);
        }
        let is_shut = state & flag::CANCELLED != 0 && !end.is_watched && self.is_end_of_runtime(freed);
        is_shut.then_some(Course::Shut)
    }

    /// The same of one that was there when the process ended. When a child ends says nothing.
    fn course_at_exit(&self, end: &End, state: u64) -> Option<Course> {
        let course = match (state & flag::ENDED, state & flag::CANCELLED) {
            (0, _) => Course::Alive,
            (_, 0) => return None,
            _ if end.is_watched => return None,
            _ => Course::Doubtful,
        };
        (self.rank == Rank::Suite).then_some(course)
    }

    /// Returns whether a task was spawned where its runtime had ended: such a one is shut down at once.
    fn is_late(&mut self, shut: Stack) -> bool {
        self.names.calls(self.record, shut).iter().any(|call| is_of_tasks(call) && last_name(call).starts_with("bind"))
    }

    /// Returns whether what was planted is found as what it is.
    fn shows_plants(&mut self) -> Result<(), Why> {
        let plants: BTreeMap<String, End> = self.record.ends.iter().filter_map(|end| self.plant(end)).collect();
        if plants.is_empty() {
            return Err(Why::NoAllocator);
        }
        let plant = |name: &str| plants.get(name).copied().ok_or(Why::Unlike);
        let is_like = |end: &End, flags: u64| (end.state == Some(flags)).then_some(()).ok_or(Why::Unlike);
        for name in ["waiting", "waiting on a worker", "waiting in a set", "unpolled"] {
            let end = plant(name)?;
            let woken = if name == "unpolled" { flag::WOKEN } else { 0 };
            is_like(&end, if end.was_shut { woken } else { woken | flag::ENDED | flag::CANCELLED })?;
            let spawned = self.spawned(end.made).ok_or(Why::NoNames)?;
            let is_found = spawned.kind == Kind::Async && end.freed.is_some_and(|freed| self.is_end_of_runtime(freed));
            is_found.then_some(()).ok_or(Why::NoNames)?;
        }
        let ended = plant("ended")?;
        is_like(&ended, flag::ENDED)?;
        let is_ended_by_itself = !ended.was_shut && ended.freed.is_some_and(|freed| !self.is_end_of_runtime(freed));
        is_ended_by_itself.then_some(()).ok_or(Why::Unlike)
    }

    fn plant(&self, end: &End) -> Option<(String, End)> {
        match self.record.who(end) {
            Who::Planted(name) => Some((name.clone(), *end)),
            _ => None,
        }
    }
}

/// Functions of tokio that end the tasks of a runtime or of a `LocalSet`; the first one does it, and in an optimised build without
/// debug information those that it was inlined into are there.
const ENDS: [&str; 7] = [
    // Up to tokio 1.20.
    "BasicScheduler<P> as core::ops::drop::Drop",
    "close_and_shutdown_all",
    "shutdown2",
    "pre_shutdown",
    "shutdown_core",
    "LocalSet as core::ops::drop::Drop",
    "CurrentThread::shutdown",
];

fn ends_runtime(call: &Call) -> bool {
    let is_tokio = call.function.contains("tokio::") || call.file.as_ref().is_some_and(|file| file.contains("/tokio"));
    is_tokio && ENDS.iter().any(|name| call.function.contains(name))
}

/// Returns whether a function is one of tokio's that handle tasks.
fn is_of_tasks(call: &Call) -> bool {
    call.file.as_ref().is_some_and(|file| file.contains("/src/runtime/task/"))
}

fn last_name(call: &Call) -> &str {
    call.function.rsplit("::").next().unwrap_or_default()
}
