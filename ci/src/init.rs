//! `cargo lightsout init`: sets an existing project up.
//!
//! Everything is worked out first, as texts of files before and after; that is shown as a diff, then written, then held against cargo.
//! If anything goes wrong on the way, every file is put back as it was. What is there already is left alone, so a second run changes
//! nothing.

mod changes;
mod manifest;
mod source;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::cli::Init;
use crate::error::Error;
use crate::exit::Exit;
use crate::init::changes::Changes;
use crate::show;
use crate::suite::{Cargo, Member};
use crate::words;

/// The workflow that users copy.
const WORKFLOW: &str = include_str!("../workflow.yml");
const WORKFLOW_PATH: &str = ".github/workflows/lightsout.yml";
const FLAG: &str = "--cfg tokio_unstable";

/// Sets a project up.
pub(crate) fn run(asked: &Init) -> Result<Exit, Error> {
    let cargo = Cargo::from_env()?;
    let workspace = cargo.workspace(asked.manifest_path.as_deref(), None)?;
    let root = workspace.root.clone();
    let mut changes = Changes::new(&root);
    let members: Vec<&Member> = workspace.members.iter().filter(|member| member.uses_tokio()).collect();
    if members.is_empty() {
        return Err(Error::find_tokio(&root));
    }
    let mut notes = Vec::new();
    for member in members {
        manifest::add_dependency(&mut changes, member, &dependency(asked, member))?;
        notes.extend(source::add_uses(&mut changes, member)?);
    }
    if asked.tokio_unstable {
        manifest::add_flag(&mut changes, &root.join(".cargo/config.toml"), FLAG)?;
    }
    if !asked.no_workflow {
        changes.create(&root.join(WORKFLOW_PATH), WORKFLOW)?;
    }
    finish(asked, &cargo, &changes, &notes)
}

fn finish(asked: &Init, cargo: &Cargo, changes: &Changes, notes: &[String]) -> Result<Exit, Error> {
    if changes.is_empty() {
        show::plain(format!("{}\n", words::NOTHING_TO_CHANGE).as_bytes());
        return Ok(Exit::Clean);
    }
    show::plain(changes.diff().as_bytes());
    for note in notes {
        show::plain(format!("{note}\n").as_bytes());
    }
    if asked.dry_run || !(asked.yes || agreed()) {
        show::plain(format!("{}\n", words::NOTHING_CHANGED).as_bytes());
        return Ok(Exit::Clean);
    }
    changes.write(|| check(cargo, asked.manifest_path.as_deref()))?;
    show::plain(format!("{}\n", words::SET_UP).as_bytes());
    Ok(Exit::Clean)
}

/// Asks a person; where there is none, the answer is no.
fn agreed() -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{}", words::AGREED).and_then(|()| io::stdin().lock().read_line(&mut answer));
    asked.is_ok() && ["y", "yes"].contains(&answer.trim())
}

/// Makes sure that cargo still takes the project, and finds what it depends on. Nothing is fetched for that, nor written.
fn check(cargo: &Cargo, manifest: Option<&Path>) -> Result<(), Error> {
    let mut command = cargo.command();
    command.args(["update", "--workspace", "--dry-run", "--quiet"]);
    command.args(manifest.map(|path| ["--manifest-path".into(), path.as_os_str().to_owned()]).into_iter().flatten());
    let output = command.output().map_err(|error| Error::run_cargo(&cargo.program, &error))?;
    if output.status.success() { Ok(()) } else { Err(Error::init(&String::from_utf8_lossy(&output.stderr))) }
}

/// What a manifest says of where lightsout comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Dependency {
    Version(&'static str),
    /// A checkout, seen from the package.
    Path(PathBuf),
}

fn dependency(asked: &Init, member: &Member) -> Dependency {
    match &asked.path {
        None => Dependency::Version(env!("CARGO_PKG_VERSION")),
        Some(path) => Dependency::Path(from(&member.folder, path)),
    }
}

/// Returns a path as it is seen from a folder.
fn from(folder: &Path, path: &Path) -> PathBuf {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (folder, path) = (absolute(folder), absolute(path));
    let common = folder.components().zip(path.components()).take_while(|(a, b)| a == b).count();
    // With nothing in common but the root, the way up and down says less than the path itself.
    if common <= 1 {
        return path;
    }
    let up = folder.components().skip(common).map(|_| "..");
    up.map(PathBuf::from).chain([path.components().skip(common).collect()]).collect()
}
