//! Tasks: which cells are alive, and what they run.

use super::copied;
use super::origin::{Held, Origin, Origins};
use super::shape::{self, Doing, Shape};
use super::types;
use crate::finding::Site;
use crate::recorder::stacks::StackId;
use crate::recorder::{self, RunNumber};
use crate::system::symbols;

/// What kind of task a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An async task of a runtime or of a `LocalSet`.
    Async,
    /// A closure given to `spawn_blocking`.
    Blocking,
    /// A worker of a multi-threaded runtime, which tokio runs as a blocking closure of its own.
    Worker,
}

/// One task that has not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    /// tokio's number of it.
    pub(crate) id: u64,
    pub(crate) doing: Doing,
    listed: bool,
    stack: StackId,
}

impl Live {
    /// Returns what kind of task it is.
    pub(crate) fn kind(&self, origins: &mut Origins) -> Kind {
        if self.listed { Kind::Async } else { kind_of_unlisted(origins.of(self.stack)) }
    }

    /// Returns where it was spawned: the first place outside tokio and the standard library, as a function's name where there is no
    /// debug information.
    pub(crate) fn site(&self, origins: &mut Origins) -> Site {
        origins.of(self.stack).site.clone()
    }

    /// Returns the stack of its spawn.
    pub(crate) fn stack(&self) -> StackId {
        self.stack
    }
}

/// Returns the type of what tasks of a stack run; `None` without debug information.
pub(crate) fn runs(stack: StackId, origins: &mut Origins) -> Option<String> {
    runs_in(origins.of(stack))
}

/// Returns the type of what tasks of an origin run; `None` without debug information.
pub(crate) fn runs_in(origin: &Origin) -> Option<String> {
    let cell = origin.held.as_type()?.split_once("::Cell<")?.1;
    Some(type_name(unwrapped(&cell[..types::first_ends(cell)])))
}

/// Returns the functions that spawned tasks of a stack: the one at the site, and the one that an async block stands in.
pub(crate) fn spawned_in(stack: StackId, origins: &mut Origins) -> Vec<String> {
    let at_site = origins.of(stack).functions.last().map(|function| symbols::tidy(function));
    let around = runs(stack, origins).and_then(|runs| Some(runs.strip_suffix("::{async block}")?.to_owned()));
    at_site.into_iter().chain(around).collect()
}

/// What tokio itself puts around what it was given to run: closures, what it traces, and futures too large for a cell.
const WRAPPERS: [&str; 4] = [
    "tokio::runtime::blocking::task::BlockingTask<",
    "tokio::runtime::task::trace::Root<",
    "tracing::instrument::Instrumented<",
    "core::pin::Pin<alloc::boxed::Box<",
];

/// Returns what is inside of all wrappers.
fn unwrapped(mut future: &str) -> &str {
    while let Some(inside) = WRAPPERS.iter().find_map(|wrapper| future.strip_prefix(wrapper)) {
        future = &inside[..types::first_ends(inside)];
    }
    future
}

/// Returns a type as a person would write it: `app::serve::{async_fn_env#0}<u8>` is `app::serve`.
fn type_name(written: &str) -> String {
    let mut name = String::new();
    let mut rest = written;
    while let Some((before, behind)) = rest.split_once('{') {
        let (part, behind) = behind.split_once('}').unwrap_or((behind, ""));
        name.push_str(before);
        match part {
            block if block.starts_with("async_block") => name.push_str("{async block}"),
            closure if closure.starts_with("closure") => name.push_str("{closure}"),
            // The function itself, or the `impl` that it is in, says nothing more.
            _ => name.truncate(name.trim_end_matches("::").len()),
        }
        // What was captured is written as parameters.
        rest = if behind.starts_with('<') { &behind[types::closes(behind)..] } else { behind };
    }
    name + rest
}

/// Returns the tasks of a run that have not ended and whose number is not known otherwise, oldest first; none where the source cannot
/// look. `is_known` must not allocate.
pub(crate) fn tasks(run: RunNumber, is_known: impl Fn(u64) -> bool) -> Vec<Live> {
    let Ok(shape) = shape::get() else { return Vec::new() };
    if !recorder::CELLS.may_have(run) {
        return Vec::new();
    }
    let mut live = alive(shape, run, is_known);
    live.sort_unstable_by_key(|task| task.id);
    live
}

/// Copies out the tasks that have not ended.
fn alive(shape: &Shape, run: RunNumber, is_known: impl Fn(u64) -> bool) -> Vec<Live> {
    let mut reader = shape.reader();
    copied(&recorder::CELLS, run, |allocation| {
        let cell = reader.cell(allocation)?;
        let is_told = cell.doing != Doing::Ended && !is_known(cell.id);
        is_told.then_some(Live { id: cell.id, doing: cell.doing, listed: cell.listed, stack: allocation.stack })
    })
}

/// Returns what kind of task an allocation is by its origin alone; `None` for what is none.
pub(crate) fn kind_in(origin: &Origin) -> Option<Kind> {
    let is_told = |names: &[&str]| {
        let tells = |text: &str| names.iter().any(|name| text.contains(name));
        origin.held.as_type().is_some_and(tells) || origin.functions.iter().any(|function| tells(function))
    };
    match &origin.held {
        Held::Type(held) if !held.starts_with("tokio::runtime::task::core::Cell<") => None,
        Held::Type(_) if is_told(&["::BlockingSchedule"]) => Some(kind_of_unlisted(origin)),
        Held::Type(_) => Some(Kind::Async),
        Held::Memory | Held::Unknown if is_told(&["::blocking::pool::"]) => Some(kind_of_unlisted(origin)),
        Held::Memory | Held::Unknown if is_told(&["tokio::runtime::task::", "new_task"]) => Some(Kind::Async),
        Held::Memory | Held::Unknown => None,
    }
}

/// tokio runs its own workers as blocking closures; without debug information they are taken for the user's.
fn kind_of_unlisted(origin: &Origin) -> Kind {
    let is_worker = |name: &str| name.contains("::multi_thread::worker::");
    if origin.held.as_type().is_some_and(is_worker) || origin.functions.iter().any(|name| is_worker(name)) {
        Kind::Worker
    } else {
        Kind::Blocking
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_a_person_would() {
        for (written, name) in [
            ("app::serve::{async_fn_env#0}", "app::serve"),
            ("app::serve::{async_fn_env#0}<u8, a::B<c::D>>", "app::serve"),
            ("app::main::{async_block_env#1}", "app::main::{async block}"),
            ("app::{impl#1}::run::{async_fn_env#0}", "app::run"),
            ("a::Tracked<app::serve::{async_fn_env#0}>", "a::Tracked<app::serve>"),
            ("core::pin::Pin<alloc::boxed::Box<dyn F>>", "core::pin::Pin<alloc::boxed::Box<dyn F>>"),
        ] {
            assert_eq!(type_name(written), name);
        }
    }
}
