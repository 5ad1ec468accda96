//! The invocations of cargo: which workspace, build, test.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::building::Building;
use crate::cli::Gate;
use crate::config::Config;
use crate::error::Error;
use crate::folder::RunFolder;
use crate::merge;
use crate::preload::Door;
use crate::progress::Progress;
use crate::shard;
use crate::verdict::Ended;
use crate::words;

/// Tells a checked test where to write its report.
pub(crate) const REPORT_DIR: &str = "LIGHTSOUT_REPORT_DIR";
/// Tells a test process where to write its record.
pub(crate) const RECORD_DIR: &str = "LIGHTSOUT_RECORD_DIR";
/// Makes recorders write down what may be a channel.
pub(crate) const CHANNELS: &str = "LIGHTSOUT_ASK_FOR_CHANNELS";

/// How often a terminal's progress line looks at the log.
const GLANCE: Duration = Duration::from_millis(50);

/// The cargo to call, and from where.
#[derive(Debug)]
pub(crate) struct Cargo {
    pub(crate) program: OsString,
    /// The current folder, absolute.
    pub(crate) dir: PathBuf,
}

/// The workspace, as far as the gate needs it.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The target folder, absolute.
    pub(crate) target: PathBuf,
    /// The folder of its `Cargo.toml`, absolute: paths in findings are relative to it.
    pub(crate) root: PathBuf,
    /// What it sets in its manifests, with the names of the tables.
    tables: Vec<(String, serde_json::Value)>,
    /// The folder of the lightsout that it depends on; `None` where that was not asked for, and where it does not.
    pub(crate) lightsout: Option<PathBuf>,
    /// Its packages.
    pub(crate) members: Vec<Member>,
    /// Package names by package id.
    packages: BTreeMap<String, String>,
    /// Package names by the name of their library, as `Doc-tests` lines have it.
    libraries: BTreeMap<String, String>,
}

