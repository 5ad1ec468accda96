//! The rules of this repository that no compiler knows.

use std::fs;
use std::path::{Path, PathBuf};

use lightsout::Kind;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path.as_ref()))
        .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// Returns the Rust files below these folders, relative to the root.
fn rust_files(folders: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).into_iter().flatten() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    files.sort();
    files
}

/// Claims that only these files contain the text.
#[track_caller]
fn only_in(text: &str, folders: &[&str], allowed: &[&str]) {
    let files = rust_files(folders).into_iter().filter(|file| file != Path::new("tests/it/tidy.rs"));
    let found: Vec<PathBuf> = files.filter(|file| read(file).contains(text)).collect();
    assert_eq!(found, allowed.iter().map(PathBuf::from).collect::<Vec<_>>(), "files with `{text}`");
}

const ALL: [&str; 6] = ["src", "macros/src", "sync/src", "ci/src", "benches", "tests"];

#[test]
fn unsafe_code_is_fenced_off() {
    let fenced = [
        "src/graph/raw.rs",
        "src/ledger/place.rs",
        "src/ledger/table.rs",
        "src/recorder/apart.rs",
        "src/recorder/arena.rs",
        "src/recorder/builds.rs",
        "src/recorder/loaded.rs",
        "src/recorder/memory.rs",
        "src/recorder/record.rs",
        "src/recorder/table.rs",
        "src/recorder/unwind/memo.rs",
        "src/recorder/unwind/modules.rs",
        "src/recorder/unwind/stack.rs",
        "src/recorder/unwind/tests.rs",
        "src/recorder/unwind/walk.rs",
        "src/recorder/vtables.rs",
        "src/source/allocation/door.rs",
        "src/source/allocation/plants.rs",
        "src/source/allocation/shape.rs",
        "src/system/ctrl_c.rs",
        "src/system/debuginfo.rs",
        "src/system/disposition.rs",
        "src/system/dye.rs",
        "tests/it/allocator.rs",
    ];
    only_in("unsafe {", &["src", "macros/src", "ci/src", "tests/it", "tests/services", "tests/corpus"], &fenced);
}

#[test]
fn recorder_needs_nothing_of_the_rest() {
    only_in("crate::", &["src/recorder"], &[]);
}

#[test]
fn environment_is_read_in_one_place() {
    only_in("env::var", &["src"], &["src/settings.rs"]);
}

#[test]
fn hooks_are_set_in_one_place() {
    only_in(".on_task_terminate(", &["src"], &["src/source/hooks.rs"]);
}

#[test]
fn lints_are_silenced_with_a_reason() {
    only_in("#[allow(", &ALL, &[]);
    only_in("#![allow(", &ALL, &[]);
}

#[test]
fn nothing_is_left_undone() {
    for mark in ["todo!(", "unimplemented!(", "FIXME", "dbg!("] {
        only_in(mark, &ALL, &[]);
    }
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<PathBuf> =
        rust_files(&["src", "macros/src", "ci/src", "benches", "tests/it", "tests/services", "tests/corpus"])
            .into_iter()
            .filter(|file| !read(file).starts_with("//!"))
            .collect();
    assert_eq!(silent, Vec::<PathBuf>::new());
}

#[test]
fn every_kind_and_variable_is_documented() {
    let guide = read("src/lib.rs");
    for kind in Kind::ALL {
        assert!(guide.contains(&format!("`{kind}`")), "the guide does not tell of {kind}");
    }
    for part in read("src/settings.rs").split('"').filter(|part| part.starts_with("LIGHTSOUT_")) {
        assert!(guide.contains(&format!("`{part}`")), "the guide does not tell of {part}");
    }
}
