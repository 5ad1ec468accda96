//! Files before and after: shown, written, and put back if something goes wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::error::Error;

/// What is to become of some files.
#[derive(Debug)]
pub(super) struct Changes {
    /// Paths are shown relative to it.
    root: PathBuf,
    files: BTreeMap<PathBuf, File>,
}

#[derive(Debug)]
struct File {
    /// `None` where there was none.
    before: Option<String>,
    after: String,
}

impl Changes {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), files: BTreeMap::new() }
    }

    /// Changes a file; `change` gets its text, empty where there is none, and returns the new one.
    pub(super) fn change(
        &mut self,
        path: &Path,
        change: impl FnOnce(&str) -> Result<String, Error>,
    ) -> Result<(), Error> {
        let before = match self.files.get(path) {
            Some(file) => Some(file.after.clone()),
            None => read(path)?,
        };
        let after = change(before.as_deref().unwrap_or_default())?;
        let original = self.files.remove(path).map_or(before, |file| file.before);
        if original.as_deref() != Some(&*after) && !(original.is_none() && after.is_empty()) {
            self.files.insert(path.to_owned(), File { before: original, after });
        }
        Ok(())
    }

    /// Makes a file unless there is one.
    pub(super) fn create(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        self.change(path, |before| Ok(if before.is_empty() { text } else { before }.to_owned()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Returns all changes as `git diff` shows them.
    pub(super) fn diff(&self) -> String {
        let file = |(path, file): (&PathBuf, &File)| {
            let name = path.strip_prefix(&self.root).unwrap_or(path).display().to_string();
            let from = if file.before.is_some() { format!("a/{name}") } else { "/dev/null".to_owned() };
            let before = file.before.as_deref().unwrap_or_default();
            let diff = TextDiff::from_lines(before, &file.after);
            diff.unified_diff().context_radius(2).header(&from, &format!("b/{name}")).to_string()
        };
        self.files.iter().map(file).collect()
    }

    /// Writes all files and makes sure that it is good; else puts every file back.
    pub(super) fn write(&self, check: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
        let mut written = Vec::new();
        let all = self.files.iter().try_for_each(|(path, file)| {
            written.push(Written { path, before: file.before.as_deref(), made: missing_folders(path) });
            put(path, &file.after).map_err(|error| Error::write_file(path, &error))
        });
        all.and_then(|()| check()).inspect_err(|_| written.iter().rev().for_each(Written::undo))
    }
}

/// A file that was written, or that was to be.
struct Written<'a> {
    path: &'a Path,
    before: Option<&'a str>,
    /// Folders that were not there before, the innermost first.
    made: Vec<PathBuf>,
}

impl Written<'_> {
    /// Puts it back. The first error is the one that is told; nobody can help with a second one.
    fn undo(&self) {
        match self.before {
            Some(before) => drop(put(self.path, before)),
            None => drop(fs::remove_file(self.path)),
        }
        self.made.iter().for_each(|folder| drop(fs::remove_dir(folder)));
    }
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read_file(path, &error)),
    }
}

fn missing_folders(path: &Path) -> Vec<PathBuf> {
    path.ancestors()
        .skip(1)
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .map(Path::to_owned)
        .collect()
}

/// Writes through a link and with the rights that the file has.
fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::Changes;
    use crate::error::Error;

    #[test]
    fn failed_check_puts_everything_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (folder.path().join("old"), folder.path().join("a/b/new"));
        fs::write(&old, "before\n").expect("a file");
        let mut changes = Changes::new(folder.path());
        changes.change(&old, |text| Ok(format!("{text}after\n"))).expect("a change");
        changes.create(&new, "text\n").expect("a change");
        let error = changes.write(|| {
            assert_eq!(fs::read_to_string(&old).expect("a file"), "before\nafter\n");
            Err(Error::init("oh"))
        });
        assert!(error.is_err());
        assert_eq!(fs::read_to_string(&old).expect("a file"), "before\n");
        assert!(!folder.path().join("a").exists());
    }

    #[test]
    fn file_that_cannot_be_written_puts_the_others_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (folder.path().join("a"), folder.path().join("a-file/b"));
        fs::write(folder.path().join("a-file"), "").expect("a file");
        let mut changes = Changes::new(folder.path());
        changes.create(&first, "text\n").expect("a change");
        changes.files.insert(second, super::File { before: None, after: "text\n".to_owned() });
        changes.write(|| Ok(())).expect_err("a file in a file");
        assert!(!first.exists());
    }

    #[test]
    fn what_is_there_is_no_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        fs::write(&path, "mine\n").expect("a file");
        let mut changes = Changes::new(folder.path());
        changes.create(&path, "text\n").expect("a change");
        changes.change(&path, |text| Ok(text.to_owned())).expect("a change");
        assert!(changes.is_empty());
        changes.change(Path::new("/no/such"), |text| Ok(text.to_owned())).expect("no change");
        assert!(changes.is_empty());
    }
}
