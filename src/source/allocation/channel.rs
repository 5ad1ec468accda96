//! Channels: which are alive, what they carry, and how many handles keep them.

use super::calibration::{Calibration, Handles};
use super::copied;
use super::origin::{Held, Origin, Origins, origins};
use crate::finding::Site;
use crate::ledger::channel::{ChannelKind, Ends, LiveChannel, ROWS};
use crate::recorder::stacks::StackId;
use crate::recorder::{self, Allocation, RunNumber, Table};

/// Returns the live channels and locks of a run, ordered by kind and place; none where the source cannot look.
pub(crate) fn channels(run: RunNumber, further: &[ChannelKind]) -> Vec<LiveChannel> {
    let calibration = Calibration::get();
    let mut origins = origins();
    let mut found = Vec::new();
    for table in [&recorder::CELLS, &recorder::REST] {
        let seen = copied(table, run, |allocation| calibration.may_be_one(allocation).then_some(*allocation));
        found.extend(seen.iter().filter_map(|it| known(it, table, further, calibration, &mut origins)));
    }
    found.sort_by(|a, b| (&a.kind, &a.site, a.address).cmp(&(&b.kind, &b.site, b.address)));
    found
}

/// Returns what an allocation is, by the stack that made it.
fn known(
    seen: &Allocation,
    table: &Table,
    further: &[ChannelKind],
    calibration: &Calibration,
    origins: &mut Origins,
) -> Option<LiveChannel> {
    let origin = origins.of(seen.stack);
    let (kind, element) = kind_of(origin, further.iter().chain(&ROWS))?;
    let mut handles = None;
    // It may have been given back since it was seen, and its place been taken by another.
    table.look(seen.address, |allocation| {
        if allocation.stack == seen.stack {
            handles = calibration.handles(kind, allocation);
        }
    });
    let Handles { all, senders } = handles.filter(|handles| handles.all > 0)?;
    Some(LiveChannel {
        kind: kind.name.clone(),
        element: element.filter(|element| !element.is_empty()).map(str::to_owned),
        site: origin.site.clone(),
        handles: all,
        senders,
        closes: kind.ends == Ends::Closes,
        functions: origin.functions.clone(),
        address: seen.address,
    })
}

/// What is known of an allocation that tasks share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// The kind with what it carries, or the type.
    pub(crate) label: String,
    pub(crate) site: Site,
    /// How many of its handles send; `None` where the kind does not tell.
    pub(crate) senders: Option<usize>,
    pub(crate) sort: Sort,
}

/// What sort of thing tasks share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Channel,
    Lock,
    /// Something of the program's own.
    Shared,
}

/// Returns what an allocation is by the stack that made it, if it looks like something that is shared; `word` reads it.
pub(crate) fn known_by(
    stack: StackId,
    size: usize,
    word: &dyn Fn(usize) -> Option<usize>,
    further: &[ChannelKind],
    origins: &mut Origins,
) -> Option<Known> {
    /// More handles than anybody has.
    const MANY: usize = 1 << 20;
    let is_count = |at: usize| word(at).is_some_and(|count| (1..MANY).contains(&count));
    if !is_count(0) || !is_count(size_of::<usize>()) {
        return None;
    }
    let origin = origins.of(stack);
    let site = origin.site.clone();
    let Some((kind, element)) = kind_of(origin, further.iter().chain(&ROWS)) else {
        let label = shared(origin.held.as_type()?)?;
        return Some(Known { label, site, senders: None, sort: Sort::Shared });
    };
    let element = element.filter(|element| !element.is_empty());
    let label = element.map_or_else(|| kind.name.to_string(), |element| format!("{} of {element}", kind.name));
    let senders = Calibration::get().handles_by(kind, size, word).and_then(|handles| handles.senders);
    let sort = if kind.ends == Ends::Closes { Sort::Channel } else { Sort::Lock };
    Some(Known { label, site, senders, sort })
}

/// Returns the name of a type that tasks share; `None` for those with which libraries only build their own.
fn shared(held: &str) -> Option<String> {
    const NAMED: [(&str, &str); 3] = [
        ("tokio_util::sync::cancellation_token::tree_node::TreeNode", "CancellationToken"),
        ("tokio_util::task::task_tracker::TaskTrackerInner", "TaskTracker"),
        ("tokio::io::util::mem::SimplexStream", "tokio SimplexStream"),
    ];
    const MACHINERY: [&str; 7] =
        ["tokio::", "tokio_util::", "tokio_stream::", "futures_", "core::", "alloc::", "std::"];
    // What tasks take turns at is in a lock, whose name says nothing.
    let guarded = held.split_once("Mutex<").and_then(|(_, guarded)| guarded.strip_suffix('>')).unwrap_or(held);
    let named = NAMED.iter().find(|(name, _)| *name == guarded).map(|(_, name)| (*name).to_owned());
    named.or_else(|| (!MACHINERY.iter().any(|start| held.starts_with(start))).then(|| held.to_owned()))
}

/// Returns the kind of what was made, with the type of what it carries; without debug information by the function that made it.
pub(crate) fn kind_of<'a>(
    origin: &'a Origin,
    mut kinds: impl Iterator<Item = &'a ChannelKind>,
) -> Option<(&'a ChannelKind, Option<&'a str>)> {
    match &origin.held {
        Held::Type(held) => kinds.find_map(|kind| Some((kind, Some(kind.element(held)?)))),
        Held::Memory => None,
        Held::Unknown => kinds.find(|kind| kind.is_made_by(&origin.functions)).map(|kind| (kind, None)),
    }
}
