//! The runner that a project has already: cargo knows one runner for a binary, so ours goes before it and hands on.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, TableLike};

/// What there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Respected {
    /// The runner's words; none where there is no runner.
    Words(Vec<String>),
    /// Perhaps there is one: it depends on what only cargo knows.
    Unclear,
}

impl Respected {
    /// Looks where cargo looks: the environment, and settings from this folder upwards.
    pub(super) fn find(dir: &Path, host: &str, rest: &[OsString]) -> Self {
        // What is set on the command line wins over all, ours included.
        let is_set = |text: &OsString| text.to_string_lossy().contains(".runner");
        if rest.iter().take_while(|text| *text != "--").any(is_set) {
            return Self::Unclear;
        }
        let variable = format!("CARGO_TARGET_{}_RUNNER", host.to_uppercase().replace('-', "_"));
        match std::env::var(variable) {
            Ok(words) => Self::Words(words.split_whitespace().map(str::to_owned).collect()),
            Err(_) => Self::in_files(files(dir), host),
        }
    }

    fn in_files(files: impl Iterator<Item = PathBuf>, host: &str) -> Self {
        let mut is_unclear = false;
        for file in files {
            let text = fs::read_to_string(&file).unwrap_or_default();
            // What cargo cannot read either, it will say.
            let Ok(document) = text.parse::<DocumentMut>() else { continue };
            let Some(targets) = document.get("target").and_then(Item::as_table_like) else { continue };
            if let Some(runner) = runner(targets, host) {
                return words(runner, &file).map_or(Self::Unclear, Self::Words);
            }
            is_unclear |= targets.iter().any(|(name, _)| name.starts_with("cfg(") && runner(targets, name).is_some());
        }
        if is_unclear { Self::Unclear } else { Self::Words(Vec::new()) }
    }
}

fn runner<'a>(targets: &'a dyn TableLike, name: &str) -> Option<&'a Item> {
    targets.get(name)?.as_table_like()?.get("runner")
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

    fn found(text: &str) -> Respected {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        fs::write(&file, text).expect("a file");
        Respected::in_files([file].into_iter(), "x86_64-unknown-linux-gnu")
    }

    fn words(words: &[&str]) -> Respected {
        Respected::Words(words.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn runner_of_the_host_is_read_in_both_forms() {
        assert_eq!(found("[target.x86_64-unknown-linux-gnu]\nrunner = 'sudo -E'\n"), words(&["sudo", "-E"]));
        assert_eq!(found("target.x86_64-unknown-linux-gnu.runner = ['a b', 'c']\n"), words(&["a b", "c"]));
        assert_eq!(found("[target.aarch64-unknown-linux-gnu]\nrunner = 'qemu'\n"), words(&[]));
        assert_eq!(found("[build]\njobs = 2\n"), words(&[]));
    }

    #[test]
    fn runner_with_a_condition_is_left_to_cargo() {
        assert_eq!(found("[target.'cfg(unix)']\nrunner = 'env'\n"), Respected::Unclear);
        assert_eq!(found("[target.'cfg(unix)']\nlinker = 'cc'\n"), words(&[]));
    }
}
