//! From allocations and pointers to tasks, and what is between them: gives everything its name, and leaves out what has none to give.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::calibration::Learned;
use super::data::{EdgeKind, Expected, NodeKind, Outlook, Place, WaitEdge, WaitGraph, WaitNode};
use super::handles::Handles;
use super::heap::{Cell, NodeId, Part, Points};
use super::memory::What;
use super::reach::Cause;
use super::sight::Sight;
use super::words;
use crate::census::LiveTask;
use crate::ledger::channel::ChannelKind;
use crate::source::allocation::{self, Doing, Known, Origins};

const WORD: u32 = size_of::<usize>() as u32;
/// How far a list's pointer to a waiter may be from the waiter's own pointers, in bytes.
const WAITER: u32 = 64;
/// How many tasks are drawn; what is beyond them is judged, and not drawn.
const DRAWN: usize = 2_000;
/// How many allocations are followed from one task.
const REACH: usize = 4_000;

/// Says what can be expected of each task, by its number.
pub(super) fn outlooks(sight: &Sight, learned: &Learned, now: Instant) -> BTreeMap<u64, Outlook> {
    let heap = &sight.heap;
    let task = |(node, _)| Some((heap.cell(node)?, node));
    let alive = heap.all().filter_map(task).filter(|(cell, _)| cell.is_listed && cell.doing != Doing::Ended);
    // The tasks that others wait for are told by their number until there are nodes.
    alive.map(|(cell, node)| (cell.id, outlook(sight, learned, node, now))).collect()
}

fn outlook(sight: &Sight, learned: &Learned, task: NodeId, now: Instant) -> Outlook {
    let mut node = task;
    // Where its own timer is, if that stands behind others in a list, and is not pointed to by the runtime.
    let mut place_in_list = None;
    loop {
        let edge = match sight.reach.cause(node) {
            None => {
                let unjudged = sight.unjudged(&learned.off, task);
                return unjudged.map_or(Outlook::Stuck, |way| Outlook::Withheld(words::not_learned(way.name())));
            }
            Some(Cause::Runs) if node == task => return Outlook::Runnable,
            Some(Cause::Runs) => return Outlook::Waiting(Expected::Task(node as usize)),
            Some(Cause::OutOfSight) => return Outlook::Waiting(Expected::Unknown),
            Some(Cause::Outside(what)) => return Outlook::Waiting(Expected::Outside(place(what))),
            Some(Cause::Runtime) => return Outlook::Waiting(Expected::Unknown),
            Some(Cause::From(edge)) => &sight.graph.edges[*edge],
        };
        let from = sight.heap.own(edge.from);
        if edge.from != task && matches!(from.part, Part::Cell(_)) {
            if edge.points != Points::Inside {
                return Outlook::Waiting(Expected::Task(edge.from as usize));
            }
            place_in_list.get_or_insert((edge.to, edge.inside));
        }
        if is_source(sight, learned, edge.from) {
            return Outlook::Waiting(Expected::Source);
        }
        if from.part == Part::Runtime {
            let (own, inside) = place_in_list.unwrap_or((edge.to, edge.inside));
            let due = learned.timer.and_then(|timer| timer.due(&sight.heap, own, inside));
            return Outlook::timer(due.map(|due| due.saturating_duration_since(now)));
        }
        node = edge.from;
    }
}

fn is_source(sight: &Sight, learned: &Learned, node: NodeId) -> bool {
    let own = sight.heap.own(node);
    own.part == Part::Memory && own.is_wide && own.words == learned.source
}

fn place(what: &What) -> Place {
    match what {
        What::Static => Place::Static,
        What::Stack(_) => Place::Thread,
        What::Heap => Place::Memory,
    }
}

/// Draws the graph of these tasks, and returns it with the numbers of those that come first in it.
pub(super) fn draw(
    sight: &Sight,
    learned: &Learned,
    tasks: &[LiveTask],
    outlooks: &BTreeMap<u64, Outlook>,
    kinds: &[ChannelKind],
) -> (WaitGraph, Vec<u64>) {
    // It plants, and reads names, which are locked below.
    allocation::Calibration::get();
    let mut cells: BTreeMap<u64, NodeId> = BTreeMap::new();
    for (node, _) in sight.heap.all() {
        cells.extend(sight.heap.cell(node).filter(|cell| cell.is_listed).map(|cell: &Cell| (cell.id, node)));
    }
    let mut artist = Artist {
        sight,
        learned,
        kinds,
        origins: &mut allocation::origins(),
        known: BTreeMap::new(),
        handles: BTreeMap::new(),
        graph: WaitGraph::default(),
        places: BTreeMap::new(),
        edges: BTreeMap::new(),
    };
    let drawn: Vec<(&LiveTask, NodeId)> =
        tasks.iter().filter_map(|task| Some((task, *cells.get(&task.id)?))).take(DRAWN).collect();
    for (task, node) in &drawn {
        artist.task(task, *node, outlooks.get(&task.id));
    }
    for (_, node) in &drawn {
        artist.waits(*node);
    }
    for (_, node) in &drawn {
        artist.holds(*node);
    }
    (artist.finish(), drawn.iter().map(|(task, _)| task.id).collect())
}

