//! The census of a program that runs: which tasks and channels are alive, by place.
//!
//! The recorder is preloaded, as into test binaries, and writes down what comes and goes; a look reads that, and the states of tasks in
//! the program's memory, from outside. Places are named when the program is over, so that it has the processors for itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lightsout::Site;
use lightsout::records::{Kind, Live, Names, Program, Record, Running, Stack};
use serde::Serialize;

use crate::cover::{self, Cover, Leak, Sight, Why};
use crate::error::Error;
use crate::preload::note::Way;
use crate::preload::{self, Closed, runner};
use crate::suite::CHANNELS;

/// Asks the recorder for channels that are looked at while the program runs.
const IN_CENSUS: &str = "census";
/// The flag of a task that has ended, and whose handle or waker is kept.
const ENDED: u64 = 0b10;

/// What is allocated at one moment, by the process and the stack that made it, and by what it would be.
pub(super) type Look = BTreeMap<(u64, Stack, Form), usize>;

/// What something may be, before its stack is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// A task, or a channel that is aligned as one.
    Cell,
    /// So it is, and a task would have ended.
    EndedCell,
    /// A channel.
    Shared,
}

impl Form {
    fn of(live: Live) -> Self {
        match live.state & ENDED {
            _ if live.is_shared => Self::Shared,
            0 => Self::Cell,
            _ => Self::EndedCell,
        }
    }
}

/// Looks at a program.
#[derive(Debug)]
pub(super) struct Eye {
    folder: preload::Folder,
    way: Result<Way, Blind>,
    /// Whether processes that the program starts are looked at, too.
    with_children: bool,
    /// By record; empty before the first look.
    running: BTreeMap<PathBuf, Running>,
}

/// What a census came to.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Why the program was not looked at; everything else is empty then.
    pub(crate) blind: Option<Blind>,
    /// What was alive, with how many of it there were at each look.
    pub(crate) alive: BTreeMap<Thing, Vec<usize>>,
    /// What was alive when its runtime ended, or the program.
    pub(crate) left: BTreeMap<Leak, usize>,
    /// How many tasks had not had their turn when their runtime ended.
    pub(crate) undecided: usize,
    pub(crate) cost: Cost,
}

/// What is told of things that were made at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Thing {
    #[serde(flatten)]
    pub(crate) sort: Sort,
    pub(crate) site: Site,
    pub(crate) function: Option<String>,
    /// What a task runs.
    pub(crate) runs: Option<String>,
}

/// What a thing is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "of")]
pub(crate) enum Sort {
    Task,
    Closure,
    /// A task that has ended: its handle or a waker of it is kept.
    EndedTask,
    Channel(String),
}

/// What the recorder took of the program's time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// How many allocations came or went, about.
    pub(crate) steps: u64,
    pub(crate) took: Duration,
    /// How many could not be written down.
    pub(crate) lost: u64,
}

/// Why a program was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Blind {
    /// Nothing can be preloaded.
    Closed(Closed),
    /// It is none: it names another one that runs it.
    Script,
    NoTokio,
    /// Its memory cannot be read.
    Unreadable(String),
    Cannot(Why),
}

impl Eye {
    /// Sees how a program can be looked at.
    pub(super) fn open(program: &OsStr, with_children: bool) -> Result<Self, Error> {
        let folder = preload::Folder::create()?;
        // One that is not there is told by whoever runs it.
        let way = match find(program).map_or(Ok(Way::Static), |program| way(&program)) {
            // It may start one that can be looked at.
            Err(Blind::Script | Blind::NoTokio) if with_children => Ok(Way::Preloaded),
            way => way,
        };
        Ok(Self { folder, way, with_children, running: BTreeMap::new() })
    }

    /// Adds to a command what makes its program write a record.
    pub(super) fn hang(&mut self, command: &mut Command) {
        let Ok(way) = self.way.as_ref().copied() else { return };
        let program = find(command.get_program()).unwrap_or_default();
        if let Err(closed) = self.folder.hang(command, &program, way) {
            self.way = Err(Blind::Closed(closed));
        }
        command.envs(self.with_children.then_some((preload::CHILDREN, "1"))).env(CHANNELS, IN_CENSUS);
    }

    /// Looks at what the program has allocated now.
    pub(super) fn look(&mut self, id: u32) -> Look {
        match self.try_look(id) {
            Ok(look) => look,
            Err(error) => {
                self.way = Err(Blind::Unreadable(error.to_string()));
                Look::new()
            }
        }
    }

    fn try_look(&mut self, id: u32) -> std::io::Result<Look> {
        let mut look = Look::new();
        if self.way.is_err() {
            return Ok(look);
        }
        let own = self.folder.record_of(id);
        for path in self.records(own.as_ref()) {
            if !self.running.contains_key(&path) {
                match Running::open(&path) {
                    Ok(running) => self.running.extend(running.map(|running| (path.clone(), running))),
                    // A child may be over.
                    Err(_) if own.as_ref() != Some(&path) => continue,
                    Err(error) => return Err(error),
                }
            }
            let Some(running) = self.running.get(&path) else { continue };
            let process = running.process();
            for (live, count) in running.look()? {
                *look.entry((process, live.made, Form::of(live))).or_default() += count;
            }
        }
        Ok(look)
    }

