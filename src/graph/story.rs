//! Why a task does not go on, in plain words: the shortest chain from it to who should have woken it.

use super::data::{EdgeKind, Expected, NodeKind, Outlook, Place, WaitEdge, WaitGraph};
use super::words;

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The place of a node in the list of them all.
    pub(crate) on: usize,
    pub(crate) how: EdgeKind,
}

/// One step of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) task: usize,
    /// `None` where nothing is there to wait for.
    pub(crate) wait: Option<Wait>,
    /// How many other tasks have what it waits for as well as the one that comes next: it may be any of them that keeps it.
    pub(crate) also: usize,
}

/// How a chain comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At a task that came before.
    Cycle { at: usize },
    /// Nobody but those that wait for it has what the last one waits for.
    Nobody,
    /// At something that is not the run's own.
    Outside(Place),
    /// It cannot be told who has what the last one waits for.
    Unsure,
    /// At a task of which it is known what it waits for, or at none.
    Here,
}

/// The common shapes, each with a usual way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// It waits for what only a sender of its own could send.
    HoldsItsOwnSender,
    /// The receiver is kept by somebody who does not read.
    ReceiverIsNotPolled,
    /// It waits for a lock that it has.
    LockedTwice,
    /// Two or more tasks each have a lock that the next one waits for.
    LocksInACycle,
    /// Tasks wait for one another.
    Cycle,
    /// A static keeps the channel open.
    KeptByAStatic,
    /// Nobody else has what it waits for.
    NobodyHasIt,
    /// It waits for nothing that could wake it.
    WaitsForNothing,
    /// Nobody joins it, and nothing tells it to stop.
    NeverToldToStop,
}

/// Why a task does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Story {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
    pub(crate) shape: Option<Shape>,
}

impl Story {
    /// Finds the story of a task.
    pub(crate) fn of(graph: &WaitGraph, task: usize) -> Self {
        let (mut steps, mut at): (Vec<Step>, usize) = (Vec::new(), task);
        let end = loop {
            if let Some(first) = steps.iter().position(|step| step.task == at) {
                break End::Cycle { at: first };
            }
            let wait = wait(graph, at);
            steps.push(Step { task: at, wait, also: 0 });
            let Some(wait) = wait else { break End::Here };
            match next(graph, at, wait, &steps) {
                Next::Task(task, also) => {
                    at = task;
                    steps.last_mut().expect("there is one").also = also;
                }
                Next::End(end) => break end,
            }
        };
        let shape = shape(graph, &steps, end);
        Self { steps, end, shape }
    }

    /// Returns the story as one sentence.
    pub(crate) fn told(&self, graph: &WaitGraph) -> Option<String> {
        self.steps.first()?.wait?;
        Some(words::chain(graph, &self.steps, self.end))
    }
}

/// Returns what a task waits for: of several things that which somebody else could do something about.
fn wait(graph: &WaitGraph, task: usize) -> Option<Wait> {
    let rank = |edge: &&WaitEdge| match (graph.nodes[edge.from].kind, edge.kind) {
        (_, EdgeKind::EndWakes) => 0,
        (NodeKind::Channel, _) => 1,
        (NodeKind::Lock, _) => 2,
        (NodeKind::Shared, _) => 3,
        (NodeKind::Task, _) => 4,
        (NodeKind::Timer | NodeKind::Source | NodeKind::Outside, _) => 5,
    };
    let waking = graph.to(task).filter(|edge| edge.kind != EdgeKind::Holds);
    waking.min_by_key(rank).map(|edge| Wait { on: edge.from, how: edge.kind })
}

/// Where a chain goes on.
enum Next {
    /// This one, and so many more beside it.
    Task(usize, usize),
    End(End),
}

