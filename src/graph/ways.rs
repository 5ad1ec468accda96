//! By which ways a task could be woken at all: what it waits for it also leads to, since its future has a handle of it. So where one way
//! was not learned, only those tasks cannot be judged that may use it.

use super::heap::{Heap, NodeId, Part, Points};
use super::reach::Graph;

/// A way to be woken that can be told from what a task leads to. Of the others, wakers for one, each task may use each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Timer,
    Source,
    End,
}

/// The words at the beginning of a cell that are not its future's: its header, its scheduler, its number.
const CORE: u32 = 6;

impl Way {
    const ALL: [Self; 3] = [Self::Timer, Self::Source, Self::End];

    /// Returns the way of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Timer => "timers",
            Self::Source => "sources of events",
            Self::End => "ends of tasks",
        }
    }

    /// Returns whether a task may wait for something of this way: a timer and a source each have a handle of the runtime, and who waits
    /// for the end of a task has one of that.
    pub(super) fn may_be_used(self, heap: &Heap, graph: &Graph, task: NodeId) -> bool {
        let futures = heap.cell(task).map_or(0..u32::MAX, |cell| CORE..cell.trailer);
        let (mut seen, mut queue) = (vec![false; heap.len()], vec![task]);
        while let Some(node) = queue.pop() {
            let is_own = |at: u32| node != task || futures.contains(&at);
            for (_, edge) in graph.from(node).filter(|(_, edge)| edge.to != task && is_own(edge.at)) {
                match (heap.own(edge.to).part, self) {
                    (Part::Runtime, Self::Timer | Self::Source) => return true,
                    (Part::Cell(_), Self::End) if edge.points == Points::AtStart => return true,
                    (Part::Memory, _) if !std::mem::replace(&mut seen[edge.to as usize], true) => queue.push(edge.to),
                    _ => {}
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::heap::tests::{WAKER, heap, own, task};
    use super::*;

    const A: usize = 0x10_0000;
    const B: usize = 0x10_0100;
    const BOX: usize = 0x10_0200;
    const RUNTIME: usize = 0x10_0400;

    /// Says which ways the task `A` may use, when these words are where they are.
    fn ways(words: &[(usize, usize)]) -> Vec<Way> {
        let own =
            vec![own(A, 16, task(1)), own(B, 16, task(2)), own(BOX, 4, Part::Memory), own(RUNTIME, 8, Part::Runtime)];
        let heap = heap(own, words);
        let graph = Graph::of(heap.len(), heap.edges(WAKER));
        Way::ALL.into_iter().filter(|way| way.may_be_used(&heap, &graph, 0)).collect()
    }

    #[test]
    fn task_that_leads_nowhere_uses_none() {
        // Its scheduler, its waker in a list, the table of its hooks.
        assert_eq!(ways(&[(A + 40, RUNTIME), (BOX, A + 56), (A + 13 * 8, RUNTIME)]), []);
    }

    #[test]
    fn handle_of_the_runtime_may_be_a_timers_or_a_sources() {
        assert_eq!(ways(&[(A + 40, RUNTIME), (A + 64, RUNTIME)]), [Way::Timer, Way::Source]);
        assert_eq!(ways(&[(A + 56, BOX), (BOX + 8, RUNTIME)]), [Way::Timer, Way::Source]);
    }

    #[test]
    fn handle_of_a_task_may_be_waited_on() {
        assert_eq!(ways(&[(A + 56, BOX), (BOX + 8, B)]), [Way::End]);
    }

    #[test]
    fn ways_are_known_by_what_is_planted() {
        assert_eq!(Way::ALL.map(|way| Way::named(way.name())), Way::ALL.map(Some));
        assert_eq!(Way::named("wakers"), None);
    }
}
