//! Takes the sources of published crates from where cargo keeps them, and copies them to a folder of ours.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::{Dependencies, Project};

/// Copies what a project consists of, unless an earlier run did: what `cargo update` chose then, stays.
pub(crate) fn check_out(project: &Project, folder: &Path) -> PathBuf {
    let to = folder.join(project.folder());
    if !to.exists() {
        let unfinished = folder.join("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        put_together(project, &unfinished).unwrap_or_else(|error| panic!("{} is copied: {error}", project.title()));
        if project.dependencies == Dependencies::Newest {
            cargo(&unfinished, &["update", "--quiet"]);
        }
        fs::rename(&unfinished, &to).expect("a folder of ours can be renamed");
    }
    to
}

fn put_together(project: &Project, to: &Path) -> io::Result<()> {
    if let [(name, version)] = project.crates {
        copy(&published(name, version), to)?;
        let manifest = to.join("Cargo.toml");
        // Else it would be taken for a part of the workspace around it.
        return fs::write(&manifest, fs::read_to_string(&manifest)? + "\n[workspace]\n");
    }
    for (name, version) in project.crates {
        copy(&published(name, version), &to.join(name))?;
    }
    let members: Vec<_> = project.crates.iter().map(|(name, _)| name).collect();
    fs::write(to.join("Cargo.toml"), format!("[workspace]\nresolver = \"2\"\nmembers = {members:?}\n"))
}

/// Makes cargo fetch a version, and returns where its sources are.
fn published(name: &str, version: &str) -> PathBuf {
    let asking = tempfile::tempdir().expect("a temporary folder");
    let manifest = format!(
        "[package]\nname = \"asks\"\nedition = \"2021\"\n[lib]\npath = \"lib.rs\"\n\
         [dependencies.it]\npackage = {name:?}\nversion = \"={version}\"\n"
    );
    fs::write(asking.path().join("Cargo.toml"), manifest).expect("a file");
    fs::write(asking.path().join("lib.rs"), "").expect("a file");
    let found = packages(asking.path()).into_iter().find(|package| package["name"] == name);
    folder_of(&found.unwrap_or_else(|| panic!("cargo does not find {name} {version}")))
}

/// Returns the packages that the one in this folder is built from.
pub(crate) fn packages(folder: &Path) -> Vec<Value> {
    let said = cargo(folder, &["metadata", "--format-version", "1", "--all-features"]);
    let metadata: Value = serde_json::from_str(&said).expect("cargo writes JSON");
    metadata["packages"].as_array().expect("cargo lists packages").clone()
}

/// Returns where a package is.
pub(crate) fn folder_of(package: &Value) -> PathBuf {
    let manifest = Path::new(package["manifest_path"].as_str().expect("a package has a manifest"));
    manifest.parent().expect("a manifest is in a folder").to_owned()
}

pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Runs cargo, and returns what it printed.
pub(crate) fn cargo(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO"));
    let output = command.args(args).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "cargo {args:?} in {folder:?}");
    String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
}
