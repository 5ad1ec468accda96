//! One look at everything: the allocations of a run, the pointers among them, and what is alive of them.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::thread;

use super::heap::{Cell, Heap, NodeId, Own, Part, WakerShape};
use super::memory::{Known, View, What};
use super::reach::{Graph, Reach, reach};
use super::ways::Way;
use crate::ledger::thread::Sleeper;
use crate::lock::lock;
use crate::recorder::{self, Allocation, NO_RUN, RunNumber};
use crate::source::allocation;
use crate::system::{stack, threads};

/// One look at a time: what another one is just reading would look as if somebody had it.
static LOOKS: Mutex<()> = Mutex::new(());

/// What was seen in one look.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) heap: Heap,
    pub(super) graph: Graph,
    pub(super) reach: Reach,
    /// Whether no thread of others ran meanwhile: then another look would see the same.
    pub(super) is_still: bool,
}

/// Looks from a thread of its own, on whose stack everything is that must not be taken for something alive; `known` are threads that
/// hold nothing below their bases. `None` where the memory cannot be read. Nothing of the run may be running.
pub(super) fn apart<T: Send>(act: impl FnOnce() -> T + Send) -> Option<T> {
    // What a thread returns is kept for it in memory with gaps, in which the caller's stack would shine through.
    let mut told = None;
    let (tell, act) = (&mut told, Box::new(act));
    let _alone = lock(&LOOKS);
    stack::clear_below();
    recorder::unrecorded(|| {
        thread::scope(|scope| {
            let looking = thread::Builder::new().spawn_scoped(scope, move || {
                recorder::enter(NO_RUN);
                *tell = Some(act());
                stack::clear_below();
            });
            looking.ok()?.join().ok()
        })
    })?;
    told
}

impl Sight {
    /// Looks; only for a thread that [`apart`] made. `None` where the memory cannot be read.
    ///
    /// Where threads of others ran meanwhile, what they carried from a place that was not yet read to one that was is seen the next time:
    /// so all is read again before a task is said to be stuck.
    pub(super) fn take(run: RunNumber, known: &Known, waker: WakerShape) -> Option<Self> {
        let mut copied = Copied::take(run, known)?;
        let seen = copied.seen(waker);
        if copied.is_still || !seen.1.leaves_tasks(&copied.heap) {
            return Some(copied.with(seen));
        }
        copied.again(known)?;
        let seen = copied.seen(waker);
        Some(copied.with(seen))
    }

    /// Returns the numbers of the tasks that nothing alive leads to, but for those that may use a way of which nothing is known.
    pub(super) fn stuck(&self, off: &[Way]) -> BTreeSet<u64> {
        let dead = self.heap.all().filter(|(node, _)| self.reach.cause(*node).is_none());
        let known = dead.filter(|(node, _)| self.unjudged(off, *node).is_none());
        known.filter_map(|(node, _)| self.heap.cell(node)).map(|cell| cell.id).collect()
    }

    /// Returns which of these ways a task may use.
    pub(super) fn unjudged(&self, off: &[Way], task: NodeId) -> Option<Way> {
        off.iter().copied().find(|way| way.may_be_used(&self.heap, &self.graph, task))
    }

    /// Returns the cell of a task.
    pub(super) fn cell(&self, id: u64) -> Option<NodeId> {
        let is_it = |node: &NodeId| self.heap.cell(*node).is_some_and(|cell| cell.id == id);
        self.heap.all().map(|(node, _)| node).find(is_it)
    }
}

/// The run's own memory, and what points into it.
#[derive(Debug)]
pub(super) struct Copied {
    pub(super) heap: Heap,
    /// Each word outside that points to it.
    pointers: Vec<(NodeId, What)>,
    is_still: bool,
}

impl Copied {
    pub(super) fn take(run: RunNumber, known: &Known) -> Option<Self> {
        let mut copied = Self { heap: Heap::of(allocations(run)?), pointers: Vec::new(), is_still: false };
        copied.again(known)?;
        Some(copied)
    }

    /// Reads all memory, and adds what is seen to what was.
    fn again(&mut self, known: &Known) -> Option<()> {
        let here = 0_u8;
        let own = Sleeper { tid: threads::own_tid()?, base: !std::ptr::from_ref(&here).addr() };
        let sleepers = known.sleepers.iter().copied().chain([own]).collect();
        let view = View::take(&Known { sleepers, notes: known.notes.clone() })?;
        let Self { heap, pointers, .. } = self;
        let is_whole = view.read(|region, start, piece| {
            heap.take(start, piece, |node| pointers.push((node, region.what.clone())));
        });
        self.is_still = view.is_still();
        // What is told of them is the first that is found.
        self.pointers.sort_by(|a, b| a.1.cmp(&b.1));
        is_whole.then_some(())
    }

    fn seen(&self, waker: WakerShape) -> (Graph, Reach) {
        let graph = Graph::of(self.heap.len(), self.heap.edges(waker));
        let reach = reach(&self.heap, &graph, &self.pointers);
        (graph, reach)
    }

    fn with(self, (graph, reach): (Graph, Reach)) -> Sight {
        Sight { heap: self.heap, graph, reach, is_still: self.is_still }
    }
}

/// Lists the allocations of a run and of its runtime.
fn allocations(run: RunNumber) -> Option<Vec<Own>> {
    let mut reader = allocation::shape().ok()?.reader();
    let mut own = allocation::copied(&recorder::CELLS, run, |it| {
        let cell = reader.cell(it).map(|cell| Cell {
            id: cell.id,
            doing: cell.doing,
            is_listed: cell.listed,
            references: u32::try_from(cell.references).unwrap_or(u32::MAX),
            trailer: u32::try_from(cell.trailer / size_of::<usize>()).unwrap_or(u32::MAX),
        });
        Some(node(it, true, cell.map_or(Part::Memory, Part::Cell)))
    });
    own.extend(allocation::copied(&recorder::REST, run, |it| Some(node(it, false, Part::Memory))));
    let runtime = recorder::of_runtime(run);
    for (table, is_wide) in [(&recorder::CELLS, true), (&recorder::REST, false)] {
        own.extend(allocation::copied(table, runtime, |it| Some(node(it, is_wide, Part::Runtime))));
    }
    own.retain(|it| it.words > 0);
    Some(own)
}

fn node(it: &Allocation, is_wide: bool, part: Part) -> Own {
    Own { place: !it.address, words: it.size / size_of::<usize>() as u32, is_wide, stack: it.stack, part }
}
