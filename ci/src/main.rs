//! `cargo lightsout`: runs a test suite and fails when something is still alive after a test.
//!
//! The data flows one way: [`cli`] says what is wanted, [`suite`] runs cargo, [`libtest`] reads what the tests printed,
//! [`gather`] and [`cover`] read what the tests wrote, [`verdict`] judges without touching anything, [`show`] and [`mod@format`] tell it.

mod baseline;
mod begun;
mod building;
mod cli;
mod config;
mod cover;
mod error;
mod exit;
mod explain;
mod folder;
mod format;
mod gather;
mod graphs;
mod init;
mod json;
mod leaks;
mod libtest;
mod lines;
mod merge;
mod nearest;
mod nextest;
mod place;
mod preload;
mod progress;
mod run;
mod self_test;
mod shard;
mod show;
mod suite;
mod told;
mod verdict;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use lightsout::Kind;
use lightsout::records::Names;

use crate::baseline::{Baseline, Extent, Updated};
use crate::building::Building;
use crate::cli::{Channels, Command, Gate, Merge, Runner, Telling, Update};
use crate::cover::Cover;
use crate::error::Error;
use crate::exit::Exit;
use crate::folder::RunFolder;
use crate::libtest::Binary;
use crate::merge::{Merged, Record};
use crate::place::Places;
use crate::suite::{Cargo, Suite};
use crate::verdict::{Run, Vacuous, Verdict, Whole};

fn main() -> ExitCode {
    if let Some(error) = preload::runner::become_asked() {
        show::fault(&Error::run_test(&error));
        return Exit::SetUp.into();
    }
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let done = match cli.command {
        Command::Gate(mut gate) => {
            gate.telling.color.apply();
            gated(&mut gate)
        }
        Command::Merge(mut merge) => {
            merge.telling.color.apply();
            merged(&mut merge)
        }
        Command::Init(asked) => init::run(&asked),
        Command::Run(asked) => run::run(&asked),
        Command::SelfTest { manifest_path } => self_test(manifest_path.as_deref()),
        Command::Explain { kind } => explain::told(kind.as_deref()).map(|text| show::plain(text.as_bytes())),
        Command::Completions { shell } => Ok(show::plain(&cli::completions(shell))),
    };
    let exit = done.unwrap_or_else(|error| {
        show::fault(&error);
        Exit::SetUp
    });
    exit.into()
}

/// Runs the gate, from top to bottom.
fn gated(gate: &mut Gate) -> Result<Exit, Error> {
    format::forget(&gate.telling.formats)?;
    let cargo = Cargo::from_env()?;
    let building = Building::begin_early(&cargo, gate)?;
    let workspace = cargo.workspace(gate.manifest_path.as_deref(), gate.target_dir.as_deref())?;
    workspace.config()?.fill_gate(gate);
    format::forget(&gate.telling.formats)?;
    let judging = Judging::prepare(&gate.telling, &workspace.root)?;
    let folder = RunFolder::create(&folder::base(gate, &workspace), SystemTime::now())?;
    let root = workspace.root.clone();
    let suite = cargo.suite(gate, workspace)?;
    let (mut run, executables) = ran(&suite, &folder, building)?;
    let mut names = Names::new(&root).kept_in(&suite.lightsout_folder().join("names"));
    let mut gathered = gather::gather(&folder, &mut names, executables.iter())?;
    gathered.cover.closed = suite.door.closed();
    gathered.cover.denies_channels = gate.channels == Some(Channels::Deny);
    nextest::name_files(&mut run, gathered.files());
    if let Run::Ran { log, .. } = &run {
        gathered.cover.name_tests(&log.binaries);
        settle(&suite, &mut gathered.cover, &log.binaries, &mut names)?;
    }
    // What is not kept is looked up anew, and that is all.
    let _ = names.keep();
    if let Some(folder) = &gate.graph {
        graphs::write(folder, &gathered.reports)?;
    }
    let log = matches!(run, Run::Ran { .. }).then(|| folder.log());
    let record = Record::new(gate.shard, gate.extent(), gate.build_words(), run, &gathered);
    record.write(&folder)?;
    let verdict = verdict::judge(record.run, gathered, log);
    let extent = if gate.shard.is_some() { Extent::Part } else { record.extent };
    judging.tell(verdict, extent, &record.build)
}

/// So many tests at most are run once more.
const ALONE: usize = 32;

