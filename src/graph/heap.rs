//! The allocations of a run as nodes, and the pointers among them as edges.
//!
//! Addresses are kept inverted, and so are the words that are copied: the notes that are taken here lie in the memory that is looked at,
//! and must not look like what they are notes of.

use crate::recorder::stacks::StackId;
use crate::source::allocation::Doing;

const WORD: usize = size_of::<usize>();
/// What a page is here, in bytes, whatever the system's are.
const PAGE: u32 = 12;
/// The words at the beginning of a cell that hold nothing of the task's: its state, its place in a queue, its table, its list.
const HEADER: u32 = 4;

/// A node: the place of an allocation in the list of them all.
pub(super) type NodeId = u32;

/// What an allocation is to the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The cell of a task.
    Cell(Cell),
    /// A part of the run's own runtime.
    Runtime,
    /// Anything else.
    Memory,
}

/// The cell of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) id: u64,
    pub(super) doing: Doing,
    pub(super) is_listed: bool,
    pub(super) references: u32,
    /// Where its last part begins, in words.
    pub(super) trailer: u32,
}

/// One allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// Its address, inverted.
    pub(super) place: usize,
    pub(super) words: u32,
    /// Whether it is aligned as a cell is.
    pub(super) is_wide: bool,
    pub(super) stack: StackId,
    pub(super) part: Part,
}

impl Own {
    fn start(&self) -> usize {
        !self.place
    }

    fn end(&self) -> usize {
        self.start() + self.words as usize * WORD
    }
}

/// How a word points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Points {
    /// To the beginning, as a handle does.
    AtStart,
    /// To the cell of a task, beside the table that makes it a waker.
    AsWaker,
    /// Somewhere inside, as a list of waiters does.
    Inside,
}

/// A word that points from one allocation to another, or to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: NodeId,
    /// Which word of it.
    pub(super) at: u32,
    pub(super) to: NodeId,
    /// How far inside, in bytes.
    pub(super) inside: u32,
    pub(super) points: Points,
}

/// What makes a pointer to a cell a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WakerShape {
    /// The address of tokio's table.
    pub(super) table: usize,
    /// Which comes first.
    pub(super) order: Order,
}

/// The two words of a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    DataFirst,
    TableFirst,
}

/// The allocations of a run.
#[derive(Debug)]
pub(super) struct Heap {
    /// Ordered by address.
    own: Vec<Own>,
    /// Where the words of each begin.
    starts: Vec<usize>,
    /// The words of all, inverted.
    words: Vec<usize>,
    pages: Pages,
    /// The range that all lie in, inverted.
    span: (usize, usize),
}

impl Heap {
    pub(super) fn of(mut own: Vec<Own>) -> Self {
        own.sort_unstable_by_key(|it| it.start());
        // What was resized while it was listed may be there twice.
        own.dedup_by(|later, earlier| later.start() < earlier.end());
        let mut len = 0;
        let mut starts = Vec::with_capacity(own.len());
        for it in &own {
            starts.push(len);
            len += it.words as usize;
        }
        let span = (!own.first().map_or(0, Own::start), !own.last().map_or(0, Own::end));
        Self { pages: Pages::of(&own), words: vec![!0; len], starts, span, own }
    }

    pub(super) fn len(&self) -> usize {
        self.own.len()
    }

