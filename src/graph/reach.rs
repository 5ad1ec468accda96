//! What is alive: the mark of a garbage collector, where a task is alive when something alive may wake it or end it.
//!
//! The beginnings are what runs by itself: tasks that have been woken, what anything outside the run's own allocations points to, and the
//! run's runtime, of which only wakers and places inside of tasks count: that it lists its tasks wakes none of them. From there on every
//! pointer counts.
//!
//! References are counted twice, by whoever made them and by finding them. Where fewer were found than are counted somebody has one
//! out of sight, in a register for one, and that is a beginning too.

use std::collections::VecDeque;

use super::heap::{Cell, Edge, Heap, NodeId, Part, Points};
use super::memory::What;
use crate::source::allocation::Doing;

/// Why something is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is being run, or waits for its turn.
    Runs,
    /// The runtime itself.
    Runtime,
    /// Something outside of the run's allocations points to it.
    Outside(What),
    /// Somebody has a reference to it that was not found.
    OutOfSight,
    /// What points to it is alive; the edge's number.
    From(usize),
}

/// How much of a pointer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    /// Only what wakes.
    Wakes,
    All,
}

/// What was found alive.
#[derive(Debug)]
pub(super) struct Reach {
    /// For each node why it is alive; `None` if it is not.
    causes: Vec<Option<(Mode, Cause)>>,
}

impl Reach {
    pub(super) fn cause(&self, node: NodeId) -> Option<&Cause> {
        self.causes[node as usize].as_ref().map(|(_, cause)| cause)
    }

    /// Returns whether there is a task that is not alive.
    pub(super) fn leaves_tasks(&self, heap: &Heap) -> bool {
        heap.all().any(|(node, own)| matches!(own.part, Part::Cell(_)) && self.cause(node).is_none())
    }
}

/// The edges in both directions.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) edges: Vec<Edge>,
    /// Where the edges of each node begin; they are ordered by it.
    outgoing: Vec<usize>,
    /// The numbers of the edges by where they lead, and where those of each node begin.
    incoming: (Vec<u32>, Vec<usize>),
}

impl Graph {
    /// Takes edges that are ordered by where they begin.
    pub(super) fn of(nodes: usize, edges: Vec<Edge>) -> Self {
        let starts = |counted: &mut dyn Iterator<Item = NodeId>| {
            let mut starts = vec![0; nodes + 1];
            counted.for_each(|node| starts[node as usize + 1] += 1);
            (0..nodes).for_each(|node| starts[node + 1] += starts[node]);
            starts
        };
        let outgoing = starts(&mut edges.iter().map(|edge| edge.from));
        let incoming = starts(&mut edges.iter().map(|edge| edge.to));
        let mut next = incoming.clone();
        let mut by_target = vec![0; edges.len()];
        for (number, edge) in (0..).zip(&edges) {
            let place = &mut next[edge.to as usize];
            by_target[*place] = number;
            *place += 1;
        }
        Self { edges, outgoing, incoming: (by_target, incoming) }
    }

    /// Returns the edges that begin at a node, with their numbers.
    pub(super) fn from(&self, node: NodeId) -> impl Iterator<Item = (usize, &Edge)> {
        let range = self.outgoing[node as usize]..self.outgoing[node as usize + 1];
        range.clone().zip(&self.edges[range])
    }

    /// Returns the edges that lead to a node.
    pub(super) fn to(&self, node: NodeId) -> impl Iterator<Item = &Edge> {
        let (numbers, starts) = &self.incoming;
        numbers[starts[node as usize]..starts[node as usize + 1]].iter().map(|number| &self.edges[*number as usize])
    }
}

/// Finds what is alive; `outside` are the nodes that something outside points to, each pointer once.
pub(super) fn reach(heap: &Heap, graph: &Graph, outside: &[(NodeId, What)]) -> Reach {
    let mut reach = Reach { causes: vec![None; heap.len()] };
    let mut queue = VecDeque::new();
    for (node, own) in heap.all() {
        match own.part {
            Part::Cell(cell) if runs(cell) => reach.mark(node, Mode::All, Cause::Runs, &mut queue),
            Part::Runtime => reach.mark(node, Mode::Wakes, Cause::Runtime, &mut queue),
            Part::Cell(_) | Part::Memory => {}
        }
    }
    for (node, what) in outside.iter().filter(|(node, _)| heap.own(*node).part != Part::Runtime) {
        reach.mark(*node, Mode::All, Cause::Outside(what.clone()), &mut queue);
    }
    for node in out_of_sight(heap, graph, outside) {
        reach.mark(node, Mode::All, Cause::OutOfSight, &mut queue);
    }
    while let Some(node) = queue.pop_front() {
        reach.follow(node, heap, graph, &mut queue);
    }
    reach
}

/// Returns whether a task goes on by itself; a closure for the blocking pool, which is in no list, always does.
fn runs(cell: Cell) -> bool {
    match cell.doing {
        Doing::Running | Doing::Runnable => true,
        Doing::Waiting => !cell.is_listed,
        Doing::Ended => false,
    }
}

