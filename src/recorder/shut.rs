//! What the end of a runtime, or of a `LocalSet`, finds alive of ordinary tests.
//!
//! It shuts tasks down one by one, and each that goes may wake others: one that waits for it, or for what it held. Which comes first is
//! decided by the numbers of tasks, which depend on what other tests spawn. So all is judged by how it was when the first one was shut down:
//! what belongs to the same list and was idle then is counted there and then, and the others as their turn comes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::ends::{self, End};
use super::format::{SHUT, STATE, WATCHED};
use super::vtables;
use super::{Allocation, CELLS, NEAR_END, cost, memory, record, stacks, state_of, unwind, who, who_ends};

/// Takes a task for ended that is about to be shut down: whatever keeps its memory, it is no more.
pub(super) fn shut(cell: usize) {
    let mut is_meant = false;
    CELLS.look(cell, |it| is_meant = who::is_ordinary(it.run) && record::is_open());
    if is_meant {
        cost::timed(|| end(cell));
    }
}

#[inline(never)]
fn end(cell: usize) {
    let stack = unwind::number::<NEAR_END>(0, stacks::keep);
    let who = who_ends();
    let end = |state| End { stack, who, state: SHUT | state };
    if let Some(list) = vtables::list(cell) {
        BEGUN.once(list.number, || {
            let is_idle = |it: &Allocation| who::is_ordinary(it.run) && list.has(it) && is_idle(it.address);
            CELLS.take(is_idle, |gone| ends::count(&gone, end(WATCHED)));
        });
    }
    if let Some(gone) = CELLS.remove(cell) {
        ends::count(&gone, end(state_of(&gone)));
    }
}

/// Returns whether a task waits to be woken.
fn is_idle(cell: usize) -> bool {
    /// It has its turn, has ended, is to have a turn, or was cancelled: as tokio has had these flags since its first release.
    const BUSY: u64 = 0b10_0111;
    memory::word(cell) & STATE & BUSY == 0
}

/// The lists whose end has begun, as far as they are remembered: one that is not is looked at again, and nothing idle is found.
static BEGUN: Begun = Begun { is_locked: AtomicBool::new(false), lists: [const { AtomicU64::new(0) }; 64] };

struct Begun {
    /// Threads shut down the tasks of one runtime together, and none may go on before all of them were looked at.
    is_locked: AtomicBool,
    lists: [AtomicU64; 64],
}

impl Begun {
    /// Does something unless it was done for this list. It must not end a task.
    fn once(&self, list: u64, act: impl FnOnce()) {
        while self.is_locked.swap(true, Ordering::Acquire) {
            std::thread::yield_now();
        }
        let last = &self.lists[list as usize % self.lists.len()];
        if last.load(Ordering::Relaxed) != list {
            act();
            last.store(list, Ordering::Relaxed);
        }
        self.is_locked.store(false, Ordering::Release);
    }
}
