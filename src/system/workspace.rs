//! Places as the compiler's own locations have them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::finding::Site;

/// Returns a place with its path relative to the workspace where it lies inside.
pub(crate) fn site(root: Option<&Path>, file: &Path, line: Option<u32>, column: Option<u32>) -> Site {
    let file = root.and_then(|root| file.strip_prefix(root).ok()).unwrap_or(file);
    Site { file: file.to_string_lossy().into_owned().into(), line: line.unwrap_or(0), column: column.unwrap_or(0) }
}

/// Returns the folder of this process' workspace: the nearest one with a lock file above the package, in which cargo starts tests.
pub(crate) fn root() -> Option<&'static Path> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let start = std::env::current_dir().ok()?;
        start.ancestors().find(|folder| folder.join("Cargo.lock").exists()).map(Path::to_owned)
    };
    ROOT.get_or_init(find).as_deref()
}
