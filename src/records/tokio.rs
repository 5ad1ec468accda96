//! Which tokio a program was built with: the paths of its sources tell, which its panics name.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A tokio 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tokio {
    pub(super) minor: u32,
    /// Where its sources are; `None` for the registry's, whose paths tell what they are.
    pub(super) folder: Option<PathBuf>,
}

/// Finds it among the constants of a program: the oldest, if there are several. Paths inside `root` may be relative to it.
pub(super) fn find(constants: &[u8], root: &Path) -> Option<Tokio> {
    let by_path = |minor| Tokio { minor, folder: None };
    let of_registry = oldest(constants, is_of_registry).map(by_path);
    // Paths may be other ones than where the sources were when they were compiled.
    of_registry.or_else(|| in_folder(constants, root)).or_else(|| oldest(constants, |_| true).map(by_path))
}

/// Returns whether what stands before the name of a package is the folder of one of cargo's registries, whose sources nobody changes.
fn is_of_registry(before: &[u8]) -> bool {
    let name = before.iter().rposition(|byte| *byte == b'/');
    name.is_some_and(|name| before[..name].ends_with(b"/registry/src"))
}

/// Reads `/tokio-1.54.1/src/`, where what stands before it is meant.
fn oldest(constants: &[u8], is_meant: impl Fn(&[u8]) -> bool) -> Option<u32> {
    const BEFORE: &[u8] = b"/tokio-1.";
    let minor = |at: usize| {
        is_meant(&constants[..at]).then_some(())?;
        let rest = &constants[at + BEFORE.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
    };
    memchr::memmem::find_iter(constants, BEFORE).filter_map(minor).min()
}

/// Finds one that was patched, vendored or checked out, by the manifest beside its sources. Nothing tells where a path begins among the
/// constants, so it is where there is a manifest.
fn in_folder(constants: &[u8], root: &Path) -> Option<Tokio> {
    const BEHIND: &[u8] = b"/src/runtime/";
    /// Other crates may have such a folder, too.
    const PLACES: usize = 64;
    memchr::memmem::find_iter(constants, BEHIND).take(PLACES).find_map(|at| {
        let before = &constants[at.saturating_sub(LONGEST)..at];
        let start = before.iter().rposition(u8::is_ascii_control).map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(&before[start..]).into_owned();
        folders(&text, root).find_map(|folder| {
            let minor = minor_in(&fs::read_to_string(folder.join("Cargo.toml")).ok()?)?;
            Some(Tokio { minor, folder: Some(folder) })
        })
    })
}

/// So far back a path may begin, in bytes.
const LONGEST: usize = 512;

/// Returns the folders that a text may end with: absolute ones, and those in `root`.
fn folders<'a>(text: &'a str, root: &'a Path) -> impl Iterator<Item = PathBuf> {
    let absolute = text.match_indices('/').map(|(at, _)| PathBuf::from(&text[at..]));
    let relative = text.char_indices().map(|(at, _)| root.join(&text[at..]));
    absolute.chain(relative)
}

/// Reads `version = "1.54.1"` in the manifest of tokio.
fn minor_in(manifest: &str) -> Option<u32> {
    let (_, package) = manifest.split_once("[package]")?;
    let lines = || package.lines().skip(1).take_while(|line| !line.starts_with('['));
    let value =
        |key: &str| lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('=')?.split('"').nth(1));
    value("name").filter(|name| *name == "tokio")?;
    value("version")?.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_in_the_paths_of_the_registry() {
        let constants =
            b"..src/index/tokio-1.54.1/src/task.rs../git/tokio-1.8.0/src/lib.rs../tokio-1.x/../tokio-util-0.7.1/src";
        assert_eq!(oldest(constants, |_| true), Some(8));
        assert_eq!(oldest(b"/home/me/tokio/tokio/src/task.rs", |_| true), None);
    }

    #[test]
    fn folder_with_the_name_of_a_version_is_no_registry() {
        let base = std::env::temp_dir().join(format!("lightsout-tokio-{}", std::process::id()));
        let folder = base.join("vendor/tokio-1.53.1");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("Cargo.toml"), "[package]\nname = \"tokio\"\nversion = \"1.53.1\"\n").expect("a file");
        let constants = |folder: &Path| format!("at {}/src/runtime/task/list.rs", folder.display()).into_bytes();
        let found = |folder: &Path| find(&constants(folder), Path::new("/base")).map(|it| (it.minor, it.folder));
        assert_eq!(found(&folder), Some((53, Some(folder.clone()))));
        // Nothing stands between constants.
        let behind_another =
            [b"/home/me/.cargo/registry/src/index/bytes-1.9.0/src/lib.rs", &constants(&folder)[3..]].concat();
        let found_behind = find(&behind_another, Path::new("/base")).map(|it| (it.minor, it.folder));
        assert_eq!(found_behind, Some((53, Some(folder.clone()))));
        fs::remove_dir_all(base).expect("a folder");
        let registry = Path::new("/home/me/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/tokio-1.54.1");
        assert_eq!(found(registry), Some((54, None)));
        assert_eq!(found(Path::new("/mapped/tokio-1.54.1")), Some((54, None)));
    }

    #[test]
    fn version_is_in_the_manifest_beside_the_sources() {
        let manifest =
            "[package]\nedition = \"2021\"\nname = \"tokio\"\nversion = \"1.54.1\"\n\n[lib]\nname = \"tokio\"\n";
        assert_eq!(minor_in(manifest), Some(54));
        assert_eq!(minor_in(&manifest.replace("1.54.1", "2.0.0")), None);
        assert_eq!(minor_in(&manifest.replacen("tokio", "other", 1)), None);
    }

    #[test]
    fn folders_are_all_that_the_text_may_end_with() {
        let root = Path::new("/base");
        let found: Vec<PathBuf> = folders("is/a b/c", root).collect();
        assert_eq!(found[..2], ["/a b/c", "/c"].map(PathBuf::from));
        assert!(found.contains(&"/base/b/c".into()) && found.contains(&"/base/is/a b/c".into()));
    }
}
