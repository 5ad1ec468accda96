//! Turns code addresses into names and places; slow, so only for what is reported.

use serde::{Deserialize, Serialize};

use crate::finding::Site;

/// One function on a stack; an address with inlined calls is several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) function: String,
    /// The function's own name with the types that it was made for, as `channel<u32>`; `None` without debug information.
    pub(crate) typed: Option<String>,
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

/// Returns a function's path without hash, closure marks, and the `<T as Trait>` dress of trait methods.
pub(crate) fn tidy(name: &str) -> String {
    let name = name.replace("::{{closure}}", "");
    let name = match name.rsplit_once("::h") {
        Some((head, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => head.to_owned(),
        _ => name,
    };
    match name.strip_prefix('<').and_then(|name| name.split_once(" as ")) {
        Some((of, _)) => of.to_owned(),
        None => name,
    }
}

/// Returns the addresses of the calls on the calling stack, innermost first.
pub(crate) fn stack(depth: usize) -> Vec<usize> {
    let mut stack = Vec::with_capacity(depth);
    backtrace::trace(|frame| {
        // It is the address behind the call, which may be the last one of its line or function.
        stack.push((frame.ip() as usize).saturating_sub(1));
        stack.len() < depth
    });
    stack
}

/// Returns the functions at these calls, innermost first; each address is looked up only when its turn comes.
pub(crate) fn frames(stack: &[usize]) -> impl Iterator<Item = Frame> {
    stack.iter().flat_map(|address| lookup::frames(*address))
}

/// Looks in this process' own files.
#[cfg(target_os = "linux")]
mod lookup {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Mutex;

    use super::Frame;
    use crate::lock::lock;
    use crate::recorder;
    use crate::system::debuginfo::Module;
    use crate::system::maps::Maps;
    use crate::system::stack;
    use crate::system::workspace;

    /// What was read so far; names are slow, and the same places come again and again.
    struct Read {
        /// `None` before the first look.
        maps: Option<Maps>,
        /// `None` stands for a file that cannot be read.
        modules: BTreeMap<PathBuf, Option<Module>>,
    }

    static READ: Mutex<Read> = Mutex::new(Read { maps: None, modules: BTreeMap::new() });

    pub(super) fn frames(address: usize) -> Vec<Frame> {
        stack::clear_below();
        // What is kept is the process', whichever run asks first.
        recorder::noting(|| lock(&READ).frames(address).unwrap_or_default())
    }

    impl Read {
        fn frames(&mut self, address: usize) -> Option<Vec<Frame>> {
            let (file, offset) = self.locate(address)?;
            let module = self.modules.entry(file).or_insert_with_key(|file| Module::open(file, workspace::root()));
            Some(module.as_mut()?.frames(offset))
        }

        /// A library may have been loaded since the last look.
        fn locate(&mut self, address: usize) -> Option<(PathBuf, u64)> {
            let known = self.maps.as_ref().is_some_and(|maps| maps.locate(address).is_some());
            if !known {
                self.maps = Maps::of_this_process();
            }
            let (file, offset) = self.maps.as_ref()?.locate(address)?;
            Some((file.to_owned(), offset))
        }
    }
}

/// Leaves it to the `backtrace` crate, which knows no types.
#[cfg(not(target_os = "linux"))]
mod lookup {
    use std::ffi::c_void;

    use super::Frame;
    use crate::system::workspace;

    pub(super) fn frames(address: usize) -> Vec<Frame> {
        let mut frames = Vec::new();
        backtrace::resolve(address as *mut c_void, |symbol| {
            frames.push(Frame {
                function: symbol.name().map(|name| format!("{name:#}")).unwrap_or_default(),
                typed: None,
                site: symbol
                    .filename()
                    .map(|file| workspace::site(workspace::root(), file, symbol.lineno(), symbol.colno())),
            });
        });
        frames
    }
}