impl Reach {
    fn mark(&mut self, node: NodeId, mode: Mode, cause: Cause, queue: &mut VecDeque<NodeId>) {
        match &mut self.causes[node as usize] {
            // The first cause stays: those of later ones may go back to this one.
            Some((known, _)) if *known < mode => *known = mode,
            Some(_) => return,
            unknown => *unknown = Some((mode, cause)),
        }
        queue.push_back(node);
    }

    fn follow(&mut self, node: NodeId, heap: &Heap, graph: &Graph, queue: &mut VecDeque<NodeId>) {
        let Some((mode, _)) = self.causes[node as usize] else { return };
        for (number, edge) in graph.from(node).filter(|(_, edge)| edge.to != node) {
            let mode = match (mode, heap.own(edge.to).part) {
                (_, Part::Runtime) => continue,
                (Mode::Wakes, Part::Memory) if is_left_over(heap, edge) => continue,
                (Mode::Wakes, Part::Cell(_)) if edge.points == Points::AtStart => continue,
                (_, Part::Cell(_)) => Mode::All,
                (mode, Part::Memory) => mode,
            };
            self.mark(edge.to, mode, Cause::From(number), queue);
        }
    }
}

/// Returns whether a word of the runtime's only looks like a pointer to something: in free places of its queues, for one, the addresses
/// of tasks that have ended are left, and something else may have come there. What it has of the program's own are tasks, wakers and
/// sources of events: a waker has a table beside it, and its lists lead behind the counts of a source. A buffer of these that grew counts
/// nothing, and has its length beside it.
fn is_left_over(heap: &Heap, edge: &Edge) -> bool {
    /// Below every address, and above every length.
    const LENGTH: usize = 1 << 16;
    let is_counted = counts(heap, edge.to).is_some();
    let is_plain = edge.points == Points::AtStart && (is_counted || !heap.own(edge.to).is_wide);
    let beside = [edge.at.checked_sub(1), edge.at.checked_add(1)];
    let is_table_or_length = |word: usize| word != 0 && heap.find(word).is_none();
    let may_be = |word: usize| is_table_or_length(word) && (word > LENGTH || !is_counted);
    let is_handle = beside.into_iter().flatten().filter_map(|at| heap.word(edge.from, at)).any(may_be);
    heap.own(edge.from).part == Part::Runtime && is_plain && !is_handle
}

/// Returns what more references are counted of than were found.
fn out_of_sight(heap: &Heap, graph: &Graph, outside: &[(NodeId, What)]) -> Vec<NodeId> {
    let mut found = vec![0_usize; heap.len()];
    graph.edges.iter().for_each(|edge| found[edge.to as usize] += 1);
    outside.iter().for_each(|(node, _)| found[*node as usize] += 1);
    let is_short = |node: &NodeId| counted(heap, *node).is_some_and(|counted| counted > found[*node as usize]);
    (0..).take(heap.len()).filter(is_short).collect()
}

/// Returns how many references are counted: of a task beside that of its list, of anything else if it looks like what an `Arc` shares.
fn counted(heap: &Heap, node: NodeId) -> Option<usize> {
    match heap.own(node).part {
        Part::Runtime => None,
        Part::Cell(cell) => {
            let of_list = usize::from(cell.is_listed && cell.doing != Doing::Ended);
            Some((cell.references as usize).saturating_sub(of_list))
        }
        Part::Memory => counts(heap, node).map(|(strong, _)| strong),
    }
}

