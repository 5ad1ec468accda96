//! Who can have a handle of something that is shared. It counts its handles; where more seem to have one than are counted, some of them
//! only have what was left over in a gap when they were built, on a stack where somebody else's handle had been.

use std::collections::BTreeSet;

use super::heap::{Edge, Heap, NodeId, Part, Points};
use super::reach::{Cause, Graph, Reach, counts};
use crate::source::allocation::CELL;

/// How many words the counts take, at the beginning of what is shared.
const COUNTS: u32 = 2;
/// How cells are aligned, in words, and what a library aligns like them.
const WIDE: u32 = (CELL / size_of::<usize>()) as u32;

/// Who has a handle of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Handles {
    /// Whoever seems to.
    AsSeen,
    /// These, and nobody else.
    Of(BTreeSet<NodeId>),
    /// Some of those that seem to, and it cannot be told which.
    Unsure,
}

impl Handles {
    /// Finds out who has a handle of an allocation. Where too many seem to, `is_resource` says who most likely has none: between the
    /// parts of channels and locks there are gaps, and mostly these carry and guard nothing of the kind.
    pub(super) fn of(
        heap: &Heap,
        graph: &Graph,
        reach: &Reach,
        node: NodeId,
        mut is_resource: impl FnMut(NodeId) -> bool,
    ) -> Self {
        let Some((strong, weak)) = counts(heap, node) else { return Self::AsSeen };
        // All weak handles together have one reference, which nobody can be seen with.
        let counted = strong + weak - 1;
        let may_count =
            |edge: &&Edge| edge.from != node && edge.points == Points::AtStart && !is_in_padding(heap, edge);
        let handles: Vec<NodeId> = graph.to(node).filter(may_count).map(|edge| owner(graph, edge.from)).collect();
        let outside = usize::from(matches!(reach.cause(node), Some(Cause::Outside(_))));
        // One owner may have several, and all of them may be here; then what is outside is only left over.
        if outside + handles.len() > counted && outside > 0 {
            return Self::Unsure;
        }
        let inside: BTreeSet<NodeId> = handles.into_iter().collect();
        match inside.len() + outside {
            seeming if seeming < counted => return Self::AsSeen,
            seeming if seeming == counted => return Self::Of(inside),
            _ => {}
        }
        // Who waits for it must have one.
        let waiting: BTreeSet<NodeId> =
            graph.from(node).map(|(_, edge)| edge.to).filter(|to| inside.contains(to)).collect();
        if waiting.len() == counted {
            return Self::Of(waiting);
        }
        let likely: BTreeSet<NodeId> = inside.into_iter().filter(|it| !is_resource(*it)).collect();
        if likely.len() == counted { Self::Of(likely) } else { Self::Unsure }
    }

    /// Returns whether this pointer is a handle, or belongs to somebody who has one.
    pub(super) fn count(&self, heap: &Heap, graph: &Graph, edge: &Edge) -> bool {
        match self {
            Self::AsSeen => !is_in_padding(heap, edge),
            Self::Of(holders) => holders.contains(&owner(graph, edge.from)),
            Self::Unsure => false,
        }
    }
}

/// Returns whose a piece of memory is: what a handle is taken out of, a vector for one, still has it beside the one that has it now, and
/// mostly both are somebody's.
fn owner(graph: &Graph, node: NodeId) -> NodeId {
    /// Deeper than anybody packs a handle.
    const DEEP: usize = 16;
    let above = |node: &NodeId| {
        let mut handles = graph.to(*node).filter(|edge| edge.from != *node && edge.points == Points::AtStart);
        let first = handles.next()?.from;
        handles.all(|edge| edge.from == first).then_some(first)
    };
    std::iter::successors(Some(node), above).take(DEEP).last().unwrap_or(node)
}