/// Finds who could end a wait: one that holds what is waited for and is no waiter of it, rather than one that is.
fn next(graph: &WaitGraph, task: usize, wait: Wait, steps: &[Step]) -> Next {
    match graph.nodes[wait.on].kind {
        NodeKind::Task => return Next::Task(wait.on, 0),
        NodeKind::Timer | NodeKind::Source | NodeKind::Outside => return Next::End(End::Here),
        NodeKind::Channel | NodeKind::Lock | NodeKind::Shared if graph.nodes[wait.on].unsure => {
            return Next::End(End::Unsure);
        }
        NodeKind::Channel | NodeKind::Lock | NodeKind::Shared => {}
    }
    let Some(holders) = holders(graph, wait.on) else { return Next::End(End::Unsure) };
    let waits_like_it = |other: usize| graph.to(other).any(|edge| edge.from == wait.on && edge.kind == wait.how);
    let come_before = |other: usize| steps.iter().any(|step| step.task == other);
    let others =
        || holders.iter().copied().filter(|other| *other != task && graph.nodes[*other].kind == NodeKind::Task);
    let free = || others().filter(|other| !waits_like_it(*other));
    let outside = holders.iter().find_map(|holder| place(graph, *holder));
    // Of something of the program's own it is not known which part is waited for: another waiter may have it.
    let is_shared = graph.nodes[wait.on].kind == NodeKind::Shared;
    let waiters = || others().filter(|_| is_shared);
    let found = free().find(|other| !come_before(*other)).or_else(|| free().next());
    let found = found.or_else(|| waiters().find(|other| !come_before(*other))).or_else(|| waiters().next());
    let also = if free().next().is_some() { free().count() } else { waiters().count() }.saturating_sub(1);
    match (found, outside) {
        (Some(other), _) => Next::Task(other, also),
        (None, Some(place)) => Next::End(End::Outside(place)),
        (None, None) if keeps_the_other_end(graph, task, wait) => Next::End(End::Cycle { at: steps.len() - 1 }),
        (None, None) => Next::End(End::Nobody),
    }
}

/// Returns whether a task must itself have what would wake it: a channel stays open only while somebody has its other end.
fn keeps_the_other_end(graph: &WaitGraph, task: usize, wait: Wait) -> bool {
    let node = &graph.nodes[wait.on];
    let is_held = holders(graph, wait.on).is_some_and(|holders| holders.contains(&task));
    let is_lock = node.kind == NodeKind::Lock && ["Mutex", "RwLock"].iter().any(|lock| node.label.contains(lock));
    is_held && (node.kind == NodeKind::Channel || is_lock)
}

/// Returns who holds something: directly first, then by way of other things. `None` where it cannot be told who has one of these.
fn holders(graph: &WaitGraph, thing: usize) -> Option<Vec<usize>> {
    let (mut found, mut seen, mut ring) = (Vec::new(), vec![thing], vec![thing]);
    while !ring.is_empty() {
        let mut further = Vec::new();
        for edge in ring.iter().flat_map(|thing| graph.to(*thing)).filter(|edge| edge.kind == EdgeKind::Holds) {
            if seen.contains(&edge.from) {
                continue;
            }
            seen.push(edge.from);
            match graph.nodes[edge.from].kind {
                NodeKind::Task | NodeKind::Outside => found.push(edge.from),
                _ if graph.nodes[edge.from].unsure => return None,
                _ => further.push(edge.from),
            }
        }
        ring = further;
    }
    Some(found)
}

fn place(graph: &WaitGraph, node: usize) -> Option<Place> {
    let is_named = |place: &Place| graph.nodes[node].label == words::place(*place);
    let is_outside = graph.nodes[node].kind == NodeKind::Outside;
    [Place::Static, Place::Thread, Place::Memory].into_iter().find(|place| is_outside && is_named(place))
}

/// Recognises the common shapes.
fn shape(graph: &WaitGraph, steps: &[Step], end: End) -> Option<Shape> {
    let first = steps.first()?;
    let Some(wait) = first.wait else {
        let is_stuck = graph.nodes[first.task].outlook == Some(Outlook::Stuck);
        return is_stuck.then_some(Shape::WaitsForNothing);
    };
    let kind = |step: &Step| step.wait.map(|wait| graph.nodes[wait.on].kind);
    match (end, kind(first)?) {
        (_, NodeKind::Timer | NodeKind::Source) if is_alone(graph, first.task) => Some(Shape::NeverToldToStop),
        (End::Cycle { .. }, NodeKind::Channel) if steps.len() == 1 => Some(Shape::HoldsItsOwnSender),
        (End::Cycle { .. }, NodeKind::Lock) if steps.len() == 1 => Some(Shape::LockedTwice),
        (_, NodeKind::Channel) if waits_for_room(graph, wait) && steps.len() > 1 => Some(Shape::ReceiverIsNotPolled),
        (End::Cycle { at: 0 }, _) if steps.iter().all(|step| kind(step) == Some(NodeKind::Lock)) => {
            Some(Shape::LocksInACycle)
        }
        (End::Cycle { at: 0 }, _) => Some(Shape::Cycle),
        (End::Outside(Place::Static), NodeKind::Channel | NodeKind::Shared) => Some(Shape::KeptByAStatic),
        (End::Nobody, _) if steps.len() == 1 => Some(Shape::NobodyHasIt),
        _ => None,
    }
}

