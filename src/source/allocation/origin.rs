//! From a stack to what was allocated, and where: slow, so each stack is asked about once, and only for what is told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use super::{door, types};
use crate::finding::Site;
use crate::lock::lock;
use crate::recorder;
use crate::recorder::stacks::{self, StackId};
use crate::system::symbols::{self, Frame};

/// What is known of the allocations of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) held: Held,
    /// The functions from the one that allocates to the one of `site`, innermost first.
    pub(crate) functions: Vec<String>,
    /// The first place outside the standard library, tokio, and the crate of the type; a function's name where there is no debug
    /// information.
    pub(crate) site: Site,
    /// Whether tokio needs it for itself: one of its functions that is none of a channel's own stands between.
    pub(crate) is_for_tokio: bool,
}

/// What a pointer was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// This type, with its path and parameters, was put into a `Box` or an `Arc`.
    Type(String),
    /// It is no `Box::new` and no `Arc::new`: the memory of a vector, for one.
    Memory,
    /// There is no debug information.
    Unknown,
}

impl Held {
    /// Reads one more frame on the way from the allocator to whoever asked it.
    fn learn(&mut self, frame: &Frame) {
        match (&self, pointee(frame)) {
            (Self::Type(_), _) => {}
            (_, Some(pointee)) => *self = Self::Type(pointee.to_owned()),
            // Debug information may leave out a function, and the next one is there again.
            (_, None) if frame.site.is_some() => *self = Self::Memory,
            (_, None) => {}
        }
    }

    pub(crate) fn as_type(&self) -> Option<&str> {
        match self {
            Self::Type(name) => Some(name),
            Self::Memory | Self::Unknown => None,
        }
    }
}

/// The stacks that were asked about so far; they are the same for all runs of the process.
#[derive(Debug)]
pub(crate) struct Origins(BTreeMap<StackId, Origin>);

/// Returns the stacks that were asked about so far.
pub(crate) fn origins() -> MutexGuard<'static, Origins> {
    static ORIGINS: Mutex<Origins> = Mutex::new(Origins(BTreeMap::new()));
    lock(&ORIGINS)
}

impl Origins {
    pub(crate) fn of(&mut self, stack: StackId) -> &Origin {
        self.0.entry(stack).or_insert_with(|| Origin::read(frames(&addresses(stack))))
    }
}

/// Returns the calls of a stack, innermost first.
pub(super) fn addresses(stack: StackId) -> Vec<usize> {
    let mut addresses = [0; stacks::DEPTH];
    let len = stacks::read(stack, &mut addresses);
    // A return address is behind its call, which may be the last of its line.
    addresses[..len].iter().map(|address| address - 1).collect()
}

/// Returns the functions of a stack without those of the recorder.
pub(super) fn frames(calls: &[usize]) -> impl Iterator<Item = Frame> {
    without_recorder(symbols::frames(calls))
}

/// Leaves out the recorder's own part of a stack, innermost first. Of the standard library's frames inside it are some as well, where the
/// optimiser has put a call of a closure in the place of a call.
pub(crate) fn without_recorder(mut frames: impl Iterator<Item = Frame>) -> impl Iterator<Item = Frame> {
    /// The recorder is not deeper than that, with everything inlined.
    const DEPTH: usize = 16;
    let mut first: Vec<Frame> = frames.by_ref().take(DEPTH).collect();
    let inside = first.iter().rposition(is_in_recorder).map_or(0, |last| last + 1);
    first.drain(..inside);
    first.into_iter().chain(frames).skip_while(is_ours)
}

fn is_in_recorder(frame: &Frame) -> bool {
    [door::FILE, recorder::FILE.trim_end_matches("mod.rs")].iter().any(|file| frame.passes(file))
}

fn is_ours(frame: &Frame) -> bool {
    is_in_recorder(frame) || frame.function.starts_with("lightsout::") || frame.function.starts_with("<lightsout::")
}

impl Origin {
    /// Reads outwards from the allocation, and no further than is needed.
    pub(crate) fn read(mut frames: impl Iterator<Item = Frame>) -> Self {
        let mut origin =
            Self { held: Held::Unknown, functions: Vec::new(), site: Site::unknown(), is_for_tokio: false };
        let mut is_inside = true;
        for frame in &mut frames {
            is_inside &= frame.is_std() || frame.is_allocator();
            if is_inside {
                origin.held.learn(&frame);
            }
            let is_users = !frame.is_std()
                && !frame.is_tokio()
                && !frame.is_allocator()
                && !frame.function.is_empty()
                && !origin.held.as_type().is_some_and(|held| is_of_the_crate_of(held, &frame));
            origin.is_for_tokio |= frame.is_tokio() && !is_of_channels(&frame);
            origin.functions.push(frame.function.clone());
            if is_users {
                origin.site = frame.site.unwrap_or_else(|| Site::of_function(&frame.function));
                break;
            }
        }
        origin
    }
}

