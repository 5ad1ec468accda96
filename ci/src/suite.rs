//! The invocations of cargo: which workspace, build, test.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::cli::{Color, Gate};
use crate::error::Error;
use crate::folder::RunFolder;
use crate::progress::Progress;
use crate::verdict::Ended;
use crate::words;

/// Tells a checked test where to write its report.
const REPORT_DIR: &str = "LIGHTSOUT_REPORT_DIR";

/// How often a terminal's progress line looks at the log.
const GLANCE: Duration = Duration::from_millis(50);

/// The cargo to call, and from where.
#[derive(Debug)]
pub(crate) struct Cargo {
    program: OsString,
    /// The current folder, absolute.
    dir: PathBuf,
}

/// The workspace, as far as the gate needs it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The target folder, absolute.
    pub(crate) target: PathBuf,
    /// The folder that places are relative to, absolute.
    root: PathBuf,
    /// Package names by package id.
    packages: BTreeMap<String, String>,
    /// Package names by the name of their library, as `Doc-tests` lines have it.
    libraries: BTreeMap<String, String>,
}

/// A suite to build and to run.
#[derive(Debug)]
pub(crate) struct Suite<'a> {
    cargo: &'a Cargo,
    gate: &'a Gate,
    workspace: Workspace,
}

/// What cargo built: everything that a log may speak of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Built {
    /// Where cargo ran: paths in a log are relative to it.
    pub(crate) dir: PathBuf,
    /// Package names by test executable, absolute.
    pub(crate) executables: BTreeMap<PathBuf, String>,
    /// Package names by the name of their library.
    pub(crate) libraries: BTreeMap<String, String>,
}

impl Cargo {
    /// Takes the cargo that runs us, else the one on the path.
    pub(crate) fn from_env() -> Result<Self, Error> {
        let program = std::env::var_os("CARGO").filter(|it| !it.is_empty()).unwrap_or_else(|| "cargo".into());
        let dir = std::env::current_dir().map_err(|error| Error::find_folder(&error))?;
        Ok(Self { program, dir })
    }

    /// Asks cargo for the workspace.
    pub(crate) fn workspace(&self, gate: &Gate) -> Result<Workspace, Error> {
        let mut command = self.command();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(path) = &gate.manifest_path {
            command.arg("--manifest-path").arg(path);
        }
        let output = command.output().map_err(|error| Error::run_cargo(&self.program, &error))?;
        if !output.status.success() {
            let place = gate.manifest_path.as_deref().unwrap_or(&self.dir);
            return Err(Error::find_workspace(place, words::without_error(&String::from_utf8_lossy(&output.stderr))));
        }
        let metadata: Metadata =
            serde_json::from_slice(&output.stdout).map_err(|error| Error::read_metadata(&error))?;
        Ok(metadata.into_workspace(gate.target_dir.as_ref().map(|target| self.dir.join(target))))
    }

    /// Says which suite is meant.
    pub(crate) fn suite<'a>(&'a self, gate: &'a Gate, workspace: Workspace) -> Suite<'a> {
        Suite { cargo: self, gate, workspace }
    }

    /// Returns a cargo command without what an outer `cargo run` tells of *its* package.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_outer_package)) {
            command.env_remove(name);
        }
        command.env_remove(REPORT_DIR);
        command
    }

    fn spawn(&self, command: &mut Command) -> Result<Child, Error> {
        command.spawn().map_err(|error| Error::run_cargo(&self.program, &error))
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, Error> {
        child.wait().map_err(|error| Error::run_cargo(&self.program, &error))
    }
}

fn is_of_outer_package(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_MANIFEST_LINKS",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
    ];
    NAMES.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_BIN_EXE_")
}