/// Returns whether nobody has the handle of a task.
fn is_alone(graph: &WaitGraph, task: usize) -> bool {
    let expects_task = matches!(graph.nodes[task].outlook, Some(Outlook::Waiting(Expected::Task(_))));
    !expects_task && graph.to(task).all(|edge| edge.kind != EdgeKind::Holds)
}

/// Returns whether a sender waits until somebody has read.
pub(crate) fn waits_for_room(graph: &WaitGraph, wait: Wait) -> bool {
    wait.how == EdgeKind::WakesWaiter && graph.nodes[wait.on].label.starts_with("tokio mpsc")
}

#[cfg(test)]
mod tests {
    use super::super::data::WaitNode;
    use super::*;
    use crate::finding::Site;

    fn node(kind: NodeKind, label: &str, line: u32) -> WaitNode {
        let site = (line > 0).then(|| Site { file: "src/main.rs".into(), line, column: 5 });
        let outlook = (kind == NodeKind::Task).then_some(Outlook::Stuck);
        WaitNode { kind, label: label.to_owned(), site, awaits: None, senders: None, unsure: false, outlook, count: 1 }
    }

    fn graph(things: &[(NodeKind, &str)], edges: &[(usize, usize, EdgeKind)]) -> WaitGraph {
        let nodes = (1..).zip(things).map(|(at, (kind, label))| node(*kind, label, at * 10)).collect();
        let edges = edges.iter().map(|(from, to, kind)| WaitEdge { from: *from, to: *to, kind: *kind, count: 1 });
        WaitGraph { nodes, edges: edges.collect() }
    }

    use EdgeKind::{EndWakes, Holds, Wakes, WakesWaiter};
    use NodeKind::{Channel, Lock, Outside, Task, Timer};

    #[track_caller]
    fn told(graph: &WaitGraph, shape: Option<Shape>, text: &str) {
        let story = Story::of(graph, 0);
        assert_eq!((story.shape, story.told(graph).as_deref().unwrap_or("")), (shape, text));
    }

    #[test]
    fn sender_of_its_own_is_told() {
        told(
            &graph(&[(Task, "task"), (Channel, "tokio mpsc of u8")], &[(0, 1, Holds), (1, 0, Wakes)]),
            Some(Shape::HoldsItsOwnSender),
            "waits for a message on the tokio mpsc of u8 made at src/main.rs:20:5, whose other end it holds itself",
        );
    }

    #[test]
    fn locks_in_opposite_orders_are_a_cycle() {
        let lock = (Lock, "tokio Mutex of ()");
        let held = [(0, 2, Holds), (0, 3, Holds), (1, 2, Holds), (1, 3, Holds)];
        let waits = [(3, 0, WakesWaiter), (2, 1, WakesWaiter)];
        told(
            &graph(&[(Task, "task"), (Task, "task"), lock, lock], &[held.as_slice(), &waits].concat()),
            Some(Shape::LocksInACycle),
            "waits for the tokio Mutex of () made at src/main.rs:40:5, which the task spawned at src/main.rs:20:5 has; \
             that one waits for the tokio Mutex of () made at src/main.rs:30:5, which the first one has: a cycle",
        );
    }

    #[test]
    fn locks_of_one_value_are_a_cycle_of_those_that_have_it() {
        let held = [(0, 2, Holds), (1, 2, Holds), (2, 0, WakesWaiter), (2, 1, WakesWaiter)];
        told(
            &graph(&[(Task, "task"), (Task, "task"), (NodeKind::Shared, "app::Cache")], &held),
            Some(Shape::Cycle),
            "waits for something in the app::Cache made at src/main.rs:30:5, which the task spawned at src/main.rs:20:5 has; \
             that one waits for something in the app::Cache made at src/main.rs:30:5, which the first one has: a cycle",
        );
    }

