//! The folder of one run: its reports and its log, and nobody else's.
//!
//! Each run has a new folder, so that neither an older run's reports nor those of a gate that runs at the same time are read.

#[cfg(target_os = "linux")]
mod memory;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cli::Gate;
use crate::error::Error;
use crate::suite::{RECORD_DIR, REPORT_DIR, Workspace};

/// How many folders of earlier runs are kept in any case.
const KEPT: usize = 8;

/// A folder younger than this is kept in any case: its gate may still be running.
const RUNNING: Duration = Duration::from_secs(24 * 60 * 60);

const LOG: &str = "cargo-test.log";
const LAST_RUN: &str = "last-run.log";

/// The folder of one run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    log: PathBuf,
    /// Where records are; `None` where they are with the rest.
    #[cfg(target_os = "linux")]
    records: Option<memory::InMemory>,
}

/// Returns the folder that the folders of all runs are in.
pub(crate) fn base(gate: &Gate, workspace: &Workspace) -> PathBuf {
    gate.report_dir.clone().unwrap_or_else(|| workspace.target.join("lightsout").join("reports"))
}

impl RunFolder {
    /// Makes a folder that was not there before, and removes old ones.
    pub(crate) fn create(base: &Path, now: SystemTime) -> Result<Self, Error> {
        fs::create_dir_all(base).map_err(|error| Error::create_folder(base, &error))?;
        let base = std::path::absolute(base).map_err(|error| Error::create_folder(base, &error))?;
        forget_old(&base, now);
        let path = create_new(&base, now)?;
        Ok(Self {
            log: path.join(LOG),
            #[cfg(target_os = "linux")]
            records: path.file_name().and_then(|name| memory::InMemory::create(name.to_str()?, now)),
            path,
        })
    }

    /// Returns where processes leave their records, absolute.
    pub(crate) fn records(&self) -> &Path {
        #[cfg(target_os = "linux")]
        if let Some(records) = &self.records {
            return records.path();
        }
        &self.path
    }

    /// Tells a command, and all that it starts, where to write what the gate reads.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(REPORT_DIR, self.path()).env(RECORD_DIR, self.records());
    }

    /// Returns where the reports are, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the log of `cargo test` is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Opens the log; appending, so that neither two handles of it nor two invocations write over each other.
    pub(crate) fn open_log(&self) -> Result<File, Error> {
        let file = File::options().create(true).append(true).open(&self.log);
        file.map_err(|error| Error::write_log(&self.log, &error))
    }

    /// Reads the log; bytes that are not UTF-8 become replacement characters.
    pub(crate) fn read_log(&self) -> Result<String, Error> {
        let bytes = fs::read(&self.log).map_err(|error| Error::read_log(&self.log, &error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Copies the log to a place that stays the same from run to run.
    pub(crate) fn keep_as_last_run(&self, folder: &Path) -> Result<(), Error> {
        let last = folder.join(LAST_RUN);
        let copy = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let temporary = folder.join(format!(".{LAST_RUN}.{}.tmp", process::id()));
            fs::copy(&self.log, &temporary)?;
            fs::rename(&temporary, &last)
        };
        copy().map_err(|error| Error::write_log(&last, &error))
    }
}

fn create_new(base: &Path, now: SystemTime) -> Result<PathBuf, Error> {
    let mut millis = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    loop {
        let path = base.join(format!("{millis:013}-{}", process::id()));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            // Another gate, with the same process id in another container.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => millis += 1,
            Err(error) => return Err(Error::create_folder(&path, &error)),
        }
    }
}

/// Removes the folders of runs long gone. One that cannot be removed stays: it costs room, and is never read.
fn forget_old(base: &Path, now: SystemTime) {
    let mut runs: Vec<_> =
        fs::read_dir(base).into_iter().flatten().flatten().filter_map(|entry| started(&entry)).collect();
    runs.sort();
    let old = runs.iter().rev().skip(KEPT).filter(|(start, _)| now.duration_since(*start).is_ok_and(|it| it > RUNNING));
    for (_, path) in old {
        let _ = fs::remove_dir_all(path);
    }
}

/// Returns when the run of a folder began, told by its name; `None` for what is not ours.
fn started(entry: &fs::DirEntry) -> Option<(SystemTime, PathBuf)> {
    let name = entry.file_name();
    let (millis, id) = name.to_str()?.split_once('-')?;
    let ours = millis.len() == 13 && id.parse::<u32>().is_ok() && entry.file_type().ok()?.is_dir();
    ours.then_some(())?;
    Some((UNIX_EPOCH + Duration::from_millis(millis.parse().ok()?), entry.path()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use super::{KEPT, RunFolder};

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn folders(base: &Path) -> Vec<String> {
        let names = fs::read_dir(base).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }

    #[test]
    fn same_instant_gives_two_folders() {
        let base = tempfile::tempdir().expect("a folder");
        let one = RunFolder::create(base.path(), at(5)).expect("a first folder");
        let two = RunFolder::create(base.path(), at(5)).expect("a second folder");
        assert_ne!(one.path(), two.path());
    }

    #[test]
    fn newest_folders_stay() {
        let base = tempfile::tempdir().expect("a folder");
        for day in 0..10 {
            fs::create_dir(base.path().join(format!("{:013}-1", day * DAY))).expect("a folder");
        }
        RunFolder::create(base.path(), at(100 * DAY)).expect("a new folder");
        assert_eq!(folders(base.path()).len(), KEPT + 1);
        assert_eq!(folders(base.path())[0], format!("{:013}-1", 2 * DAY));
    }

    #[test]
    fn what_may_still_run_and_what_is_not_ours_stays() {
        let base = tempfile::tempdir().expect("a folder");
        for name in ["keep-me", "0000000000000-mine", "0000000000000"] {
            fs::create_dir(base.path().join(name)).expect("a folder");
        }
        for hour in 0..20 {
            fs::create_dir(base.path().join(format!("{:013}-1", hour * DAY / 24))).expect("a folder");
        }
        RunFolder::create(base.path(), at(20 * DAY / 24)).expect("a new folder");
        assert_eq!(folders(base.path()).len(), 24);
    }
}
