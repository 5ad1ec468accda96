//! Learns whether a record of the preloaded recorder can be believed: nothing was planted in its process, so what happens there anyway
//! must bear witness.
//!
//! - The calls of the first frees are those of Rust code: so the program's allocator is the one that is looked at.
//! - A task was seen; or there was none, in a program whose tokio is known to keep all of them as they are looked for.
//! - The flags of a task's state are tokio's since its first release, and every task of the record must agree: one that was given back had
//!   ended, and one that was shut down was so, or had been cancelled, at what is known as the end of a runtime. If one of them does not,
//!   this tokio is another one than is known.

use lightsout::records::{End, Kind, Program, Stack, Who};

use super::{Reader, Why, flag, is_of_tasks, last_name};

/// The first tokio 1 that keeps all tasks in allocations of their own alignment. Before, only those did that had a timer in them.
const ALIGNED: u32 = 29;

/// What the recorder calls a free that it saw.
const WITNESS: &str = "witness";

/// Returns whether what happened bears witness, or what is missing.
pub(super) fn bears_witness(reader: &mut Reader<'_>, program: Program) -> Result<(), Why> {
    let frees: Vec<End> = witnesses(reader).copied().collect();
    if !program.has_lines {
        return Err(Why::NoNames);
    }
    if !frees.iter().any(|free| reader.is_made_by_rust(free)) {
        return Err(Why::NoAllocator);
    }
    if program.tokio.is_none() && !reader.has_tasks() {
        return Err(Why::NoTask);
    }
    let freed = reader.record.ends.iter().filter(|end| end.freed.is_some() && !is_planted(reader, end));
    let freed: Vec<End> = freed.copied().collect();
    if freed.iter().all(|end| reader.agrees(end)) { Ok(()) } else { Err(Why::Unlike) }
}

/// Returns whether a program may have tasks that are not seen.
pub(super) fn hides_tasks(program: Program) -> bool {
    program.tokio.is_some_and(|minor| minor < ALIGNED)
}

fn witnesses<'a>(reader: &Reader<'a>) -> impl Iterator<Item = &'a End> {
    let record = reader.record;
    record.ends.iter().filter(move |end| matches!(record.who(end), Who::Planted(name) if name == WITNESS))
}

fn is_planted(reader: &Reader<'_>, end: &End) -> bool {
    matches!(reader.record.who(end), Who::Planted(_))
}

impl Reader<'_> {
    /// Returns whether it was Rust's own function that gave back, and not the C library on its behalf.
    fn is_made_by_rust(&mut self, free: &End) -> bool {
        let calls = self.names.calls(self.record, free.made);
        let file = calls.first().and_then(|call| call.file.as_deref());
        file.is_some_and(|file| file.ends_with("library/alloc/src/alloc.rs"))
    }

    fn has_tasks(&mut self) -> bool {
        let record = self.record;
        let mut cells = record.ends.iter().filter(|end| !end.is_shared && !matches!(record.who(end), Who::Planted(_)));
        cells.any(|end| self.spawned(end.made).is_some())
    }

    /// Returns whether an allocation is no task, or has the state and the end that belong together.
    fn agrees(&mut self, end: &End) -> bool {
        let (Some(state), Some(freed)) = (end.state, end.freed) else { return true };
        let has_ended = state & flag::ENDED != 0;
        let was_cancelled = state & flag::CANCELLED != 0;
        let is_as_told = if end.was_shut {
            self.is_end_of_runtime(freed) || self.is_late(freed)
        } else {
            has_ended && (!self.is_shut_down(freed) || was_cancelled && self.is_end_of_runtime(freed))
        };
        is_as_told || self.spawned(end.made).is_none_or(|spawned| spawned.kind != Kind::Async)
    }

    /// Returns whether a task was given back by its own shutdown, and neither by another task's nor because it came too late.
    fn is_shut_down(&mut self, freed: Stack) -> bool {
        let calls = self.names.calls(self.record, freed);
        let mut of_tasks = calls.iter().filter(|call| is_of_tasks(call)).map(last_name);
        let outer = of_tasks.by_ref().find(|name| !["dealloc", "drop_reference", "complete"].contains(name));
        outer == Some("shutdown") && !of_tasks.any(|name| name.starts_with("bind"))
    }
}
