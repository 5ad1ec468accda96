//! The way in for binaries that have never heard of lightsout: the recorder travels inside the gate, is written below the target folder,
//! and is preloaded into test binaries alone, by cargo's own setting for what runs them.
//!
//! What cargo, or nextest, then runs in place of each test binary is a small program, the usher (`ci/usher`), which goes on as the [`runner`].
//! That looks at the binary, leaves a [`note`] of what it saw, and becomes it; with the [`pass`] that it leaves the usher does so the
//! next time by itself.

mod folder;
pub(crate) mod note;
mod pass;
mod respected;
pub(crate) mod runner;

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use lightsout::records;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::preload::respected::Respected;
use crate::suite::Cargo;

pub(crate) use folder::Folder;

#[cfg(has_recorder)]
const LIBRARY: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/recorder.so")));
#[cfg(has_recorder)]
const USHER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/usher"));
/// There are no records here.
#[cfg(not(has_recorder))]
const LIBRARY: Option<&[u8]> = None;
#[cfg(not(has_recorder))]
const USHER: &[u8] = &[];

/// Where the library is, for the runner.
pub(crate) const LIBRARY_PATH: &str = "LIGHTSOUT_RECORDER";

/// Makes the recorder stay in what tests start.
pub(crate) const CHILDREN: &str = "LIGHTSOUT_CHILDREN";

/// How test binaries come to be looked at that do not link lightsout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// By this library, which these words run.
    Open {
        /// For cargo's `--config`.
        setting: OsString,
        /// Where the library is.
        library: PathBuf,
    },
    /// Not at all.
    Closed(Closed),
}

/// Why nothing is preloaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Closed {
    /// There is no recorder for this system.
    System,
    /// The project has a runner for test binaries whose condition is cargo's to judge.
    Runner,
    /// The loader takes no library from such a path.
    Path,
}

impl Door {
    /// Opens the door: writes the library into this folder. `rest` is what goes to cargo as it is.
    pub(crate) fn open(cargo: &Cargo, folder: &Path, rest: &[OsString]) -> Result<Self, Error> {
        let Some(bytes) = LIBRARY else { return Ok(Self::Closed(Closed::System)) };
        let (target, words) = match Respected::find(&cargo.dir, rest, || cargo.host()) {
            Respected::Nothing => (ANY.to_owned(), Vec::new()),
            Respected::Words { host, words } => (host, words),
            Respected::Unclear => return Ok(Self::Closed(Closed::Runner)),
        };
        let written =
            |begin, end, bytes| write(folder, begin, end, bytes).map_err(|error| Error::create_folder(folder, &error));
        let library = written(records::LIBRARY, ".so", bytes)?;
        let usher = written("lightsout-usher-", "", USHER)?;
        let us = std::env::current_exe().map_err(|error| Error::find_folder(&error))?;
        match (is_loadable(&library), setting(&target, &usher, &us, &words)) {
            (true, Some(setting)) => Ok(Self::Open { setting, library }),
            _ => Ok(Self::Closed(Closed::Path)),
        }
    }

    /// Returns why nothing is preloaded; `None` if it is.
    pub(crate) fn closed(&self) -> Option<Closed> {
        match self {
            Self::Open { .. } => None,
            Self::Closed(why) => Some(*why),
        }
    }

    /// Adds to a command of cargo what makes it run test binaries through us.
    pub(crate) fn hang(&self, command: &mut std::process::Command, with_children: bool) {
        if let Self::Open { setting, library } = self {
            command.arg("--config").arg(setting).env(LIBRARY_PATH, library);
            command.envs(with_children.then_some((CHILDREN, "1")));
        }
    }
}

/// Any target, for cargo: one that is named would win over it, and so it is for where none has a runner.
const ANY: &str = "'cfg(all())'";

/// Returns the setting that makes the usher, and us behind it, the runner for a target, before the one that there was.
fn setting(target: &str, usher: &Path, us: &Path, words: &[String]) -> Option<OsString> {
    let own = [usher.to_str()?.to_owned(), us.to_str()?.to_owned(), runner::MARK.to_owned(), words.len().to_string()];
    let all: Vec<String> = own.iter().chain(words).map(|word| toml_edit::Value::from(&**word).to_string()).collect();
    Some(format!("target.{target}.runner=[{}]", all.join(",")).into())
}

/// The loader's list of libraries is split there.
fn is_loadable(library: &Path) -> bool {
    !library.as_os_str().as_encoded_bytes().iter().any(|byte| byte.is_ascii_whitespace() || *byte == b':')
}

/// Writes a file that others may run, under a name that no other version has; it is never half there.
fn write(folder: &Path, begin: &str, end: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let name = format!("{begin}{:016x}{end}", hasher.finish());
    let file = std::path::absolute(folder.join(&name))?;
    if fs::metadata(&file).is_ok_and(|it| it.len() == bytes.len() as u64) {
        return Ok(file);
    }
    fs::create_dir_all(folder)?;
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    fs::write(&temporary, bytes)?;
    make_executable(&temporary)?;
    fs::rename(&temporary, &file)?;
    Ok(file)
}

#[cfg(unix)]
fn make_executable(file: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{is_loadable, setting};

    #[test]
    fn setting_keeps_the_runner_that_there_was() {
        let words = ["sudo".to_owned(), "a \"b\"".to_owned()];
        let paths = ["/c/usher", "/a b/cargo-lightsout"].map(Path::new);
        let setting = setting("x86_64-unknown-linux-gnu", paths[0], paths[1], &words);
        let expected = r#"target.x86_64-unknown-linux-gnu.runner=["/c/usher","/a b/cargo-lightsout","--run-test","2","sudo",'a "b"']"#;
        assert_eq!(setting.as_deref(), Some(expected.as_ref()));
    }

    #[test]
    fn path_that_the_loader_would_split_is_refused() {
        assert!(is_loadable(Path::new("/target/lightsout/recorder.so")));
        assert!(!is_loadable(Path::new("/my target/recorder.so")));
        assert!(!is_loadable(Path::new("/a:b/recorder.so")));
    }
}
