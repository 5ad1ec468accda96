//! A program or a library whose addresses are named, with the names that earlier looks at the same build found: reading debug information
//! takes longer than many a suite.
//!
//! Names are kept only where the linker numbered the build, since what is known of another one would be wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::tokio::Tokio;
use super::{Program, names};
use crate::system::debuginfo;
use crate::system::symbols::Frame;

/// A file, and what is known of it.
pub(super) struct Module {
    known: Known,
    /// What reads the file: `None` before it is asked for something that is not known, and `Some(None)` if it cannot be read.
    reader: Option<Option<debuginfo::Module>>,
    /// Where what is known is kept; `None` where it cannot be.
    kept: Option<PathBuf>,
    /// Whether more is known than is kept.
    is_new: bool,
}

/// Everything that names depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Of {
    path: PathBuf,
    /// A number of its linker's; `None` where it gives none.
    build: Option<Vec<u8>>,
    /// In bytes: a file that was stripped keeps the number.
    len: u64,
    /// Places inside are told relative to it.
    root: PathBuf,
    /// Who looked: another release may read more out of a file. Its length, and when it was built.
    looker: Option<(u64, SystemTime)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Known {
    of: Of,
    /// What it tells of itself as a program, with its tokio; `None` before it is asked for.
    program: Option<(Program, Option<Tokio>)>,
    /// By place in the file.
    frames: BTreeMap<u64, Vec<Frame>>,
}

impl Module {
    /// Takes what is known of a file from this folder, if that is of the same build.
    pub(super) fn open(path: &Path, root: &Path, folder: Option<&Path>) -> Self {
        let of = Of::read(path, root);
        let kept = folder.zip(path.file_name()).filter(|_| of.build.is_some());
        let kept = kept.map(|(folder, name)| folder.join(format!("{}.names", name.to_string_lossy())));
        let known = kept.as_deref().and_then(|kept| Known::read(kept, &of));
        let known = known.unwrap_or(Known { of, program: None, frames: BTreeMap::new() });
        Self { known, reader: None, kept, is_new: false }
    }

    /// Returns the number that its linker gave the build, if any.
    pub(super) fn build(&self) -> Option<&[u8]> {
        self.known.of.build.as_deref()
    }

    /// Returns what it tells of itself as a program, and its tokio.
    pub(super) fn program(&mut self) -> &(Program, Option<Tokio>) {
        let Known { of, program, .. } = &mut self.known;
        self.is_new |= program.is_none();
        program.get_or_insert_with(|| names::program(&of.path, &of.root).unwrap_or_default())
    }

    /// Returns the functions at a place of the file, innermost first.
    pub(super) fn frames(&mut self, offset: u64) -> Vec<Frame> {
        let Self { known: Known { of, frames, .. }, reader, is_new, .. } = self;
        let look_up = || {
            *is_new = true;
            let reader = reader.get_or_insert_with(|| debuginfo::Module::open(&of.path, Some(&of.root)));
            reader.as_mut().map(|reader| reader.frames(offset)).unwrap_or_default()
        };
        frames.entry(offset).or_insert_with(look_up).clone()
    }

    /// Keeps what is known. What cannot be kept is looked up once more.
    pub(super) fn keep(&self) -> io::Result<()> {
        let could_look = !matches!(self.reader, Some(None));
        let Some(kept) = self.kept.as_deref().filter(|_| self.is_new && could_look) else { return Ok(()) };
        fs::create_dir_all(kept.parent().unwrap_or(kept))?;
        // Another gate may read it meanwhile.
        let temporary = kept.with_extension(format!("names.{}.tmp", std::process::id()));
        fs::write(&temporary, serde_json::to_vec(&self.known)?)?;
        fs::rename(&temporary, kept)
    }
}

impl Of {
    fn read(path: &Path, root: &Path) -> Self {
        let looker = std::env::current_exe().and_then(fs::metadata);
        Self {
            path: path.to_owned(),
            build: debuginfo::build(path),
            len: fs::metadata(path).map_or(0, |file| file.len()),
            root: root.to_owned(),
            looker: looker.ok().and_then(|looker| Some((looker.len(), looker.modified().ok()?))),
        }
    }
}

impl Known {
    fn read(kept: &Path, of: &Of) -> Option<Self> {
        let known: Self = serde_json::from_slice(&fs::read(kept).ok()?).ok()?;
        (known.of == *of).then_some(known)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::Module;

    /// Makes a folder of this name for a test of this process, which removes it.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lightsout-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Returns a place in this program that has a name, and the name.
    fn place(module: &mut Module) -> (u64, String) {
        let places = (0..module.known.of.len).step_by(4096);
        let mut named = places.filter_map(|place| Some((place, module.frames(place).pop()?.function)));
        named.find(|(_, name)| !name.is_empty()).expect("a function of this program")
    }

    #[test]
    fn names_are_kept_for_the_same_build_alone() {
        let (own, folder) = (std::env::current_exe().expect("a path"), folder("names"));
        let program = folder.join("program");
        fs::copy(&own, &program).expect("a copy");
        let open = || Module::open(&program, Path::new("/"), Some(&folder));
        let mut first = open();
        let (place, name) = place(&mut first);
        first.keep().expect("a file");

        let mut second = open();
        assert_eq!(second.frames(place).pop().map(|frame| frame.function), Some(name));
        assert!(second.reader.is_none() && !second.is_new, "it was read once more");

        assert!(Module::open(&program, Path::new("/other"), Some(&folder)).known.frames.is_empty());
        let mut longer = fs::read(&program).expect("a file");
        longer.push(0);
        fs::write(&program, longer).expect("a file");
        assert!(open().known.frames.is_empty());
        fs::remove_dir_all(folder).expect("a folder of ours");
    }

    #[test]
    fn file_without_a_number_is_looked_up_anew() {
        let folder = folder("numberless");
        let file = folder.join("file");
        fs::write(&file, "no program").expect("a file");
        let mut module = Module::open(&file, Path::new("/"), Some(&folder));
        assert_eq!(module.build(), None);
        assert_eq!(module.frames(1), Vec::new());
        module.keep().expect("nothing to do");
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
        fs::remove_dir_all(folder).expect("a folder of ours");
    }
}
