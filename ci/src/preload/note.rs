//! What the runner saw of a test binary, for the gate to read when the suite is over.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cover::Why;

const EXTENSION: &str = "binary";

/// How a test binary was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) program: PathBuf,
    pub(crate) way: Way,
}

/// Whether the recorder was preloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// It was.
    Preloaded,
    /// The binary links lightsout and needs nobody else.
    Linked,
    /// It has no loader that would do it.
    Static,
    /// It is for another C library, or another processor.
    Foreign,
    /// It runs as another user, so the loader would refuse.
    Privileged,
}

impl Way {
    /// Says why a binary that was run so left no record.
    pub(crate) fn why(self) -> Why {
        match self {
            Self::Preloaded | Self::Linked => Why::NoRecord,
            Self::Static => Why::Static,
            Self::Foreign => Why::Foreign,
            Self::Privileged => Why::Privileged,
        }
    }
}

impl Note {
    /// Leaves the note in a folder, once for each program.
    pub(crate) fn leave(&self, folder: &Path) -> io::Result<()> {
        let name = self.program.file_name().unwrap_or_default().to_string_lossy();
        let file = folder.join(format!("{name}.{EXTENSION}"));
        if file.exists() {
            return Ok(());
        }
        let temporary = folder.join(format!("{name}.{}.{EXTENSION}~", std::process::id()));
        fs::write(&temporary, self.text()?)?;
        fs::rename(&temporary, &file)
    }

    /// Returns what stands in its file.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads all notes in a folder; one that cannot be read is none.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let notes = entries.filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
        notes.filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok()).collect()
    }
}