/// Returns what a `Box::new` or an `Arc::new` is given.
fn pointee(frame: &Frame) -> Option<&str> {
    let is_smart_pointer =
        ["alloc/src/boxed.rs", "alloc/src/sync.rs", "alloc/src/rc.rs"].iter().any(|file| frame.passes(file));
    let typed = frame.typed.as_deref().filter(|_| is_smart_pointer)?;
    let held = types::first_parameter(typed)?;
    let counted = ["alloc::sync::ArcInner<", "alloc::rc::RcInner<", "alloc::rc::RcBox<"].iter();
    let inside = counted.into_iter().find_map(|outer| held.strip_prefix(outer)?.strip_suffix('>'));
    Some(inside.unwrap_or(held))
}

/// Returns whether a frame is in the part of tokio that has its channels and locks.
fn is_of_channels(frame: &Frame) -> bool {
    frame.passes("/src/sync/")
        || frame.function.starts_with("tokio::sync::")
        || frame.function.starts_with("<tokio::sync::")
}

/// Returns whether a frame is inside the registry's crate that a type comes from: a channel is made by a function of its crate.
fn is_of_the_crate_of(held: &str, frame: &Frame) -> bool {
    let Some((name, _)) = held.split_once("::") else { return false };
    let named = [format!("{name}::"), format!("<{name}::")].iter().any(|start| frame.function.starts_with(start));
    let folder = |separator: &str| format!("/{}-", name.replace('_', separator));
    let filed = frame.passes("/registry/src/") && ["_", "-"].iter().any(|it| frame.passes(&folder(it)));
    filed || (named && !frame.is_users())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, typed: &str, file: &str) -> Frame {
        let site = Site { file: file.to_owned().into(), line: 7, column: 1 };
        Frame { function: function.to_owned(), typed: Some(typed.to_owned()), site: Some(site) }
    }

    fn boxed(typed: &str) -> Frame {
        frame("alloc::boxed::Box<T>::new", typed, "/rustc/0123/library/alloc/src/boxed.rs")
    }

    #[test]
    fn type_in_an_arc_is_what_it_holds() {
        let held = |typed| Origin::read([boxed(typed)].into_iter()).held;
        let is = |name: &str| Held::Type(name.to_owned());
        assert_eq!(held("new<alloc::sync::ArcInner<flume::Shared<u32>>>"), is("flume::Shared<u32>"));
        assert_eq!(held("new<a::Cell<b::{async_fn_env#0}, c::D>>"), is("a::Cell<b::{async_fn_env#0}, c::D>"));
        assert_eq!(held("new<fn(u8) -> u16, alloc::alloc::Global>"), is("fn(u8) -> u16"));
        assert_eq!(held("box_new_uninit"), Held::Memory);
    }

    #[test]
    fn without_debug_information_the_type_is_unknown() {
        let bare = Frame { function: "tokio::sync::oneshot::channel".to_owned(), typed: None, site: None };
        assert_eq!(Origin::read([bare].into_iter()).held, Held::Unknown);
    }

    #[test]
    fn site_is_the_first_outside_the_crate_of_the_type() {
        let frames = [
            boxed("new<alloc::sync::ArcInner<async_channel::Channel<u8>>>"),
            frame(
                "async_channel::bounded",
                "bounded<u8>",
                "/home/.cargo/registry/src/index/async-channel-2.3.1/src/lib.rs",
            ),
            frame("app::start", "start", "src/start.rs"),
            frame("app::main", "main", "src/main.rs"),
        ];
        let origin = Origin::read(frames.into_iter());
        assert_eq!(origin.site.file, "src/start.rs");
        assert_eq!(origin.functions.last().map(String::as_str), Some("app::start"));
    }

    #[test]
    fn channel_of_the_workspace_is_made_where_its_own_crate_allocates() {
        let frames = [boxed("new<app::Shared<u8>>"), frame("app::channel", "channel<u8>", "src/channel.rs")];
        assert_eq!(Origin::read(frames.into_iter()).site.file, "src/channel.rs");
    }
}
