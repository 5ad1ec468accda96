//! The runner that a project has already: cargo knows one runner for a binary, so ours goes before it and hands on.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike};

/// What there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Respected {
    /// No runner, for whatever target.
    Nothing,
    /// The words of the runner of this target; none where only others have one.
    Words {
        /// What cargo builds for by itself.
        host: String,
        words: Vec<String>,
    },
    /// Perhaps there is one: it depends on what only cargo knows.
    Unclear,
}

impl Respected {
    /// Looks where cargo looks: the environment, and settings from this folder upwards. Cargo is asked for the `host` only where some target
    /// has a runner: its answer takes longer than all else here, and most projects have none.
    pub(super) fn find(dir: &Path, rest: &[OsString], host: impl FnOnce() -> Option<String>) -> Self {
        // What is set on the command line wins over all, ours included.
        let is_set = |text: &OsString| text.to_string_lossy().contains(".runner");
        if rest.iter().take_while(|text| *text != "--").any(is_set) {
            return Self::Unclear;
        }
        Self::among(files(dir), host)
    }

    fn among(files: impl Iterator<Item = PathBuf>, host: impl FnOnce() -> Option<String>) -> Self {
        let files: Vec<Targets> = files.filter_map(|file| Targets::read(&file)).collect();
        if !any_variable() && !files.iter().any(Targets::have_runner) {
            return Self::Nothing;
        }
        let Some(host) = host() else { return Self::Unclear };
        let variable = format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_"));
        match std::env::var(variable) {
            Ok(words) => Self::Words { host, words: words.split_whitespace().map(str::to_owned).collect() },
            Err(_) => Self::in_files(&files, host),
        }
    }

    fn in_files(files: &[Targets], host: String) -> Self {
        let mut is_unclear = false;
        for targets in files {
            if let Some(runner) = targets.runner(&host) {
                return words(runner, &targets.file).map_or(Self::Unclear, |words| Self::Words { host, words });
            }
            is_unclear |= targets.names().any(|name| name.starts_with("cfg(") && targets.runner(name).is_some());
        }
        if is_unclear { Self::Unclear } else { Self::Words { host, words: Vec::new() } }
    }
}

/// Returns whether the environment has a runner, for whatever target.
fn any_variable() -> bool {
    let is_one = |name: OsString| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_TARGET_") && name.ends_with("_RUNNER")
    };
    std::env::vars_os().any(|(name, _)| is_one(name))
}

/// What one file sets for targets.
#[derive(Debug)]
struct Targets {
    file: PathBuf,
    table: Item,
}

impl Targets {
    /// Reads a file; `None` where it sets nothing. What cargo cannot read either, it will say.
    fn read(file: &Path) -> Option<Self> {
        let mut document: DocumentMut = fs::read_to_string(file).ok()?.parse().ok()?;
        let table = document.remove("target")?;
        table.is_table_like().then(|| Self { file: file.to_owned(), table })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.table.as_table_like().into_iter().flat_map(TableLike::iter).map(|(name, _)| name)
    }

    fn runner(&self, target: &str) -> Option<&Item> {
        self.table.get(target)?.get("runner")
    }

    fn have_runner(&self) -> bool {
        self.names().any(|name| self.runner(name).is_some())
    }
}

/// Returns the files that cargo reads, the one that wins first.
fn files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let folders: Vec<PathBuf> = dir.ancestors().map(|folder| folder.join(".cargo")).chain(home).collect();
    folders.into_iter().flat_map(|folder| ["config", "config.toml"].map(|name| folder.join(name)))
}

/// Reads `runner = "sudo -E"` and `runner = ["sudo", "-E"]`. A program with a slash is relative to the folder that `.cargo` is in.
fn words(runner: &Item, file: &Path) -> Option<Vec<String>> {
    let mut words: Vec<String> = match (runner.as_str(), runner.as_array()) {
        (Some(text), _) => text.split_whitespace().map(str::to_owned).collect(),
        (None, Some(array)) => array.iter().map(|it| Some(it.as_str()?.to_owned())).collect::<Option<_>>()?,
        (None, None) => return None,
    };
    let program = words.first_mut()?;
    if program.contains('/') {
        *program = file.parent()?.parent()?.join(&*program).to_str()?.to_owned();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Respected;

    const HOST: &str = "x86_64-unknown-linux-gnu";

    fn found(text: &str) -> Respected {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        fs::write(&file, text).expect("a file");
        Respected::among([file].into_iter(), || Some(HOST.to_owned()))
    }

    fn words(words: &[&str]) -> Respected {
        Respected::Words { host: HOST.to_owned(), words: words.iter().map(|it| (*it).to_owned()).collect() }
    }

    #[test]
    fn runner_of_the_host_is_read_in_both_forms() {
        assert_eq!(found("[target.x86_64-unknown-linux-gnu]\nrunner = 'sudo -E'\n"), words(&["sudo", "-E"]));
        assert_eq!(found("target.x86_64-unknown-linux-gnu.runner = ['a b', 'c']\n"), words(&["a b", "c"]));
        assert_eq!(found("[target.aarch64-unknown-linux-gnu]\nrunner = 'qemu'\n"), words(&[]));
    }

    #[test]
    fn cargo_is_not_asked_where_nobody_has_a_runner() {
        let found = Respected::among(["/nowhere/config.toml".into()].into_iter(), || panic!("it was asked"));
        assert_eq!(found, Respected::Nothing);
    }

    #[test]
    fn runner_on_the_command_line_is_left_to_cargo() {
        let words = ["--config", "target.x.runner='env'"].map(Into::into);
        assert_eq!(Respected::find("/nowhere".as_ref(), &words, || None), Respected::Unclear);
    }

    #[test]
    fn runner_with_a_condition_is_left_to_cargo() {
        assert_eq!(found("[target.'cfg(unix)']\nrunner = 'env'\n"), Respected::Unclear);
        assert_eq!(found("[target.'cfg(unix)']\nlinker = 'cc'\n"), Respected::Nothing);
    }
}