/// Returns whether a pointer stands between the counts of what is shared and its value, which is aligned as a cell is.
fn is_in_padding(heap: &Heap, edge: &Edge) -> bool {
    let is_between = (COUNTS..WIDE).contains(&edge.at);
    is_between
        && heap.own(edge.from).is_wide
        && heap.own(edge.from).part == Part::Memory
        && counts(heap, edge.from).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::heap::tests::{WAKER, heap, own, task};
    use super::super::memory::What;
    use super::super::reach::reach;
    use super::*;

    const A: usize = 0x10_0000;
    const B: usize = 0x10_0100;
    const LOCK: usize = 0x10_0200;
    const BOX: usize = 0x10_0300;

    /// Says who has a handle of the lock with so many strong references, when these words are where they are.
    fn handles(strong: usize, words: &[(usize, usize)], outside: &[usize]) -> Handles {
        let counts = [(LOCK, strong), (LOCK + 8, 1)];
        let own =
            vec![own(A, 16, task(1)), own(B, 16, task(2)), own(LOCK, 16, Part::Memory), own(BOX, 4, Part::Memory)];
        let heap = heap(own, &[&counts, words].concat());
        let graph = Graph::of(heap.len(), heap.edges(WAKER));
        let outside: Vec<_> =
            outside.iter().map(|at| (heap.find(*at).expect("it is one of these"), What::Static)).collect();
        let reach = reach(&heap, &graph, &outside);
        let find = |at| heap.find(at).expect("it is one of these");
        Handles::of(&heap, &graph, &reach, find(LOCK), |node| node == find(BOX))
    }

    #[test]
    fn as_many_as_are_counted_have_it() {
        let words = [(A + 48, LOCK), (B + 48, LOCK)];
        assert_eq!(handles(2, &words, &[]), Handles::Of([0, 1].into()));
        assert_eq!(handles(3, &words, &[]), Handles::AsSeen);
    }

    #[test]
    fn what_is_left_over_is_no_handle_beside_that_of_a_waiter() {
        let words = [(A + 48, LOCK), (B + 48, LOCK), (LOCK + 40, A + 56)];
        assert_eq!(handles(1, &words, &[]), Handles::Of([0].into()));
    }

    #[test]
    fn nobody_is_named_where_it_cannot_be_told_who_has_it() {
        assert_eq!(handles(1, &[(A + 48, LOCK), (B + 48, LOCK)], &[]), Handles::Unsure);
        assert_eq!(handles(1, &[(A + 48, LOCK)], &[LOCK]), Handles::Unsure);
    }

    #[test]
    fn handle_that_was_taken_out_of_a_vector_is_that_of_its_owner() {
        let words = [(A + 48, LOCK), (A + 56, BOX), (BOX, LOCK), (B + 48, LOCK)];
        assert_eq!(handles(2, &words, &[]), Handles::Of([0, 1].into()));
    }

    #[test]
    fn gap_of_a_resource_is_no_holder_where_others_have_all_handles() {
        let words = [(A + 48, LOCK), (BOX, LOCK), (A + 56, BOX), (B + 56, BOX)];
        assert_eq!(handles(1, &words, &[]), Handles::Of([0].into()));
        assert_eq!(handles(2, &words, &[]), Handles::Of([0, 3].into()));
    }

    #[test]
    fn memory_that_counts_nothing_is_taken_as_it_is_seen() {
        assert_eq!(handles(0, &[(A + 48, LOCK), (B + 48, LOCK)], &[]), Handles::AsSeen);
    }

    #[test]
    fn reference_without_a_handle_is_left_over_where_all_handles_are_found() {
        let words = [(A + 48, LOCK), (B + 48, LOCK + 16)];
        let known = handles(1, &words, &[]);
        let edge = |from, points| Edge { from, at: 6, to: 2, inside: 0, points };
        let (heap, graph) = (heap(Vec::new(), &[]), Graph::of(3, Vec::new()));
        assert!(known.count(&heap, &graph, &edge(0, Points::Inside)));
        assert!(!known.count(&heap, &graph, &edge(1, Points::Inside)));
    }
}
