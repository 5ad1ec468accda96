//! The test binaries of a suite, each by itself: without anything, and as cargo runs them for the gate.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::cost;

/// Makes this program play cargo, and note into this file how a gate has test binaries run.
const NOTE: &str = "NOTE_HOW_TESTS_ARE_RUN";
/// What the gate says to its recorder has names that begin so.
const OURS: &str = "LIGHTSOUT_";

/// Becomes cargo, where a gate takes this program for it; returns only if it does not.
pub(crate) fn play_cargo() {
    let Some(note) = std::env::var_os(NOTE) else { return };
    let args: Vec<_> = std::env::args().skip(1).collect();
    let runner =
        args.iter().find_map(|arg| arg.strip_prefix("target.")?.split_once(".runner=").map(|(_, words)| words));
    if let Some(runner) = runner {
        let environment: BTreeMap<_, _> = std::env::vars().filter(|(name, _)| name.starts_with(OURS)).collect();
        let runner: Value = serde_json::from_str(runner).expect("a list of words");
        fs::write(note, json!({ "runner": runner, "environment": environment }).to_string()).expect("a note");
    }
    let error = Command::new(env!("CARGO")).args(args).env_remove(NOTE).exec();
    panic!("failed to become cargo: {error}");
}

/// What goes before a test binary, and the environment that it gets.
#[derive(Debug, Default)]
pub(crate) struct Way {
    runner: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Way {
    /// Runs a gate, and returns how it had the test binaries run.
    pub(crate) fn of(gate: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let note = folder.path().join("note");
        let us = std::env::current_exe().expect("a running program has a path");
        cost::status(gate.env("CARGO", us).env(NOTE, &note).stdout(Stdio::null()).stderr(Stdio::null()));
        let note: Value = serde_json::from_slice(&fs::read(note).expect("a gate that has a runner")).expect("a note");
        let words = |value: &Value| value.as_str().expect("a word").to_owned();
        let runner = note["runner"].as_array().expect("a list").iter().map(words);
        let environment = note["environment"].as_object().expect("a table").iter();
        Self {
            runner: runner.collect(),
            environment: environment.map(|(name, value)| (name.clone(), words(value))).collect(),
        }
    }

    /// Returns the folders that the gate had made, and removed when it had read them.
    fn folders(&self) -> impl Iterator<Item = &Path> {
        self.environment.values().map(Path::new).filter(|path| path.is_absolute() && !path.is_file())
    }
}

/// One test binary, and the folder that it expects to be in.
#[derive(Debug)]
pub(crate) struct Tests {
    binary: PathBuf,
    folder: PathBuf,
}

impl Tests {
    /// Reads what cargo said when it built a suite.
    pub(crate) fn of(messages: &str) -> Vec<Self> {
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let tests = messages.filter(|message| message["profile"]["test"] == true).filter_map(|message| {
            let binary = message["executable"].as_str()?.into();
            Some(Self { binary, folder: Path::new(message["manifest_path"].as_str()?).parent()?.to_owned() })
        });
        tests.collect()
    }

    fn run(&self, way: &Way) {
        let mut words = way.runner.iter().map(Path::new).chain([&*self.binary]);
        let mut command = Command::new(words.next().expect("the binary at least"));
        command.args(words).envs(&way.environment).env("CARGO_MANIFEST_DIR", &self.folder);
        cost::status(
            command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()),
        );
    }
}

/// Runs all binaries, one after the other.
pub(crate) fn run(tests: &[Tests], way: &Way) -> cost::Cost {
    way.folders().for_each(|folder| fs::create_dir_all(folder).expect("a folder that the gate could make"));
    let (cost, ()) = cost::of(|| tests.iter().for_each(|tests| tests.run(way)));
    way.folders().for_each(|folder| fs::remove_dir_all(folder).expect("a folder of the gate"));
    cost
}
