//! The build of a suite. It begins before the gate knows the workspace, where nothing that is read there can change what is built: cargo
//! does both at once, and where nothing is to be built each takes a part of what a small suite takes.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;

use toml_edit::{DocumentMut, Item};

use crate::cli::{Color, Gate, Runner};
use crate::config;
use crate::error::Error;
use crate::suite::Cargo;

/// Cargo at work. What nobody waits for any more is ended.
#[derive(Debug)]
pub(crate) struct Building(Option<Child>);

impl Building {
    /// Begins to build everything that `cargo test` builds; what cargo prints on stderr is passed through.
    pub(crate) fn begin(cargo: &Cargo, gate: &Gate) -> Result<Self, Error> {
        let mut command = cargo.command();
        command.args(["test", "--no-run", "--message-format=json-render-diagnostics"]).args(gate.cargo_args());
        if gate.telling.color != Color::Auto {
            command.args(["--config", &format!("term.color='{}'", gate.telling.color.name())]);
        }
        command.args(&gate.rest).stdin(Stdio::null()).stdout(Stdio::piped());
        cargo.spawn(&mut command).map(|child| Self(Some(child)))
    }

    /// Begins only if it is cargo that will run the tests, whatever the workspace sets.
    pub(crate) fn begin_early(cargo: &Cargo, gate: &Gate) -> Result<Option<Self>, Error> {
        let manifest = gate.manifest_path.as_deref().map(|path| cargo.dir.join(path));
        let dir = manifest.as_deref().and_then(Path::parent).unwrap_or(&cargo.dir);
        let is_known = match gate.runner {
            Some(runner) => runner == Runner::Cargo,
            None => sets_nothing(dir),
        };
        is_known.then(|| Self::begin(cargo, gate)).transpose()
    }

    /// Waits until everything is built, and returns what cargo said on stdout. The inner error says how cargo ended.
    ///
    /// It is not waited for that cargo leaves, since it takes its time for that, and the next one needs as long until it comes to the same files.
    pub(crate) fn messages(mut self) -> io::Result<Result<Vec<u8>, String>> {
        let child = self.0.as_mut().expect("lightsout bug: cargo is at work");
        let mut stdout = BufReader::new(child.stdout.take().expect("lightsout bug: its messages are asked for"));
        let mut messages = Vec::new();
        let mut line = 0;
        while !messages[line..].starts_with(BUILT) {
            line = messages.len();
            if stdout.read_until(b'\n', &mut messages)? == 0 {
                let status = child.wait()?;
                return Ok(if status.success() { Ok(messages) } else { Err(status.to_string()) });
            }
        }
        // The pipe stays open as long as it may write.
        thread::spawn(move || (self.0.take().map(|mut child| child.wait()), stdout));
        Ok(Ok(messages))
    }
}

/// How cargo says that nothing is left to be built.
const BUILT: &[u8] = br#"{"reason":"build-finished","success":true"#;

impl Drop for Building {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns whether the package in a folder, or the first one above it, and no workspace that it may be in has settings for the gate.
/// Where that is not clear at a glance it is to be asked of cargo.
fn sets_nothing(dir: &Path) -> bool {
    let mut manifests = dir.ancestors().map(|dir| (dir, dir.join("Cargo.toml"))).filter(|(_, path)| path.exists());
    let mut is_there = false;
    manifests.all(|(dir, manifest)| {
        is_there = true;
        !dir.join(config::FILE).exists() && says_nothing(&manifest)
    }) && is_there
}

fn says_nothing(manifest: &Path) -> bool {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    let Ok(manifest) = text.parse::<DocumentMut>() else { return false };
    let has = |path: &[&str]| path.iter().try_fold(manifest.as_item(), |item: &Item, key| item.get(key)).is_some();
    // With the last one a package names a workspace that may be anywhere.
    let says =
        [&["workspace", "metadata", "lightsout"][..], &["package", "metadata", "lightsout"], &["package", "workspace"]];
    !says.into_iter().any(has)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::sets_nothing;

    /// Returns what is known of `shop`, in a workspace with these files.
    fn is_known(files: &[(&str, &str)]) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("shop")).expect("a folder");
        for (path, text) in files {
            fs::write(folder.path().join(path), text).expect("a file");
        }
        sets_nothing(&folder.path().join("shop"))
    }

    const ROOT: (&str, &str) = ("Cargo.toml", "[workspace]\nmembers = ['shop']\nmetadata.docs.all = true\n");
    const SHOP: (&str, &str) = ("shop/Cargo.toml", "[package]\nname = 'shop'\nversion.workspace = true\n");

    #[test]
    fn workspace_without_settings_is_known_at_a_glance() {
        assert!(is_known(&[ROOT, SHOP]));
        assert!(is_known(&[SHOP]));
    }

    #[test]
    fn settings_are_left_to_be_read() {
        let table = |of: &str| format!("[{of}.metadata.lightsout]\nrunner = 'nextest'\n");
        assert!(!is_known(&[("lightsout.toml", ""), ROOT, SHOP]));
        assert!(!is_known(&[("Cargo.toml", &table("workspace")), SHOP]));
        assert!(!is_known(&[ROOT, ("shop/Cargo.toml", &table("package"))]));
    }

    #[test]
    fn what_is_not_clear_is_asked_of_cargo() {
        assert!(!is_known(&[]));
        assert!(!is_known(&[("shop/Cargo.toml", "[package")]));
        assert!(!is_known(&[("shop/Cargo.toml", "[package]\nname = 'shop'\nworkspace = '../other'\n")]));
    }
}