/// Runs tests alone whose names were cut, and of which nothing else tells which one left something.
fn settle(suite: &Suite<'_>, cover: &mut Cover, binaries: &[Binary], names: &mut Names) -> Result<(), Error> {
    let tests = cover.in_doubt(binaries);
    if tests.is_empty() || tests.len() > ALONE {
        return Ok(());
    }
    let base = suite.lightsout_folder().join("alone");
    let folder = RunFolder::create(&base, SystemTime::now())?;
    tests.into_iter().try_for_each(|test| suite.test_alone(test, &folder))?;
    let (alone, _) = cover::read(folder.records(), names, std::iter::empty())?;
    cover.settle(&alone);
    // Nothing in it is of use to anybody else.
    let _ = std::fs::remove_dir_all(base);
    Ok(())
}

/// Judges several runs as one.
fn merged(asked: &mut Merge) -> Result<Exit, Error> {
    format::forget(&asked.telling.formats)?;
    let root = match Cargo::from_env()?.workspace(None, None) {
        Ok(workspace) => {
            workspace.config()?.fill(&mut asked.telling);
            format::forget(&asked.telling.formats)?;
            workspace.root
        }
        // Reports may be judged where there is no project.
        Err(_) => std::env::current_dir().map_err(|error| Error::find_folder(&error))?,
    };
    let judging = Judging::prepare(&asked.telling, &root)?;
    let Merged { run, gathered, extent, build } = merge::merge(&asked.folders)?;
    judging.tell(verdict::judge(run, gathered, None), extent, &build)
}

fn self_test(manifest: Option<&Path>) -> Result<Exit, Error> {
    let cargo = Cargo::from_env()?;
    let workspace = cargo.workspace(manifest, None)?;
    self_test::run(&cargo, &workspace.with_lightsout(&cargo, manifest))
}

/// Runs a suite; also returns its test binaries, as far as they are known by path.
fn ran(suite: &Suite<'_>, folder: &RunFolder, building: Option<Building>) -> Result<(Run, Vec<PathBuf>), Error> {
    let run = match suite.gate.runner.unwrap_or_default() {
        Runner::Nextest => (nextest::run(suite, folder)?, Vec::new()),
        Runner::Cargo => match suite.build(building.map_or_else(|| Building::begin(suite.cargo, suite.gate), Ok)?)? {
            Err(how) => return Ok((Run::NotBuilt { how }, Vec::new())),
            Ok(built) => {
                let ended = suite.test(folder)?;
                let log = libtest::parse(&folder.read_log()?, &built);
                (Run::Ran { ended, log }, built.executables.into_keys().collect())
            }
        },
    };
    folder.keep_as_last_run(&suite.lightsout_folder())?;
    Ok(run)
}

/// What is needed to judge a run, and known before it.
struct Judging<'a> {
    telling: &'a Telling,
    baseline: Baseline,
    places: Places,
}

impl<'a> Judging<'a> {
    fn prepare(telling: &'a Telling, root: &Path) -> Result<Self, Error> {
        let baseline = Baseline::read(telling.baseline.as_deref(), root, telling.update_baseline)?;
        Ok(Self { telling, baseline, places: Places::new(root) })
    }

    /// Sets a verdict against the baseline, and tells it everywhere.
    fn tell(mut self, mut verdict: Verdict, extent: Extent, build: &str) -> Result<Exit, Error> {
        verdict.ratchet = self.baseline.compare(&verdict, &mut self.places, extent);
        let updated = updated(self.telling.update_baseline, &mut verdict);
        show::verdict(&verdict, build);
        let updated = updated?;
        format::write(&self.telling.formats, &verdict, build)?;
        show::updated(self.telling.update_baseline.map(|_| updated), &verdict);
        Ok(verdict.exit())
    }
}

/// Writes the baseline anew where that was asked for, unless the run says too little.
fn updated(how: Option<Update>, verdict: &mut Verdict) -> Result<Option<Updated>, Error> {
    let Some(how) = how else { return Ok(None) };
    if verdict.whole != Whole::Ran || !verdict.faults.is_empty() || verdict.vacuous != Vacuous::No {
        return Ok(None);
    }
    let may_be_known = verdict.numbered().filter(|(_, finding)| finding.kind() != Kind::Vacuous).map(|(at, _)| at);
    let may_be_known: Vec<_> = may_be_known.collect();
    verdict.ratchet.update(how, may_be_known.into_iter()).map(Some)
}