    pub(super) fn own(&self, node: NodeId) -> &Own {
        &self.own[node as usize]
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (NodeId, &Own)> {
        (0..).zip(&self.own)
    }

    pub(super) fn cell(&self, node: NodeId) -> Option<&Cell> {
        match &self.own(node).part {
            Part::Cell(cell) => Some(cell),
            Part::Runtime | Part::Memory => None,
        }
    }

    /// Returns a word of an allocation; `None` beyond its end.
    pub(super) fn word(&self, node: NodeId, at: u32) -> Option<usize> {
        let inside = at < self.own(node).words;
        inside.then(|| !self.words[self.starts[node as usize] + at as usize])
    }

    /// Returns the allocation that a word points into. A pointer to anything that may hold pointers is aligned; in its lowest bits there
    /// may be a mark only where it leads to the beginning of an allocation, or of what an `Arc` shares. What else there is with odd bits
    /// is a small number in a word whose upper half was left over.
    fn pointee(&self, word: usize) -> Option<NodeId> {
        const MARK: usize = WORD - 1;
        const COUNTS: usize = 2 * WORD;
        let node = self.find(word & !MARK)?;
        let inside = (word & !MARK) - self.own(node).start();
        (word & MARK == 0 || inside == 0 || inside == COUNTS).then_some(node)
    }

    /// Returns the allocation that an address is in.
    pub(super) fn find(&self, address: usize) -> Option<NodeId> {
        if address < !self.span.0 || address >= !self.span.1 {
            return None;
        }
        let first = self.pages.first(address >> PAGE)?;
        let last = self.own.len().min(first + (1 << PAGE) / WORD + 1);
        let behind = first + self.own[first..last].partition_point(|it| it.start() <= address);
        let found = behind.checked_sub(1).filter(|at| address < self.own[*at].end())?;
        u32::try_from(found).ok()
    }

    /// Takes over a piece of memory: copies what is the run's own, and calls `foreign` with each other word that points to it.
    pub(super) fn take(&mut self, start: usize, piece: &[usize], mut foreign: impl FnMut(NodeId)) {
        let end = start + piece.len() * WORD;
        let mut next = self.own.partition_point(|it| it.end() <= start);
        let mut at = start;
        while at < end {
            let own =
                self.own.get(next).filter(|it| it.start() < end).map(|it| (it.start().max(start), it.end().min(end)));
            let (own_start, own_end) = own.unwrap_or((end, end));
            self.look_through(&piece[(at - start) / WORD..(own_start - start) / WORD], &mut foreign);
            if own_start < own_end {
                let from = self.starts[next] + (own_start - self.own[next].start()) / WORD;
                let copy = &piece[(own_start - start) / WORD..(own_end - start) / WORD];
                for (to, word) in self.words[from..from + copy.len()].iter_mut().zip(copy) {
                    *to = !word;
                }
            }
            at = own_end;
            next += 1;
        }
    }

    /// The innermost loop, over millions of words, in builds without optimisation as well.
    fn look_through(&self, piece: &[usize], foreign: &mut impl FnMut(NodeId)) {
        let low = !self.span.0;
        // Unsigned, so that what is below is far above. A mark in the lowest bits leads past no end.
        let span = !self.span.1 - low;
        let mut at = 0;
        while at < piece.len() {
            let word = piece[at];
            at += 1;
            if word.wrapping_sub(low) < span
                && let Some(node) = self.pointee(word)
            {
                foreign(node);
            }
        }
    }

    /// Returns the pointers among the allocations, but for those with which a runtime keeps its lists.
    pub(super) fn edges(&self, waker: WakerShape) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (from, own) in self.all() {
            let start = self.starts[from as usize];
            for at in 0..own.words {
                let word = !self.words[start + at as usize];
                let Some(to) = self.pointee(word) else { continue };
                let inside = ((word & !(WORD - 1)) - self.own(to).start()) as u32;
                let points = self.points(from, at, to, inside, waker);
                if !self.is_of_lists(from, at, to, points) {
                    edges.push(Edge { from, at, to, inside, points });
                }
            }
        }
        edges
    }

    fn points(&self, from: NodeId, at: u32, to: NodeId, inside: u32, waker: WakerShape) -> Points {
        let beside = match waker.order {
            Order::DataFirst => at.checked_add(1),
            Order::TableFirst => at.checked_sub(1),
        };
        let is_waker = || beside.and_then(|beside| self.word(from, beside)) == Some(waker.table);
        match inside {
            0 if self.cell(to).is_some() && is_waker() => Points::AsWaker,
            0 => Points::AtStart,
            _ => Points::Inside,
        }
    }

    /// Returns whether a word is one of those with which a runtime keeps its tasks in lists and queues.
    fn is_of_lists(&self, from: NodeId, at: u32, to: NodeId, points: Points) -> bool {
        let Some(cell) = self.cell(from) else { return false };
        at < HEADER || (at >= cell.trailer && points == Points::AtStart && self.cell(to).is_some())
    }
}

/// From a page to the first allocation that is in it: an open-addressed table.
#[derive(Debug)]
struct Pages {
    /// The page's number and one, or 0; the place of the allocation.
    slots: Vec<(usize, u32)>,
}

