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

/// The crates whose frames stand between a spawn and whoever asked for it.
const OWN: [&str; 3] = ["tokio", "tokio-util", "tokio-stream"];

impl Frame {
    /// Returns whether a user would call this code his own: not the standard library's, not a registry crate's, not ours.
    pub(crate) fn is_users(&self) -> bool {
        let foreign = |file: &str| file.contains("/registry/src/") || file.contains("/git/checkouts/");
        self.site.as_ref().is_some_and(|site| !foreign(&site.file))
            && !self.is_std()
            && !self.function.starts_with("lightsout::")
    }

    /// Returns whether this is the standard library's code. Line tables name an inlined function without its path, so the file
    /// counts as well.
    pub(crate) fn is_std(&self) -> bool {
        let by_file = self.site.as_ref().is_some_and(|site| {
            site.file.starts_with("/rustc/") || site.file.contains("/lib/rustlib/src/rust/library/")
        });
        by_file
            || ["std::", "core::", "<std::", "<core::", "<alloc::"].iter().any(|start| self.function.starts_with(start))
    }

    /// Returns whether this is code of tokio, or of the crates that it ships itself.
    pub(crate) fn is_tokio(&self) -> bool {
        let is_own = |part: &str| match part.rsplit_once('-') {
            Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => OWN.contains(&name),
            _ => OWN.contains(&part),
        };
        let by_file = self.site.as_ref().and_then(|site| site.file.split_once("/src/")).is_some_and(|(_, rest)| {
            // Of a registry crate the part before its own `src` names it: `registry/src/index/tokio-1.54.1/src/task/spawn.rs`.
            rest.split('/').nth(1).is_some_and(is_own)
        });
        let checked_out =
            self.site.as_ref().is_some_and(|site| OWN.iter().any(|own| site.file.contains(&format!("/{own}/src/"))));
        by_file || checked_out || ["tokio::", "<tokio::"].iter().any(|start| self.function.starts_with(start))
    }

    /// Returns whether this is on the way into an allocator.
    pub(crate) fn is_allocator(&self) -> bool {
        ["lightsout::", "<lightsout::", "__rust", "alloc::"].iter().any(|start| self.function.starts_with(start))
    }

    /// Returns whether the path of its file contains this.
    pub(crate) fn passes(&self, part: &str) -> bool {
        self.site.as_ref().is_some_and(|site| site.file.contains(part))
    }

    /// Returns whether this is the standard library catching panics; a function of the user's may bear any name.
    pub(crate) fn catches(&self) -> bool {
        self.function.contains("__rust_try") || (self.is_std() && self.function.contains("catch_unwind"))
    }

    /// Returns whether this is code of tokio's runtime, from wherever tokio was built.
    pub(crate) fn is_tokio_runtime(&self) -> bool {
        let by_file = self.site.as_ref().is_some_and(|site| {
            site.file.split_once("/tokio").is_some_and(|(_, inside)| inside.contains("/src/runtime/"))
        });
        by_file || self.function.starts_with("tokio::runtime::")
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

/// Returns a place with its path as the compiler's own locations have it: relative to the workspace where it lies inside.
pub(crate) fn site(file: &Path, line: Option<u32>, column: Option<u32>) -> Site {
    let file = workspace().and_then(|root| file.strip_prefix(root).ok()).unwrap_or(file);
    Site { file: file.to_string_lossy().into_owned().into(), line: line.unwrap_or(0), column: column.unwrap_or(0) }
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
