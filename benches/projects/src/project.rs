//! A public project, and the commands that run its suite.

use std::path::Path;
use std::process::{Command, Stdio};

/// What runs the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Cargo,
    Nextest,
}

/// Which versions of its dependencies a project is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dependencies {
    /// Those of the `Cargo.lock` that it was published with; the newest where it has none.
    AsPublished,
    Newest,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Project {
    /// In the order in which a workspace of several lists them.
    pub(crate) crates: &'static [(&'static str, &'static str)],
    pub(crate) dependencies: Dependencies,
    pub(crate) runner: Runner,
    /// What is built, in words that `cargo test` and the gate share.
    pub(crate) args: &'static [&'static str],
    /// What goes to the runner.
    pub(crate) rest: &'static [&'static str],
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

impl Project {
    /// Names the project for a reader.
    pub(crate) fn title(&self) -> String {
        let name = match self.crates {
            [(name, version)] => format!("{name} {version}"),
            several => {
                let names: Vec<_> = several.iter().map(|(name, version)| format!("{name} {version}")).collect();
                format!("a workspace of {}", names.join(", "))
            }
        };
        let newest = if self.dependencies == Dependencies::Newest { ", after `cargo update`" } else { "" };
        let optimised = if self.args.contains(&"--release") { ", optimised" } else { "" };
        let nextest = if self.runner == Runner::Nextest { ", under nextest" } else { "" };
        name + newest + optimised + nextest
    }

    /// Names the folder of its sources, which projects of the same ones share.
    pub(crate) fn folder(&self) -> String {
        let crates: Vec<_> = self.crates.iter().map(|(name, version)| format!("{name}-{version}")).collect();
        let newest = if self.dependencies == Dependencies::Newest { "-updated" } else { "" };
        crates.join("+") + newest
    }

    /// Returns what a reader types to see its findings.
    pub(crate) fn command_line(&self) -> String {
        let environment = self.environment.iter().map(|(name, value)| format!("{name}={value}"));
        let words = ["cargo", "lightsout"].map(str::to_owned).into_iter().chain(self.gate_words());
        environment.chain(words).collect::<Vec<_>>().join(" ")
    }

    fn gate_words(&self) -> Vec<String> {
        let runner: &[&str] = if self.runner == Runner::Nextest { &["--runner", "nextest"] } else { &[] };
        let dashes: &[&str] = if self.rest.is_empty() { &[] } else { &["--"] };
        let words = [&["gate"], runner, self.args, dashes, self.rest].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    /// Returns the command that runs its suite under a gate, with `more` flags of the gate.
    pub(crate) fn gated(&self, gate: &Path, json: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(gate);
        let words = self.gate_words();
        let (name, words) = words.split_at(1);
        command.args(name).arg("--json").arg(json).args(more).args(words).envs(self.environment.iter().copied());
        command
    }

    /// Returns the command that runs its suite without one; with `--no-run` it only builds it.
    pub(crate) fn plain(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO"));
        match self.runner {
            Runner::Cargo => command.arg("test"),
            Runner::Nextest => {
                let form = ["--message-format", "libtest-json-plus", "--message-format-version", "0.1"];
                let form = if more.contains(&"--no-run") { &[][..] } else { &form };
                command.args(["nextest", "run"]).args(form).env("NEXTEST_EXPERIMENTAL_LIBTEST_JSON", "1")
            }
        };
        command.args(self.args).args(self.rest).args(more).envs(self.environment.iter().copied());
        command
    }
}

/// Sets what all commands here share: the folder, and flags that are the project's and not this repository's.
pub(crate) fn set_in<'a>(command: &'a mut Command, folder: &Path, target: &Path, flags: &str) -> &'a mut Command {
    command.current_dir(folder).env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", target).stdin(Stdio::null())
}
