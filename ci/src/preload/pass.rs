//! What the runner leaves for a test binary that it has looked at: with it the usher becomes the binary at once, the next time.
//!
//! A pass is a file: four words that tell which gate has left it ([`identity`]), four that tell which binary it is for, one with the length of
//! the [`Note`], the note as it is left in the folder of records, and what is to be set in the environment, `NAME=VALUE` with a null byte
//! behind each.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use super::note::Note;

/// Leaves a pass for a program in a folder; `set` is what the runner sets for it.
#[cfg(unix)]
pub(super) fn leave(folder: &Path, note: &Note, set: &[(&OsStr, OsString)]) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    let identity = |file: &Path| fs::metadata(file).map(|it| identity(&it));
    let (gate, program) = (identity(&std::env::current_exe()?)?, identity(&note.program)?);
    let text = note.text()?;
    let words = [gate, program].into_iter().flatten().chain([text.len() as u64]);
    let mut bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).chain(text).collect();
    for (name, value) in set {
        bytes.extend([name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    let name = note.program.file_name().unwrap_or_default().to_string_lossy();
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!("{name}.{}.tmp", std::process::id()));
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, folder.join(format!("{name}.pass")))
}

/// There are no recorders here.
#[cfg(not(unix))]
pub(super) fn leave(_: &Path, _: &Note, _: &[(&OsStr, OsString)]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The file's number, its length in bytes, and when it was changed, or its rights were, in seconds and nanoseconds.
#[cfg(unix)]
fn identity(program: &Metadata) -> [u64; 4] {
    use std::os::unix::fs::MetadataExt;
    [program.ino(), program.len(), program.ctime() as u64, program.ctime_nsec() as u64]
}