impl Pages {
    fn of(own: &[Own]) -> Self {
        let pages: usize = own.iter().map(|it| (it.end() >> PAGE) - (it.start() >> PAGE) + 1).sum();
        let mut table = Self { slots: vec![(0, 0); (pages * 2).next_power_of_two()] };
        for (at, it) in own.iter().enumerate() {
            for page in it.start() >> PAGE..=(it.end() - 1) >> PAGE {
                let slot = table.slot(page);
                if table.slots[slot].0 == 0 {
                    table.slots[slot] = (page + 1, u32::try_from(at).unwrap_or(u32::MAX));
                }
            }
        }
        table
    }

    fn slot(&self, page: usize) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (page.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) & mask;
        while self.slots[slot].0 != 0 && self.slots[slot].0 != page + 1 {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn first(&self, page: usize) -> Option<usize> {
        let (found, at) = self.slots[self.slot(page)];
        (found != 0).then_some(at as usize)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::graph) const TABLE: usize = 0x5555_0000_1230;
    pub(in crate::graph) const WAKER: WakerShape = WakerShape { table: TABLE, order: Order::TableFirst };

    pub(in crate::graph) fn own(address: usize, words: u32, part: Part) -> Own {
        Own { place: !address, words, is_wide: false, stack: 0, part }
    }

    pub(in crate::graph) fn task(id: u64) -> Part {
        Part::Cell(Cell { id, doing: Doing::Waiting, is_listed: true, references: 1, trailer: 12 })
    }

    /// Makes a heap whose memory is these words at these addresses.
    pub(in crate::graph) fn heap(own: Vec<Own>, words: &[(usize, usize)]) -> Heap {
        let mut heap = Heap::of(own);
        for (address, word) in words {
            heap.take(*address, &[*word], |_| {});
        }
        heap
    }

    #[test]
    fn addresses_are_found_from_their_first_byte_to_their_last() {
        let heap = heap(
            vec![own(0x10_0000, 2, Part::Memory), own(0x10_0010, 1, Part::Memory), own(0x20_0ff8, 600, Part::Memory)],
            &[],
        );
        let found = [0x0f_ffff, 0x10_0000, 0x10_000f, 0x10_0010, 0x10_0018, 0x20_0ff8, 0x20_2000, 0x20_22b7, 0x20_22b8];
        let found: Vec<_> = found.iter().map(|address| heap.find(*address)).collect();
        assert_eq!(found, [None, Some(0), Some(0), Some(1), None, Some(2), Some(2), Some(2), None]);
    }

    #[test]
    fn memory_is_parted_into_the_runs_own_and_what_points_to_it() {
        let mut heap = Heap::of(vec![own(0x10_0010, 2, Part::Memory), own(0x10_0030, 1, Part::Memory)]);
        let piece = [0x10_0010, 7, 8, 9, 0x10_0031, 1, 0x10_0038];
        let mut hits = Vec::new();
        heap.take(0x10_0000, &piece, |node| hits.push(node));
        assert_eq!(hits, [0, 1]);
        assert_eq!(
            [heap.word(0, 0), heap.word(0, 1), heap.word(0, 2), heap.word(1, 0)],
            [Some(8), Some(9), None, Some(0x10_0038)]
        );
    }

    #[test]
    fn pointer_with_a_mark_counts_at_a_beginning_only() {
        let heap = heap(vec![own(0x10_0000, 8, Part::Memory)], &[]);
        let found = [0x10_0000, 0x10_0001, 0x10_0007, 0x10_0008, 0x10_000d, 0x10_0010, 0x10_0012, 0x10_0018, 0x10_001d];
        let found: Vec<_> = found.iter().map(|word| heap.pointee(*word).is_some()).collect();
        assert_eq!(found, [true, true, true, true, false, true, true, true, false]);
    }

    #[test]
    fn lists_of_a_runtime_are_no_edges_and_a_waker_among_them_is() {
        let (a, b) = (0x10_0000, 0x10_0100);
        let words =
            [(a + 8, b), (a + 12 * 8, b), (a + 13 * 8, TABLE), (a + 14 * 8, b), (a + 5 * 8, b + 40), (a + 6 * 8, b)];
        let heap = heap(vec![own(a, 16, task(1)), own(b, 16, task(2))], &words);
        let seen: Vec<_> = heap.edges(WAKER).iter().map(|edge| (edge.at, edge.points)).collect();
        assert_eq!(seen, [(5, Points::Inside), (6, Points::AtStart), (14, Points::AsWaker)]);
    }
}
