//! Channels: which are alive, what they carry, and how many handles keep them.

use super::calibration::{Calibration, Handles};
use super::copied;
use super::origin::{Held, Origin, Origins, origins};
use crate::ledger::channel::{ChannelKind, Ends, LiveChannel, ROWS};
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