    /// Returns the records of all processes that are looked at.
    fn records(&self, own: Option<&PathBuf>) -> Vec<PathBuf> {
        if self.with_children { self.folder.records().collect() } else { own.cloned().into_iter().collect() }
    }

    /// Names what was seen, and judges how the program ended. Call it when the program is over.
    pub(super) fn told(self, id: u32, looks: &[Look]) -> Result<Census, Error> {
        let way = match self.way {
            Err(blind) => return Ok(Census::blind(blind)),
            Ok(way) => way,
        };
        let own = self.folder.record_of(id);
        let mut records = BTreeMap::new();
        for path in self.records(own.as_ref()) {
            let record = Record::read(&path).map_err(|error| Error::read_record(&path, &error))?;
            records.extend(record.map(|record| (record.process, record)));
        }
        if records.is_empty() {
            return Ok(Census::blind(why(way)));
        }
        let mut names = Names::new(&root()?);
        let cover = cover::of_program(id, records.values(), &mut names);
        if let Some(blind) = blind(&cover) {
            return Ok(Census::blind(blind));
        }
        let of_all = |of: fn(&Record) -> u64| records.values().map(of).sum();
        let took = records.values().map(|record| record.took).sum();
        let cost = Cost { steps: of_all(|it| it.steps), took, lost: of_all(|it| it.lost) };
        let alive = alive(looks, |process, stack, form| thing(&mut names, records.get(&process)?, stack, form));
        Ok(Census { blind: None, alive, left: cover.leaks, undecided: cover.undecided.values().sum(), cost })
    }
}

/// Returns why nothing was looked at, or not all that has tasks.
fn blind(cover: &Cover) -> Option<Blind> {
    let why = cover.binaries.values().find_map(|sight| match sight {
        Sight::Blind(why) => Some(Blind::Cannot(*why)),
        Sight::Open | Sight::NoTokio => None,
    });
    let is_open = || cover.binaries.values().any(|sight| *sight == Sight::Open);
    why.or_else(|| (!is_open()).then_some(Blind::NoTokio))
}

impl Census {
    fn blind(blind: Blind) -> Self {
        Self { blind: Some(blind), ..Self::default() }
    }
}

/// Counts what was alive at each look.
fn alive(looks: &[Look], mut thing: impl FnMut(u64, Stack, Form) -> Option<Thing>) -> BTreeMap<Thing, Vec<usize>> {
    let mut known: BTreeMap<(u64, Stack, Form), Option<Thing>> = BTreeMap::new();
    let mut alive: BTreeMap<Thing, Vec<usize>> = BTreeMap::new();
    for (at, look) in looks.iter().enumerate() {
        for (&key, count) in look {
            let named = known.entry(key).or_insert_with(|| thing(key.0, key.1, key.2));
            if let Some(named) = named {
                alive.entry(named.clone()).or_insert_with(|| vec![0; looks.len()])[at] += count;
            }
        }
    }
    alive
}

/// Names what was made on a stack; `None` if it is neither a task nor a channel.
fn thing(names: &mut Names, record: &Record, stack: Stack, form: Form) -> Option<Thing> {
    let spawned = if form == Form::Shared { None } else { names.spawned(record, stack) };
    let Some(spawned) = spawned else {
        let opened = names.opened(record, stack)?;
        return Some(Thing {
            sort: Sort::Channel(opened.kind),
            site: opened.site,
            function: opened.function,
            runs: None,
        });
    };
    let sort = match spawned.kind {
        Kind::Worker => return None,
        _ if form == Form::EndedCell => Sort::EndedTask,
        Kind::Async => Sort::Task,
        Kind::Blocking => Sort::Closure,
    };
    Some(Thing { sort, site: spawned.site, function: spawned.function, runs: spawned.runs })
}

/// Returns where a program is that a command names, as the system looks for it.
fn find(program: &OsStr) -> Option<PathBuf> {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return fs::canonicalize(path).ok();
    }
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders)
        .find_map(|folder| fs::canonicalize(folder.join(path)).ok().filter(|it| it.is_file()))
}

fn way(program: &Path) -> Result<Way, Blind> {
    let mut begin = [0; 4];
    let is_program = fs::File::open(program).and_then(|mut file| file.read_exact(&mut begin)).is_ok();
    if is_program && begin.starts_with(b"#!") {
        return Err(Blind::Script);
    }
    match runner::way(program) {
        way @ (Way::Linked | Way::Preloaded) => Ok(way),
        _ if !Program::read(program).uses_tokio => Err(Blind::NoTokio),
        way => Err(why(way)),
    }
}

/// Says why a program has no record.
fn why(way: Way) -> Blind {
    Blind::Cannot(way.why())
}

/// Returns the folder that places are told relative to.
fn root() -> Result<PathBuf, Error> {
    let here = std::env::current_dir().map_err(|error| Error::find_folder(&error))?;
    let root = here.ancestors().find(|folder| folder.join("Cargo.lock").exists()).map(Path::to_owned);
    Ok(root.unwrap_or(here))
}
