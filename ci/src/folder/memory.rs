//! A folder for records that is in memory: each process makes a file and maps it, which a disk makes it wait for.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;

/// Where Linux has files in memory.
const BASE: &str = "/dev/shm";
const NAME: &str = "lightsout-";

/// A record of a small test takes 150 KB, and a suite may have thousands of processes.
const ENOUGH: u64 = 2 << 30;

/// As old as this, a folder was left by a gate that was killed.
const LEFT: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder that is gone with this value.
#[derive(Debug)]
pub(crate) struct InMemory(PathBuf);

impl InMemory {
    /// Makes a folder of this name; `None` where there is no memory for it.
    pub(crate) fn create(name: &str, now: SystemTime) -> Option<Self> {
        let base = Path::new(BASE);
        let space = statvfs(base).ok()?;
        if space.blocks_available() * space.fragment_size() < ENOUGH {
            return None;
        }
        forget_left(base, now);
        let path = base.join(format!("{NAME}{name}"));
        fs::create_dir(&path).ok().map(|()| Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        // What cannot be removed now is removed by a later gate.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn forget_left(base: &Path, now: SystemTime) {
    let is_left = |entry: &fs::DirEntry| {
        let is_ours = entry.file_name().to_string_lossy().starts_with(NAME);
        let made = entry.metadata().and_then(|it| it.modified());
        is_ours && made.is_ok_and(|made| now.duration_since(made).is_ok_and(|age| age > LEFT))
    };
    for entry in fs::read_dir(base).into_iter().flatten().flatten().filter(is_left) {
        // It may be another user's.
        let _ = fs::remove_dir_all(entry.path());
    }
}
