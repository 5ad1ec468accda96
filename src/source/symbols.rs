//! Turns code addresses into names and places; slow, so only for what is reported.

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::finding::Site;

/// One function on a stack; an address with inlined calls is several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) function: String,
    /// `None` without debug information.
    pub(crate) site: Option<Site>,
}

impl Frame {
    /// Returns whether a user would call this code his own: not the standard library's, not a registry crate's, not ours.
    pub(crate) fn is_users(&self) -> bool {
        self.site.as_ref().is_some_and(|site| {
            let foreign = ["/rustc/", "/.cargo/registry/", "/.cargo/git/", "/library/std/src/", "/library/core/src/"];
            !foreign.iter().any(|part| site.file.contains(part)) && !self.function.starts_with("lightsout::")
        })
    }
}

/// Returns the code addresses on the calling stack, innermost first.
pub(crate) fn stack(depth: usize) -> Vec<usize> {
    let mut stack = Vec::with_capacity(depth);
    backtrace::trace(|frame| {
        stack.push(frame.ip() as usize);
        stack.len() < depth
    });
    stack
}

/// Returns the functions at these addresses, innermost first.
pub(crate) fn frames(stack: &[usize]) -> Vec<Frame> {
    let mut frames = Vec::new();
    for address in stack {
        backtrace::resolve(*address as *mut c_void, |symbol| {
            frames.push(Frame {
                function: symbol.name().map(|name| format!("{name:#}")).unwrap_or_default(),
                site: symbol.filename().map(|file| site(file, symbol.lineno(), symbol.colno())),
            });
        });
    }
    frames
}

/// Returns the names of the functions at these addresses, innermost first.
pub(crate) fn names(stack: &[usize]) -> Vec<String> {
    frames(stack).into_iter().map(|frame| frame.function).collect()
}

/// Returns a place with its path as the compiler's own locations have it: relative to the workspace where it lies inside.
pub(crate) fn site(file: &Path, line: Option<u32>, column: Option<u32>) -> Site {
    let file = workspace().and_then(|root| file.strip_prefix(root).ok()).unwrap_or(file);
    Site { file: file.to_string_lossy().into_owned(), line: line.unwrap_or(0), column: column.unwrap_or(0) }
}

/// Returns the folder of the workspace: the nearest one with a lock file above the package, in which cargo starts tests.
fn workspace() -> Option<&'static Path> {
    static ROOT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let start = std::env::current_dir().ok()?;
        start.ancestors().find(|folder| folder.join("Cargo.lock").exists()).map(Path::to_owned)
    };
    ROOT.get_or_init(find).as_deref()
}