/// What a node of the picture stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Allocation(NodeId),
    Timer,
    Source,
    Outside(Place),
}

struct Artist<'a> {
    sight: &'a Sight,
    learned: &'a Learned,
    kinds: &'a [ChannelKind],
    origins: &'a mut Origins,
    /// What each allocation is that was asked about; `None` for one that is only memory.
    known: BTreeMap<NodeId, Option<Known>>,
    /// Who has what has a name.
    handles: BTreeMap<NodeId, Handles>,
    graph: WaitGraph,
    places: BTreeMap<Thing, usize>,
    edges: BTreeMap<(usize, usize, EdgeKind), usize>,
}

impl Artist<'_> {
    fn task(&mut self, task: &LiveTask, node: NodeId, outlook: Option<&Outlook>) {
        let label = task.name.clone().unwrap_or_else(|| "task".to_owned());
        let outlook = outlook.cloned();
        self.add(Thing::Allocation(node), NodeKind::Task, label, Some(task.site.clone()), outlook);
    }

    fn add(
        &mut self,
        thing: Thing,
        kind: NodeKind,
        label: String,
        site: Option<crate::finding::Site>,
        outlook: Option<Outlook>,
    ) -> usize {
        let at = self.graph.nodes.len();
        *self.places.entry(thing).or_insert_with(|| {
            self.graph.nodes.push(WaitNode {
                kind,
                label,
                site,
                awaits: None,
                senders: None,
                unsure: false,
                outlook,
                count: 1,
            });
            at
        })
    }

    fn edge(&mut self, from: usize, to: usize, kind: EdgeKind) {
        *self.edges.entry((from, to, kind)).or_default() += 1;
    }

    /// Draws what may wake a task: goes backwards from it to the first thing that has a name.
    fn waits(&mut self, task: NodeId) {
        let to = self.places[&Thing::Allocation(task)];
        // With a place only what points near it: the waiter of a list, and not the whole task.
        let mut queue: VecDeque<(NodeId, Option<u32>, Option<Points>)> = VecDeque::from([(task, None, None)]);
        let mut seen = BTreeSet::from([task]);
        let sight = self.sight;
        while let Some((node, place, how)) = queue.pop_front() {
            let near = |inside: u32| place.is_none_or(|place| inside.abs_diff(place) <= WAITER);
            for edge in sight.graph.to(node).filter(|edge| edge.from != task && near(edge.inside)) {
                let how = how.unwrap_or(edge.points);
                let kind = if how == Points::Inside { EdgeKind::WakesWaiter } else { EdgeKind::Wakes };
                // A handle of the task itself is nothing that it waits for.
                let is_handle = node == task && edge.points == Points::AtStart;
                match sight.heap.own(edge.from).part {
                    Part::Runtime if is_handle => {}
                    Part::Runtime => {
                        let from = self.add(Thing::Timer, NodeKind::Timer, "a timer".to_owned(), None, None);
                        self.edge(from, to, kind);
                    }
                    // Behind what a cell ends with there is left over what nobody ever wrote.
                    Part::Cell(cell) if edge.at >= cell.trailer && edge.points == Points::Inside => {}
                    Part::Cell(cell) if edge.at >= cell.trailer => {
                        if let Some(from) = self.places.get(&Thing::Allocation(edge.from)).copied() {
                            self.edge(from, to, EdgeKind::EndWakes);
                        }
                    }
                    Part::Cell(_) if edge.points == Points::Inside => {
                        if seen.insert(edge.from) {
                            queue.push_back((edge.from, Some(edge.at * WORD), Some(how)));
                        }
                    }
                    Part::Cell(_) if edge.points == Points::AsWaker => {
                        if let Some(from) = self.places.get(&Thing::Allocation(edge.from)).copied() {
                            self.edge(from, to, EdgeKind::Wakes);
                        }
                    }
                    Part::Cell(_) => {}
                    Part::Memory if is_handle => {}
                    Part::Memory if is_source(sight, self.learned, edge.from) => {
                        let label = "a source of events".to_owned();
                        let from = self.add(Thing::Source, NodeKind::Source, label, None, None);
                        self.edge(from, to, kind);
                    }
                    Part::Memory => match self.resource(edge.from) {
                        Some(from) => self.edge(from, to, kind),
                        None if seen.len() < REACH && seen.insert(edge.from) => {
                            queue.push_back((edge.from, None, Some(how)));
                        }
                        None => {}
                    },
                }
            }
        }
    }

    /// Draws what a task holds, and what is in that.
    fn holds(&mut self, task: NodeId) {
        let mut beginnings = vec![task];
        let mut drawn = BTreeSet::from([task]);
        while let Some(beginning) = beginnings.pop() {
            for resource in self.held(beginning) {
                let (from, to) =
                    (self.places[&Thing::Allocation(beginning)], self.places[&Thing::Allocation(resource)]);
                self.edges.insert((from, to, EdgeKind::Holds), 1);
                if self.sight.heap.cell(resource).is_none() && drawn.insert(resource) {
                    beginnings.push(resource);
                }
            }
        }
    }

    /// Returns the named things that something leads to through memory without a name.
    fn held(&mut self, beginning: NodeId) -> BTreeSet<NodeId> {
        let sight = self.sight;
        let mut queue = vec![beginning];
        let (mut seen, mut found) = (BTreeSet::from([beginning]), BTreeSet::new());
        while let Some(node) = queue.pop() {
            let of_task = sight.heap.cell(node);
            for (_, edge) in sight.graph.from(node) {
                let is_lists = edge.points == Points::AsWaker || of_task.is_some_and(|cell| edge.at >= cell.trailer);
                match sight.heap.own(edge.to).part {
                    Part::Runtime => {}
                    Part::Cell(cell) => {
                        let is_handle = edge.points == Points::AtStart && cell.doing != Doing::Ended && !is_lists;
                        if is_handle && edge.to != beginning && self.places.contains_key(&Thing::Allocation(edge.to)) {
                            found.insert(edge.to);
                        }
                    }
                    Part::Memory if is_source(sight, self.learned, edge.to) => {}
                    Part::Memory if is_lists || seen.len() >= REACH => {}
                    Part::Memory => match self.resource(edge.to) {
                        Some(_) if self.handles[&edge.to].count(&sight.heap, &sight.graph, edge) => {
                            found.insert(edge.to);
                        }
                        None if seen.insert(edge.to) => queue.push(edge.to),
                        Some(_) | None => {}
                    },
                }
            }
        }
        found
    }

    /// Returns what an allocation is; `None` for one that is only memory.
    fn known(&mut self, node: NodeId) -> Option<&Known> {
        let (sight, kinds) = (self.sight, self.kinds);
        let origins = &mut *self.origins;
        let own = sight.heap.own(node);
        let word = |offset: usize| sight.heap.word(node, u32::try_from(offset).ok()? / WORD);
        let size = own.words as usize * WORD as usize;
        let known = self.known.entry(node);
        known.or_insert_with(|| allocation::known_by(own.stack, size, &word, kinds, origins)).as_ref()
    }

    /// Returns the place of an allocation that has a name of its own.
    fn resource(&mut self, node: NodeId) -> Option<usize> {
        if let Some(known) = self.places.get(&Thing::Allocation(node)) {
            return Some(*known);
        }
        let Known { label, site, senders, sort } = self.known(node)?.clone();
        let kind = match sort {
            allocation::Sort::Channel => NodeKind::Channel,
            allocation::Sort::Lock => NodeKind::Lock,
            allocation::Sort::Shared => NodeKind::Shared,
        };
        let at = self.add(Thing::Allocation(node), kind, label, Some(site), None);
        let sight = self.sight;
        let is_resource = |node| self.known(node).is_some_and(|known| known.sort != allocation::Sort::Shared);
        let handles = Handles::of(&sight.heap, &sight.graph, &sight.reach, node, is_resource);
        let told = &mut self.graph.nodes[at];
        (told.senders, told.unsure) = (senders, handles == Handles::Unsure);
        self.handles.insert(node, handles);
        Some(at)
    }

    /// Returns what outside of the run leads to something that has a name, by way of memory without one.
    fn outside(&self, node: NodeId) -> Option<&What> {
        let mut node = node;
        loop {
            match self.sight.reach.cause(node)? {
                Cause::Outside(what) => return Some(what),
                Cause::From(edge) => node = self.sight.graph.edges[*edge].from,
                Cause::Runs | Cause::Runtime | Cause::OutOfSight => return None,
            }
            let is_plain = self.sight.heap.own(node).part == Part::Memory;
            if !is_plain || self.places.contains_key(&Thing::Allocation(node)) {
                return None;
            }
        }
    }

    fn finish(mut self) -> WaitGraph {
        let allocations: Vec<(NodeId, usize)> = self
            .places
            .iter()
            .filter_map(|(thing, at)| match thing {
                Thing::Allocation(node) => Some((*node, *at)),
                Thing::Timer | Thing::Source | Thing::Outside(_) => None,
            })
            .collect();
        for (node, to) in &allocations {
            if let Some(what) = self.outside(*node).filter(|_| !self.graph.nodes[*to].unsure) {
                let place = place(what);
                let label = words::place(place).to_owned();
                let from = self.add(Thing::Outside(place), NodeKind::Outside, label, None, None);
                self.edge(from, *to, EdgeKind::Holds);
            }
        }
        let nodes: BTreeMap<NodeId, usize> = allocations.into_iter().collect();
        for node in &mut self.graph.nodes {
            if let Some(Outlook::Waiting(expected)) = &mut node.outlook
                && let Expected::Task(task) = expected
            {
                *expected = nodes.get(&(*task as NodeId)).map_or(Expected::Unknown, |at| Expected::Task(*at));
            }
        }
        let edge = |((from, to, kind), count): ((usize, usize, EdgeKind), usize)| WaitEdge { from, to, kind, count };
        self.graph.edges = std::mem::take(&mut self.edges).into_iter().map(edge).collect();
        self.graph
    }
}