/// A suite to build and to run.
#[derive(Debug)]
pub(crate) struct Suite<'a> {
    pub(crate) cargo: &'a Cargo,
    pub(crate) gate: &'a Gate,
    /// How binaries are looked at that do not link lightsout.
    pub(crate) door: Door,
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
    pub(crate) fn workspace(&self, manifest: Option<&Path>, target: Option<&Path>) -> Result<Workspace, Error> {
        let mut command = self.command();
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(path) = manifest {
            command.arg("--manifest-path").arg(path);
        }
        let output = command.output().map_err(|error| Error::run_cargo(&self.program, &error))?;
        if !output.status.success() {
            let place = manifest.unwrap_or(&self.dir);
            return Err(Error::find_workspace(place, words::without_error(&String::from_utf8_lossy(&output.stderr))));
        }
        let metadata: Metadata =
            serde_json::from_slice(&output.stdout).map_err(|error| Error::read_metadata(&error))?;
        Ok(metadata.into_workspace(target.map(|target| self.dir.join(target))))
    }

    /// Returns the target that cargo builds for by itself.
    pub(crate) fn host(&self) -> Option<String> {
        let output = self.command().arg("-vV").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
    }

    /// Says which suite is meant.
    pub(crate) fn suite<'a>(&'a self, gate: &'a Gate, workspace: Workspace) -> Result<Suite<'a>, Error> {
        let door = Door::open(self, &workspace.target.join("lightsout"), &gate.rest)?;
        Ok(Suite { cargo: self, gate, door, workspace })
    }

    /// Returns a cargo command without what an outer `cargo run` tells of *its* package.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_outer_package)) {
            command.env_remove(name);
        }
        command.env_remove(REPORT_DIR).env_remove(RECORD_DIR);
        command
    }

    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Child, Error> {
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

    /// Waits for the build. The inner error says how cargo ended.
    pub(crate) fn build(&self, building: Building) -> Result<Result<Built, String>, Error> {
        let messages = building.messages().map_err(|error| Error::run_cargo(&self.cargo.program, &error))?;
        Ok(messages.map(|messages| self.built(&messages)))
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
        let invocations = match self.gate.shard {
            None => vec![self.gate.rest.clone()],
            Some(shard) => shard::invocations(self, shard)?,
        };
        // Also where nothing is to be run, there is a log.
        folder.open_log()?;
        let mut worst = Ended::Passed;
        for rest in invocations {
            worst = merge::worse(worst, self.test_one(&rest, folder)?);
        }
        Ok(worst)
    }

    /// Runs a test alone; how it ends is known already.
    pub(crate) fn test_alone(&self, test: &str, folder: &RunFolder) -> Result<(), Error> {
        let mut rest: Vec<OsString> = self.gate.rest.iter().take_while(|arg| *arg != "--").cloned().collect();
        rest.extend(["--", "--exact", test].map(OsString::from));
        self.test_one(&rest, folder).map(|_| ())
    }

    fn test_one(&self, rest: &[OsString], folder: &RunFolder) -> Result<Ended, Error> {
        let mut command = self.cargo.command();
        command.arg("test").args((!has_flag(rest, NO_FAIL_FAST)).then_some(NO_FAIL_FAST)).args(self.gate.cargo_args());
        // The form that the log's reader knows, by options and not by environment, which the tests would inherit.
        for setting in ["term.quiet=false", "term.verbose=false", "term.color='never'"] {
            command.args(["--config", setting]);
        }
        self.hang(&mut command, folder);
        command.args(rest).stdout(folder.open_log()?);
        self.logged(&mut command, folder).map(ended)
    }

    /// Adds to a command what makes its tests be looked at.
    pub(crate) fn hang(&self, command: &mut Command, folder: &RunFolder) {
        self.door.hang(command, self.gate.children);
        folder.tell(command);
        command.envs(self.gate.graph.iter().map(|_| ("LIGHTSOUT_WAIT_GRAPH", "1")));
        command.envs(self.gate.channels.map(|_| (CHANNELS, "1")));
    }

    /// Runs a command that prints into the log, at least on stderr.
    pub(crate) fn logged(&self, command: &mut Command, folder: &RunFolder) -> Result<ExitStatus, Error> {
        command.stdin(Stdio::null()).stderr(folder.open_log()?);
        let mut child = self.cargo.spawn(command)?;
        match Progress::on_terminal(folder.log()) {
            Some(progress) => self.watch(&mut child, progress),
            None => self.cargo.wait(&mut child),
        }
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

const NO_FAIL_FAST: &str = "--no-fail-fast";

/// Returns whether a flag of the runner is there, since cargo refuses one that is given twice.
pub(crate) fn has_flag(rest: &[OsString], flag: &str) -> bool {
    rest.iter().take_while(|arg| *arg != "--").any(|arg| arg == flag)
}

pub(crate) fn ended(status: ExitStatus) -> Ended {
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
    #[serde(default)]
    metadata: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: PathBuf,
    #[serde(default)]
    metadata: serde_json::Value,
    targets: Vec<Target>,
    dependencies: Vec<DependencyName>,
}

/// A crate of a package.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Target {
    name: String,
    pub(crate) kind: Vec<String>,
    pub(crate) src_path: PathBuf,
    doctest: bool,
    /// Whether it is built to be tested.
    pub(crate) test: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct DependencyName {
    name: String,
}

/// A package of the workspace, as far as setting it up needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) folder: PathBuf,
    pub(crate) targets: Vec<Target>,
    pub(crate) dependencies: Vec<String>,
}

impl Member {
    /// Returns whether it depends on tokio, in whatever way.
    pub(crate) fn uses_tokio(&self) -> bool {
        self.dependencies.iter().any(|name| name == "tokio")
    }
}

impl Package {
    fn member(&self) -> Member {
        Member {
            folder: self.manifest_path.parent().map(Path::to_owned).unwrap_or_default(),
            targets: self.targets.clone(),
            dependencies: self.dependencies.iter().map(|it| it.name.clone()).collect(),
        }
    }
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

impl Workspace {
    /// Returns what the workspace sets.
    pub(crate) fn config(&self) -> Result<Config, Error> {
        Config::read(&self.root, &self.tables)
    }

    /// Looks for the lightsout that the workspace depends on.
    pub(crate) fn with_lightsout(self, cargo: &Cargo, manifest: Option<&Path>) -> Self {
        let mut command = cargo.command();
        command.args(["metadata", "--format-version", "1"]).stdin(Stdio::null());
        command
            .args(manifest.map(|path| ["--manifest-path".into(), path.as_os_str().to_owned()]).into_iter().flatten());
        let metadata = command.output().ok().and_then(|it| serde_json::from_slice::<Metadata>(&it.stdout).ok());
        let packages = metadata.into_iter().flat_map(|it| it.packages);
        let lightsout = packages.into_iter().find(|package| package.name == "lightsout");
        Self { lightsout: lightsout.and_then(|it| Some(it.manifest_path.parent()?.to_owned())), ..self }
    }
}

impl Metadata {
    /// Returns the tables that settings may stand in, the first one first.
    fn tables(&self) -> Vec<(String, serde_json::Value)> {
        let of_workspace = ("[workspace.metadata.lightsout]".to_owned(), self.metadata.get("lightsout"));
        let root = self.packages.iter().find(|it| it.manifest_path.parent() == Some(&*self.workspace_root));
        let of_package = root.map(|it| ("[package.metadata.lightsout]".to_owned(), it.metadata.get("lightsout")));
        let tables = [Some(of_workspace), of_package].into_iter().flatten();
        tables.filter_map(|(name, table)| Some((name, table?.clone()))).collect()
    }

    fn into_workspace(self, target: Option<PathBuf>) -> Workspace {
        let libraries = self.packages.iter().flat_map(|package| {
            let doctests = package.targets.iter().filter(|target| target.doctest);
            doctests.map(|target| (target.name.replace('-', "_"), package.name.clone()))
        });
        let tables = self.tables();
        Workspace {
            tables,
            members: self.packages.iter().map(Package::member).collect(),
            lightsout: None,
            target: target.unwrap_or(self.target_directory),
            root: self.workspace_root,
            libraries: libraries.collect(),
            packages: self.packages.into_iter().map(|package| (package.id, package.name)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NO_FAIL_FAST, has_flag, is_of_outer_package};

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
        for (rest, there) in [("", false), ("--no-fail-fast", true), ("-- --no-fail-fast", false)] {
            let rest: Vec<_> = rest.split_whitespace().map(Into::into).collect();
            assert_eq!(has_flag(&rest, NO_FAIL_FAST), there, "{rest:?}");
        }
    }
}