/// Returns the strong and the weak count of what looks like what an `Arc` shares.
pub(super) fn counts(heap: &Heap, node: NodeId) -> Option<(usize, usize)> {
    /// More handles than anybody has.
    const MANY: usize = 1 << 20;
    let counts = (heap.word(node, 0)?, heap.word(node, 1)?);
    ((1..MANY).contains(&counts.0) && (1..MANY).contains(&counts.1)).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::super::heap::Own;
    use super::super::heap::tests::{TABLE, WAKER, heap, own, task};
    use super::*;

    const A: usize = 0x10_0000;
    const B: usize = 0x10_0100;
    const CHANNEL: usize = 0x10_0200;
    const BOX: usize = 0x10_0300;
    const RUNTIME: usize = 0x10_0400;

    /// Says which of the tasks `A` and `B` are alive, when these words are where they are.
    #[track_caller]
    fn alive(words: &[(usize, usize)], outside: &[usize], a: bool, b: bool) {
        alive_of(vec![own(A, 16, task(1)), own(B, 16, task(2))], words, outside, a, b);
    }

    #[track_caller]
    fn alive_of(tasks: Vec<Own>, words: &[(usize, usize)], outside: &[usize], a: bool, b: bool) {
        let others = [own(CHANNEL, 16, Part::Memory), own(BOX, 4, Part::Memory), own(RUNTIME, 8, Part::Runtime)];
        let heap = heap(tasks.into_iter().chain(others).collect(), words);
        let graph = Graph::of(heap.len(), heap.edges(WAKER));
        let outside: Vec<_> =
            outside.iter().map(|at| (heap.find(*at).expect("it is one of these"), What::Static)).collect();
        let reach = reach(&heap, &graph, &outside);
        assert_eq!([reach.cause(0).is_some(), reach.cause(1).is_some()], [a, b], "{reach:?}");
    }

    #[test]
    fn task_that_nothing_points_to_is_dead() {
        alive(&[], &[], false, false);
    }

    #[test]
    fn task_is_alive_through_a_channel_that_a_static_holds() {
        let waker = [(CHANNEL + 40, TABLE), (CHANNEL + 48, A)];
        alive(&waker, &[], false, false);
        alive(&waker, &[CHANNEL], true, false);
    }

    #[test]
    fn task_is_alive_through_a_list_of_waiters() {
        let list = [(CHANNEL + 40, A + 48)];
        alive(&list, &[CHANNEL], true, false);
    }

    #[test]
    fn what_a_living_task_holds_in_a_box_is_alive() {
        let words = [(A + 48, BOX), (BOX, CHANNEL), (CHANNEL + 40, B + 56)];
        alive(&words, &[], false, false);
        alive(&words, &[A], true, true);
    }

    #[test]
    fn cycle_of_two_tasks_is_dead() {
        let words = [(A + 48, CHANNEL), (CHANNEL + 40, B + 56), (B + 48, BOX), (BOX, A + 56)];
        alive(&words, &[], false, false);
    }

    #[test]
    fn runtime_keeps_alive_what_it_may_wake_and_not_what_it_lists() {
        alive(&[(RUNTIME, A)], &[], false, false);
        alive(&[(RUNTIME, A + 48)], &[], true, false);
        alive(&[(RUNTIME, TABLE), (RUNTIME + 8, A)], &[], true, false);
    }

    #[test]
    fn runtime_reaches_through_its_sources_and_only_their_wakers_count() {
        let capacity = (RUNTIME + 8, 4);
        alive(&[(RUNTIME, BOX), capacity, (BOX, A)], &[], false, false);
        alive(&[(RUNTIME, BOX), capacity, (BOX, TABLE), (BOX + 8, A)], &[], true, false);
    }

    #[test]
    fn what_came_where_a_task_was_is_not_reached_through_a_queue() {
        let waker = [(BOX, TABLE), (BOX + 8, A)];
        let queue = [(RUNTIME + 8, B), (RUNTIME + 16, BOX), (RUNTIME + 24, B)];
        alive(&[waker.as_slice(), &queue].concat(), &[], false, false);
        let handle = [(RUNTIME + 16, BOX), (RUNTIME + 24, TABLE)];
        alive(&[waker.as_slice(), &handle].concat(), &[], true, false);
    }

    #[test]
    fn runtime_has_nothing_that_is_shared_without_a_table() {
        let shared = [(BOX, 1), (BOX + 8, 1), (BOX + 16, TABLE), (BOX + 24, A), (B + 48, BOX)];
        let with = |beside: usize| [shared.as_slice(), &[(RUNTIME, beside), (RUNTIME + 8, BOX)]].concat();
        alive(&with(4), &[], false, false);
        alive(&with(TABLE), &[], true, false);
    }

    #[test]
    fn causes_lead_to_a_beginning_also_where_more_of_something_counts_later() {
        let words = [(RUNTIME, CHANNEL), (RUNTIME + 8, 4), (CHANNEL, A + 48), (A + 56, CHANNEL)];
        let others = [own(A, 16, task(1)), own(CHANNEL, 16, Part::Memory), own(RUNTIME, 8, Part::Runtime)];
        let heap = heap(others.into_iter().collect(), &words);
        let graph = Graph::of(heap.len(), heap.edges(WAKER));
        let reach = reach(&heap, &graph, &[]);
        let (mut node, mut steps) = (heap.find(A).expect("it is one of these"), 0);
        while let Some(Cause::From(edge)) = reach.cause(node) {
            (node, steps) = (graph.edges[*edge].from, steps + 1);
            assert!(steps < 3);
        }
        assert_eq!(reach.cause(node), Some(&Cause::Runtime));
    }

    #[test]
    fn woken_task_is_alive_and_so_is_what_it_may_wake() {
        let woken = Part::Cell(Cell { id: 1, doing: Doing::Runnable, is_listed: true, references: 2, trailer: 12 });
        let tasks = vec![own(A, 16, woken), own(B, 16, task(2))];
        alive_of(tasks, &[(A + 48, CHANNEL), (CHANNEL + 40, B + 56)], &[], true, true);
    }

    #[test]
    fn handle_of_a_task_in_a_living_one_may_abort_it() {
        alive(&[(A + 48, B)], &[A], true, true);
    }

    #[test]
    fn reference_that_was_not_found_keeps_alive() {
        let words = |strong| [(CHANNEL, strong), (CHANNEL + 8, 1), (B + 40, CHANNEL), (CHANNEL + 40, A + 56)];
        alive(&words(1), &[], false, false);
        alive(&words(2), &[], true, false);
        let twice = Part::Cell(Cell { id: 1, doing: Doing::Waiting, is_listed: true, references: 2, trailer: 12 });
        alive_of(vec![own(A, 16, twice), own(B, 16, task(2))], &[], &[], true, false);
    }
}
