//! The services' own tests, as their team writes them: each asserts what it is about, and stops what it started.
//!
//! Whether everything stopped is not asserted here: the test attribute looks. A service with several faults is built with the one
//! that the test is about; in the fixed form that says nothing.

use lightsout::test as checked;

mod application;
mod group;
mod messaging;
#[cfg(unix)]
mod program;
mod sequence;
mod watcher;
mod web;

/// Attempts that are made at the same time, as in the real test of the messaging server.
const CALLERS: usize = 32;

/// A file for the test of this name, that is not there.
fn absent(name: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            panic!("failed to remove `{}`: {error}", path.display())
        }
        _ => path,
    }
}
