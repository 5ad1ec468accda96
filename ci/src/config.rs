//! What a project sets once for everyone: `lightsout.toml` beside the workspace's `Cargo.toml`, or a table in that file.
//!
//! A setting is taken from the first of these that has it: a flag, the environment, `lightsout.toml`, `[workspace.metadata.lightsout]`,
//! `[package.metadata.lightsout]` of the package in the workspace's own folder. Paths in files are relative to that folder. A key that nobody
//! knows is an error: a setting that is silently passed over is worse than none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::cli::{Gate, Runner, Telling, When};
use crate::error::Error;
use crate::nearest;
use crate::words;

/// The file's name.
pub(crate) const FILE: &str = "lightsout.toml";

/// Every key, with what it is; each is also a flag and an environment variable.
pub(crate) const KEYS: [&str; 9] =
    ["runner", "baseline", "report-dir", "json", "junit", "sarif", "markdown", "html", "github"];

/// What a project sets; `None` for what it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    runner: Option<Runner>,
    baseline: Option<PathBuf>,
    report_dir: Option<PathBuf>,
    json: Option<PathBuf>,
    junit: Option<PathBuf>,
    sarif: Option<PathBuf>,
    markdown: Option<PathBuf>,
    html: Option<PathBuf>,
    github: Option<When>,
}

impl Config {
    /// Reads everything that a workspace sets.
    pub(crate) fn read(root: &Path, tables: &[(String, Value)]) -> Result<Self, Error> {
        let path = root.join(FILE);
        let mut config = match fs::read_to_string(&path) {
            Ok(text) => Self::of_file(&path, &text, root)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::default(),
            Err(error) => return Err(Error::read_config(&path.display(), &error)),
        };
        for (name, table) in tables {
            config = config.or(Self::of_table(name, table, root)?);
        }
        Ok(config)
    }

    fn of_file(path: &Path, text: &str, root: &Path) -> Result<Self, Error> {
        let table: Value =
            toml_edit::de::from_str(text).map_err(|error| Error::read_config(&path.display(), &error))?;
        Self::of_table(&path.display().to_string(), &table, root)
    }

    /// Reads a table; `name` says where it stands.
    fn of_table(name: &str, table: &Value, root: &Path) -> Result<Self, Error> {
        let Some(table) = table.as_object() else { return Err(Error::read_config(&name, &words::NO_TABLE)) };
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(Error::unknown_key(name, key, nearest::of(key, KEYS)));
        }
        let table = Table { name, table, root };
        Ok(Self {
            runner: table.choice("runner")?,
            baseline: table.path("baseline")?,
            report_dir: table.path("report-dir")?,
            json: table.path("json")?,
            junit: table.path("junit")?,
            sarif: table.path("sarif")?,
            markdown: table.path("markdown")?,
            html: table.path("html")?,
            github: table.choice("github")?,
        })
    }

    /// Returns these settings, and those of another place where there are none.
    fn or(self, other: Self) -> Self {
        Self {
            runner: self.runner.or(other.runner),
            baseline: self.baseline.or(other.baseline),
            report_dir: self.report_dir.or(other.report_dir),
            json: self.json.or(other.json),
            junit: self.junit.or(other.junit),
            sarif: self.sarif.or(other.sarif),
            markdown: self.markdown.or(other.markdown),
            html: self.html.or(other.html),
            github: self.github.or(other.github),
        }
    }

    /// Sets what neither a flag nor the environment sets.
    pub(crate) fn fill_gate(&self, gate: &mut Gate) {
        gate.runner = gate.runner.or(self.runner);
        gate.report_dir = gate.report_dir.take().or_else(|| self.report_dir.clone());
        self.fill(&mut gate.telling);
    }

    /// Sets what neither a flag nor the environment sets.
    pub(crate) fn fill(&self, telling: &mut Telling) {
        let formats = &mut telling.formats;
        let paths = [
            (&mut telling.baseline, &self.baseline),
            (&mut formats.json, &self.json),
            (&mut formats.junit, &self.junit),
            (&mut formats.sarif, &self.sarif),
            (&mut formats.markdown, &self.markdown),
            (&mut formats.html, &self.html),
        ];
        for (asked, set) in paths {
            *asked = asked.take().or_else(|| set.clone());
        }
        formats.github = formats.github.or(self.github);
    }
}

/// A table of settings.
struct Table<'a> {
    name: &'a str,
    table: &'a Map<String, Value>,
    root: &'a Path,
}

impl Table<'_> {
    fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        let wrong = || Error::bad_value(self.name, key, words::NO_TEXT, None);
        self.table.get(key).map(|value| value.as_str().ok_or_else(wrong)).transpose()
    }

    fn path(&self, key: &str) -> Result<Option<PathBuf>, Error> {
        Ok(self.text(key)?.map(|path| self.root.join(path)))
    }

    fn choice<T: ValueEnum>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        T::from_str(text, false).map(Some).map_err(|_| {
            let names: Vec<_> = T::value_variants().iter().filter_map(T::to_possible_value).collect();
            let names: Vec<_> = names.iter().map(clap::builder::PossibleValue::get_name).collect();
            Error::bad_value(self.name, key, &words::no_choice(text), Some(&names))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::{Config, KEYS};
    use crate::cli::Runner;

    fn read(text: &str) -> Result<Config, String> {
        let told = |error: crate::error::Error| format!("{error}\n{}", error.hint().unwrap_or_default());
        Config::of_file(Path::new("lightsout.toml"), text, Path::new("/shop")).map_err(told)
    }

    #[test]
    fn every_key_is_read() {
        let text: String = KEYS
            .iter()
            .map(|key| match *key {
                "runner" => "runner = \"nextest\"\n".to_owned(),
                "github" => "github = \"never\"\n".to_owned(),
                key => format!("{key} = \"a/{key}\"\n"),
            })
            .collect();
        let config = read(&text).expect("good settings");
        assert_eq!((config.runner, config.html.as_deref()), (Some(Runner::Nextest), Some(Path::new("/shop/a/html"))));
        assert!(!format!("{config:?}").contains("None"), "{config:?}");
    }

    #[test]
    fn mistakes_are_told() {
        for (text, told) in [
            (
                "runer = \"nextest\"",
                "failed to read setting `runer` of `lightsout.toml`: there is no such setting\ndid you mean `runner`?",
            ),
            (
                "runner = \"make\"",
                "failed to read setting `runner` of `lightsout.toml`: `make` is none of its values\none of `cargo`, `nextest`",
            ),
            ("junit = 1", "failed to read setting `junit` of `lightsout.toml`: it is no text\n"),
        ] {
            assert_eq!(read(text), Err(told.to_owned()));
        }
        assert!(
            read("runner = ")
                .expect_err("no TOML")
                .starts_with("failed to read settings `lightsout.toml`: TOML parse error at line 1")
        );
    }

    #[test]
    fn first_place_wins() {
        let root = tempfile::tempdir().expect("a folder");
        std::fs::write(root.path().join(super::FILE), "runner = \"nextest\"").expect("a file");
        let tables = [
            ("a", json!({ "runner": "cargo", "junit": "a.xml" })),
            ("b", json!({ "junit": "b.xml", "html": "b.html" })),
        ];
        let config =
            Config::read(root.path(), &tables.map(|(name, table)| (name.to_owned(), table))).expect("settings");
        assert_eq!(config.runner, Some(Runner::Nextest));
        assert_eq!((config.junit, config.html), (Some(root.path().join("a.xml")), Some(root.path().join("b.html"))));
    }
}