impl Suite<'_> {
    /// Returns the folder that the gate keeps its own things in.
    pub(crate) fn lightsout_folder(&self) -> PathBuf {
        self.workspace.target.join("lightsout")
    }

    /// Returns the folder that places are relative to.
    pub(crate) fn root(&self) -> &Path {
        &self.workspace.root
    }

    /// Builds everything that `cargo test` builds; what cargo prints on stderr is passed through.
    ///
    /// The inner error says how cargo ended.
    pub(crate) fn build(&self) -> Result<Result<Built, String>, Error> {
        let mut command = self.cargo.command();
        command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(self.gate.cargo_args());
        if self.gate.color != Color::Auto {
            command.args(["--config", &format!("term.color='{}'", self.gate.color.name())]);
        }
        command.args(&self.gate.rest).stdin(Stdio::null()).stderr(Stdio::inherit());
        let output = command.output().map_err(|error| Error::run_cargo(&self.cargo.program, &error))?;
        if !output.status.success() {
            return Ok(Err(output.status.to_string()));
        }
        Ok(Ok(self.built(&output.stdout)))
    }

    fn built(&self, messages: &[u8]) -> Built {
        let lines = messages.split(|byte| *byte == b'\n');
        let artifacts = lines.filter_map(|line| serde_json::from_slice::<Artifact>(line).ok());
        let tests = artifacts.filter(|artifact| artifact.profile.test);
        let executables = tests.filter_map(|it| Some((it.executable?, self.workspace.packages.get(&it.package_id)?)));
        Built {
            dir: self.cargo.dir.clone(),
            executables: executables.map(|(path, package)| (path, package.clone())).collect(),
            libraries: self.workspace.libraries.clone(),
        }
    }

    /// Runs the suite, all of it, with what it prints in the folder's log.
    ///
    /// The log is a file and not a pipe: a process that a test left behind holds a pipe open, and would hang the gate.
    pub(crate) fn test(&self, folder: &RunFolder) -> Result<Ended, Error> {
        let log = folder.create_log()?;
        let again = log.try_clone().map_err(|error| Error::write_log(folder.log(), &error))?;
        let mut command = self.cargo.command();
        command.arg("test").args(no_fail_fast(&self.gate.rest)).args(self.gate.cargo_args());
        // The form that the log's reader knows, by options and not by environment, which the tests would inherit.
        for setting in ["term.quiet=false", "term.verbose=false", "term.color='never'"] {
            command.args(["--config", setting]);
        }
        command.args(&self.gate.rest).env(REPORT_DIR, folder.path());
        command.stdin(Stdio::null()).stdout(log).stderr(again);
        let mut child = self.cargo.spawn(&mut command)?;
        let status = match Progress::on_terminal(folder.log()) {
            Some(progress) => self.watch(&mut child, progress)?,
            None => self.cargo.wait(&mut child)?,
        };
        Ok(ended(status))
    }

    fn watch(&self, child: &mut Child, mut progress: Progress) -> Result<ExitStatus, Error> {
        loop {
            if let Some(status) = child.try_wait().map_err(|error| Error::run_cargo(&self.cargo.program, &error))? {
                progress.finish();
                return Ok(status);
            }
            progress.look();
            std::thread::sleep(GLANCE);
        }
    }
}

/// Adds `--no-fail-fast` unless it is there, since cargo refuses a flag that is given twice.
fn no_fail_fast(rest: &[OsString]) -> Option<&'static str> {
    const FLAG: &str = "--no-fail-fast";
    let mut ours = rest.iter().take_while(|arg| *arg != "--");
    (!ours.any(|arg| arg == FLAG)).then_some(FLAG)
}

fn ended(status: ExitStatus) -> Ended {
    match status.code() {
        Some(0) => Ended::Passed,
        Some(_) => Ended::Failed(status.to_string()),
        None => Ended::Interrupted(status.to_string()),
    }
}

/// What we read of `cargo metadata`.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    doctest: bool,
}

/// What we read of cargo's `compiler-artifact` message.
#[derive(Debug, Deserialize)]
struct Artifact {
    package_id: String,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

impl Metadata {
    fn into_workspace(self, target: Option<PathBuf>) -> Workspace {
        let libraries = self.packages.iter().flat_map(|package| {
            let doctests = package.targets.iter().filter(|target| target.doctest);
            doctests.map(|target| (target.name.replace('-', "_"), package.name.clone()))
        });
        Workspace {
            target: target.unwrap_or(self.target_directory),
            root: self.workspace_root,
            libraries: libraries.collect(),
            packages: self.packages.into_iter().map(|package| (package.id, package.name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{is_of_outer_package, no_fail_fast};

    #[test]
    fn toolchain_stays_and_outer_package_goes() {
        for (name, goes) in [
            ("CARGO_MANIFEST_DIR", true),
            ("CARGO_PKG_NAME", true),
            ("CARGO_BIN_EXE_cargo-lightsout", true),
            ("CARGO_HOME", false),
            ("CARGO_TARGET_DIR", false),
            ("CARGO_BUILD_JOBS", false),
            ("RUSTUP_TOOLCHAIN", false),
            ("RUSTFLAGS", false),
        ] {
            assert_eq!(is_of_outer_package(name), goes, "{name}");
        }
    }

    #[test]
    fn flag_is_not_given_twice() {
        for (rest, added) in [("", true), ("--no-fail-fast", false), ("-- --no-fail-fast", true)] {
            let rest: Vec<_> = rest.split_whitespace().map(Into::into).collect();
            assert_eq!(no_fail_fast(&rest).is_some(), added, "{rest:?}");
        }
    }
}
