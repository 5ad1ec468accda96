//! A folder for one program: the library, and what the program writes. It is nobody else's, since a library in it is run.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use lightsout::records::{self, Record};

use super::note::Way;
use super::{Closed, LIBRARY, is_loadable, runner, write};
use crate::error::Error;
use crate::suite::{RECORD_DIR, REPORT_DIR};

/// A folder that is gone with this value.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder.
    pub(crate) fn create() -> Result<Self, Error> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let path = std::env::temp_dir().join(format!("lightsout-{}-{now}", std::process::id()));
        let made = builder().create(&path).and_then(|()| std::path::absolute(&path));
        made.map(Self).map_err(|error| Error::create_folder(&path, &error))
    }

    /// Adds to a command what makes its program write a record here.
    pub(crate) fn hang(&self, command: &mut Command, program: &Path, way: Way) -> Result<(), Closed> {
        let library = LIBRARY.ok_or(Closed::System)?;
        let library = write(&self.0, records::LIBRARY, ".so", library).map_err(|_| Closed::Path)?;
        if way == Way::Preloaded && !is_loadable(&library) {
            return Err(Closed::Path);
        }
        command.envs(runner::settings(way, program, &library, &self.0)).env(runner::TIMED, "1");
        command.env(REPORT_DIR, &self.0).env(RECORD_DIR, &self.0);
        Ok(())
    }

    /// Returns where the records of all processes are.
    pub(crate) fn records(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| Record::is_one(path))
    }

    /// Returns where the record of a process is, if it has one.
    pub(crate) fn record_of(&self, id: u32) -> Option<PathBuf> {
        let begin = format!("{id}-");
        let is_its = |path: &PathBuf| {
            let name = path.file_name().and_then(OsStr::to_str);
            name.is_some_and(|name| name.starts_with(&begin))
        };
        self.records().find(is_its)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It is small, and where temporary things are.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(unix)]
fn builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> DirBuilder {
    DirBuilder::new()
}