    #[test]
    fn lock_that_several_have_is_not_said_to_be_with_one_of_them() {
        let held = [(0, 4, Holds), (1, 4, Holds), (2, 4, Holds), (3, 4, Holds), (4, 0, WakesWaiter)];
        told(
            &graph(&[(Task, "task"), (Task, "a"), (Task, "b"), (Task, "c"), (Lock, "tokio Mutex of u8")], &held),
            None,
            "waits for the tokio Mutex of u8 made at src/main.rs:50:5, which the task `a` spawned at src/main.rs:20:5 and 2 more have; \
             that one waits for nothing that could wake it",
        );
    }

    #[test]
    fn lock_taken_twice_is_told() {
        told(
            &graph(&[(Task, "task"), (Lock, "tokio RwLock of u8")], &[(0, 1, Holds), (1, 0, WakesWaiter)]),
            Some(Shape::LockedTwice),
            "waits for the tokio RwLock of u8 made at src/main.rs:20:5, which nobody else can have",
        );
    }

    #[test]
    fn receiver_that_is_not_polled_is_told_with_its_keeper() {
        let edges = [(0, 1, Holds), (1, 0, WakesWaiter), (2, 1, Holds), (3, 2, Wakes)];
        told(
            &graph(&[(Task, "task"), (Channel, "tokio mpsc"), (Task, "reader"), (Timer, "a timer")], &edges),
            Some(Shape::ReceiverIsNotPolled),
            "waits for room in the tokio mpsc made at src/main.rs:20:5, whose receiver the task `reader` spawned at \
             src/main.rs:30:5 holds; that one waits for a timer",
        );
    }

    #[test]
    fn nobody_is_named_where_it_cannot_be_told_who_has_it() {
        let mut graph = graph(&[(Task, "task"), (Channel, "tokio watch of bool"), (Task, "task")], &[(1, 0, Wakes)]);
        graph.nodes[1].unsure = true;
        told(
            &graph,
            None,
            "waits for a change of the tokio watch of bool made at src/main.rs:20:5, and it cannot be told who has its other end",
        );
    }

    #[test]
    fn channel_of_a_value_that_it_shares_with_nobody_is_its_own() {
        let edges = [(0, 1, Holds), (1, 2, Holds), (2, 0, Wakes)];
        told(
            &graph(&[(Task, "task"), (NodeKind::Shared, "app::Queue"), (Channel, "tokio mpsc of u8")], &edges),
            Some(Shape::HoldsItsOwnSender),
            "waits for a message on the tokio mpsc of u8 made at src/main.rs:30:5, whose other end it holds itself",
        );
    }

    #[test]
    fn static_that_keeps_the_sender_is_told() {
        let edges = [(0, 1, Holds), (1, 0, Wakes), (2, 1, Holds)];
        told(
            &graph(&[(Task, "task"), (Channel, "tokio watch of bool"), (Outside, "a static")], &edges),
            Some(Shape::KeptByAStatic),
            "waits for a change of the tokio watch of bool made at src/main.rs:20:5, whose other end a static holds",
        );
    }

    #[test]
    fn permit_that_nobody_can_give_is_told() {
        told(
            &graph(&[(Task, "task"), (Lock, "tokio Semaphore")], &[(0, 1, Holds), (1, 0, WakesWaiter)]),
            Some(Shape::NobodyHasIt),
            "waits for a permit of the tokio Semaphore made at src/main.rs:20:5, which nobody else has",
        );
    }

    #[test]
    fn end_of_a_task_leads_to_what_that_one_waits_for() {
        told(
            &graph(&[(Task, "task"), (Task, "task"), (Timer, "a timer")], &[(1, 0, EndWakes), (2, 1, Wakes)]),
            None,
            "waits for the end of the task spawned at src/main.rs:20:5; that one waits for a timer",
        );
    }

    #[test]
    fn timer_of_a_task_that_nobody_joins_is_never_told_to_stop() {
        let mut graph = graph(&[(Task, "task"), (Timer, "a timer")], &[(1, 0, WakesWaiter)]);
        graph.nodes[0].outlook = Some(Outlook::timer(None));
        told(&graph, Some(Shape::NeverToldToStop), "waits for a timer");
    }
}
