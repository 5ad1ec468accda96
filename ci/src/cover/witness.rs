//! Learns whether a record of the preloaded recorder can be believed: nothing was planted in its process, so what happens there anyway
//! must bear witness.
//!
//! - The calls of the first frees are those of Rust code: so the program's allocator is the one that is looked at.
//! - The flags of a task's state are tokio's since its first release, and every task of the record must agree: one that was given back had
//!   ended, and one that its runtime shut down had been cancelled. If one of them does not, tokio keeps them in another way.

use lightsout::records::{Call, End, Kind, Program, Who};

use super::{Reader, States, Why};

/// Of tokio 1.
const STATES: States = States { ended: 0b10, cancelled: 0b10_0000, woken: 0b100 };

/// What the recorder calls a free that it saw.
const WITNESS: &str = "witness";

/// Learns from what happened.
pub(super) fn learn(reader: &mut Reader<'_>, program: Program) -> Result<States, Why> {
    let frees: Vec<End> = witnesses(reader).copied().collect();
    if !program.has_lines {
        return Err(Why::NoNames);
    }
    if !frees.iter().any(|free| reader.is_made_by_rust(free)) {
        return Err(Why::NoAllocator);
    }
    let freed = reader.record.ends.iter().filter(|end| end.freed.is_some() && !is_planted(reader, end));
    let freed: Vec<End> = freed.copied().collect();
    if freed.iter().all(|end| reader.agrees(end)) { Ok(STATES) } else { Err(Why::Unlike) }
}

fn witnesses<'a>(reader: &Reader<'a>) -> impl Iterator<Item = &'a End> {
    let record = reader.record;
    record.ends.iter().filter(move |end| matches!(record.who(end), Who::Planted(name) if name == WITNESS))
}

fn is_planted(reader: &Reader<'_>, end: &End) -> bool {
    matches!(reader.record.who(end), Who::Planted(_))
}

impl Reader<'_> {
    /// Returns whether the function that gave back is one of Rust.
    fn is_made_by_rust(&mut self, free: &End) -> bool {
        let calls = self.names.calls(self.record, free.made);
        let is_rusts = |call: &Call| call.file.as_ref().is_some_and(|file| file.ends_with(".rs"));
        calls
            .iter()
            .find(|call| !call.function.is_empty())
            .is_some_and(|call| is_rusts(call) || call.function.contains("::"))
    }

    /// Returns whether an allocation is no task, or has the state that its end says.
    fn agrees(&mut self, end: &End) -> bool {
        let (Some(state), Some(freed)) = (end.state, end.freed) else { return true };
        let has_ended = state & STATES.ended != 0;
        let was_cancelled = state & STATES.cancelled != 0;
        if has_ended && was_cancelled {
            return true;
        }
        let must = if has_ended { self.is_shut_down(freed) } else { true };
        !must || self.spawned(end.made).is_none_or(|spawned| spawned.kind != Kind::Async)
    }

    /// Returns whether a task was given back by its own shutdown.
    fn is_shut_down(&mut self, freed: lightsout::records::Stack) -> bool {
        let is_shutdown = |call: &Call| {
            let function = &call.function;
            function.contains("tokio::runtime::task") && function.ends_with("::shutdown")
        };
        self.names.calls(self.record, freed).iter().any(is_shutdown)
    }
}
