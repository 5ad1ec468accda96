//! Judges several runs as one: the parts of a suite that ran on different machines.
//!
//! Each run leaves beside its reports what its tests printed, as it was read. A part that is missing, or there twice, is a fault: a
//! merged verdict would otherwise be green for tests that nobody ran.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::baseline::Extent;
use crate::cli::Shard;
use crate::cover::Cover;
use crate::error::Error;
use crate::folder::RunFolder;
use crate::gather::{self, Gathered};
use crate::libtest::Log;
use crate::verdict::{Ended, Run};

/// The version of the record's form.
const VERSION: u32 = 1;
/// The file beside the reports of a run.
const FILE: &str = "gate.run";

/// What a run leaves for a merge.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Record {
    version: u32,
    /// `None` for a run of everything.
    pub(crate) shard: Option<Shard>,
    /// What was to run, its shard aside.
    pub(crate) extent: Extent,
    /// What commands need to run a test of the same build again.
    pub(crate) build: String,
    pub(crate) run: Run,
    /// What the records of ordinary tests say, which are not kept themselves.
    #[serde(default)]
    pub(crate) cover: Cover,
    /// Those that could not be read, a sentence each.
    #[serde(default)]
    pub(crate) unread_records: Vec<String>,
}

impl Record {
    pub(crate) fn new(shard: Option<Shard>, extent: Extent, build: String, run: Run, gathered: &Gathered) -> Self {
        let (cover, unread_records) = (gathered.cover.clone(), gathered.unread_records.clone());
        Self { version: VERSION, shard, extent, build, run, cover, unread_records }
    }

    /// Writes it beside the reports.
    pub(crate) fn write(&self, folder: &RunFolder) -> Result<(), Error> {
        let path = folder.path().join(FILE);
        let text = serde_json::to_string(self).expect("lightsout bug: a run is plain data");
        fs::write(&path, text).map_err(|error| Error::write_file(&path, &error))
    }

    fn read(path: &Path) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let text = fs::read_to_string(path).map_err(|error| Error::read_run(path, &error))?;
        let broken = |error: serde_json::Error| Error::parse_run(path, &error.to_string());
        let Versioned { version } = serde_json::from_str(&text).map_err(broken)?;
        if version > VERSION {
            return Err(Error::parse_run(path, &crate::words::newer(version)));
        }
        serde_json::from_str(&text).map_err(broken)
    }
}

/// Several runs as one.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) run: Run,
    pub(crate) gathered: Gathered,
    pub(crate) extent: Extent,
    pub(crate) build: String,
}

/// Reads the runs in these folders, at whatever depth.
pub(crate) fn merge(folders: &[PathBuf]) -> Result<Merged, Error> {
    let mut runs = Vec::new();
    for folder in folders {
        let before = runs.len();
        find(folder, &mut runs)?;
        if runs.len() == before {
            return Err(Error::find_runs(folder));
        }
    }
    runs.sort();
    runs.dedup();
    let records = runs.iter().map(|folder| Record::read(&folder.join(FILE))).collect::<Result<Vec<_>, _>>()?;
    check_shards(&runs, &records)?;
    let mut gathered = Gathered::default();
    for (folder, record) in runs.iter().zip(&records) {
        gathered.add(gather::reports(folder)?);
        gathered.cover.join(record.cover.clone());
        gathered.faults.extend(record.unread_records.iter().map(|cause| Error::unread_record(folder, cause)));
    }
    gathered.sort();
    let whole = records.iter().all(|record| record.extent == Extent::Whole);
    let build = records.first().map(|record| record.build.clone()).unwrap_or_default();
    let run =
        records.into_iter().map(|record| record.run).reduce(and).expect("lightsout bug: at least one run was found");
    Ok(Merged { run, gathered, extent: if whole { Extent::Whole } else { Extent::Part }, build })
}

/// Collects the folders of runs in a folder.
fn find(folder: &Path, runs: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |error| Error::read_folder(folder, &error);
    if folder.join(FILE).exists() {
        runs.push(folder.canonicalize().map_err(failed)?);
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            find(&path, runs)?;
        }
    }
    Ok(())
}

/// Makes sure that each part is there, and once.
fn check_shards(runs: &[PathBuf], records: &[Record]) -> Result<(), Error> {
    let mut parts: BTreeMap<Shard, &Path> = BTreeMap::new();
    for (folder, shard) in runs.iter().zip(records).filter_map(|(folder, record)| Some((folder, record.shard?))) {
        if let Some(first) = parts.insert(shard, folder) {
            return Err(Error::shard_twice(shard, first, folder));
        }
    }
    let Some(of) = parts.keys().map(|shard| shard.of).max() else { return Ok(()) };
    match parts.keys().find(|shard| shard.of != of) {
        Some(other) => Err(Error::shards_differ(*other, of)),
        None => match (1..=of).map(|number| Shard { number, of }).find(|shard| !parts.contains_key(shard)) {
            Some(missing) => Err(Error::shard_missing(missing)),
            None => Ok(()),
        },
    }
}

/// Returns two runs as one; the worse end wins.
fn and(one: Run, other: Run) -> Run {
    match (one, other) {
        (Run::Ran { ended, log }, Run::Ran { ended: other, log: more }) => {
            Run::Ran { ended: worse(ended, other), log: joined(log, more) }
        }
        (Run::NotBuilt { how }, _) | (_, Run::NotBuilt { how }) => Run::NotBuilt { how },
    }
}

/// Returns the worse of two ends.
pub(crate) fn worse(one: Ended, other: Ended) -> Ended {
    match (one, other) {
        (Ended::Interrupted(how), _) | (_, Ended::Interrupted(how)) => Ended::Interrupted(how),
        (Ended::Failed(how), _) | (_, Ended::Failed(how)) => Ended::Failed(how),
        (Ended::Passed, Ended::Passed) => Ended::Passed,
    }
}

/// Joins two logs: a binary that is in both is one binary with the tests of both.
fn joined(mut log: Log, more: Log) -> Log {
    for binary in more.binaries {
        match log.binaries.iter_mut().find(|it| it.is_the_same_as(&binary)) {
            Some(same) => same.join(binary),
            None => log.binaries.push(binary),
        }
    }
    log.tail = [log.tail, more.tail].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n");
    log
}
