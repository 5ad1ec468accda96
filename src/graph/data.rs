//! The wait graph as plain data: who waits for what, and who holds it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::finding::Site;

/// Who waits for what, and who holds it: the leaked tasks of a run, and what is between them.
///
/// [`to_dot`](Self::to_dot) and [`to_svg`](Self::to_svg) draw it, [`to_text`](Self::to_text) does for a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct WaitGraph {
    /// Tasks first, oldest first; then what is between them.
    pub nodes: Vec<WaitNode>,
    /// Ordered by where they begin and lead.
    pub edges: Vec<WaitEdge>,
}

/// One node of a [`WaitGraph`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct WaitNode {
    /// What it is.
    pub kind: NodeKind,
    /// What it is called: the kind of a channel with what it carries, the name of a task.
    pub label: String,
    /// Where it was spawned or made; `None` where that is not known.
    pub site: Option<Site>,
    /// Where a task awaits; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits: Option<String>,
    /// How many senders a channel has; `None` for all else, and where the kind does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub senders: Option<usize>,
    /// Whether it cannot be told who holds it: more seem to than it counts handles.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
    /// What is to be expected of a task; `None` for all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlook: Option<Outlook>,
    /// How many this node stands for: tasks of one place are folded in large graphs.
    pub count: usize,
}

/// What a node of a [`WaitGraph`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NodeKind {
    /// An async task.
    Task,
    /// A channel.
    Channel,
    /// A lock, or a signal between tasks.
    Lock,
    /// Something of the program's own that tasks share.
    Shared,
    /// A timer of the runtime.
    Timer,
    /// A socket, a signal of the system's, or another source of events.
    Source,
    /// What is not the run's own: a static, a stack, memory of somebody else.
    Outside,
}

/// One edge of a [`WaitGraph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct WaitEdge {
    /// The place of a node in the list of them all.
    pub from: usize,
    /// As `from`.
    pub to: usize,
    /// What the edge says.
    pub kind: EdgeKind,
    /// How many this edge stands for.
    pub count: usize,
}

/// What an edge of a [`WaitGraph`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EdgeKind {
    /// The first has a handle of the second, or a reference to it.
    Holds,
    /// The first has the waker of the second.
    Wakes,
    /// The second stands in the first one's list of waiters.
    WakesWaiter,
    /// The end of the first wakes the second.
    EndWakes,
}

/// What is to be expected of a leaked task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is", content = "for")]
#[non_exhaustive]
pub enum Outlook {
    /// Nothing that is alive can wake it, or end it: proven.
    Stuck,
    /// Something may wake it.
    Waiting(Expected),
    /// It was woken, and its turn has not come.
    Runnable,
    /// It is polled again and again.
    Looping,
    /// Nothing can be said, and why.
    Withheld(String),
}

/// What may wake a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what", content = "which")]
#[non_exhaustive]
pub enum Expected {
    /// A timer, and in how many milliseconds of the run's clock it is due; `None` where that is not known.
    Timer(Option<u64>),
    /// A socket, a signal of the system's, or another source of events.
    Source,
    /// Another task, which is alive: its place in the list of nodes.
    Task(usize),
    /// What is not the run's own: a static, a stack, memory of somebody else.
    Outside(Place),
    /// Somebody who has a reference that was not found: it was forgotten, or is out of sight.
    Unknown,
}

/// Where something outside the run's allocations is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// A static of the program or of a library.
    Static,
    /// A thread: its stack, or a thread-local.
    Thread,
    /// Memory of which lightsout does not know whose it is.
    Memory,
}

impl Outlook {
    /// Returns its name: `stuck`, `waiting`, `runnable`, `looping`, `withheld`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Waiting(_) => "waiting",
            Self::Runnable => "runnable",
            Self::Looping => "looping",
            Self::Withheld(_) => "withheld",
        }
    }

    pub(crate) fn timer(due: Option<Duration>) -> Self {
        Self::Waiting(Expected::Timer(due.and_then(|due| u64::try_from(due.as_millis()).ok())))
    }
}

impl fmt::Display for WaitNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)?;
        self.site.iter().try_for_each(|site| write!(f, " {site}"))
    }
}

impl WaitGraph {
    /// Returns the edges that lead to a node.
    pub(crate) fn to(&self, node: usize) -> impl Iterator<Item = &WaitEdge> {
        self.edges.iter().filter(move |edge| edge.to == node)
    }

    /// Returns the part of the graph that these nodes are connected with, and where they are in it.
    pub(crate) fn around(&self, nodes: &[usize]) -> (Self, Vec<usize>) {
        let mut inside = vec![false; self.nodes.len()];
        let mut queue = nodes.to_vec();
        let mut neighbours = vec![Vec::new(); self.nodes.len()];
        for edge in &self.edges {
            neighbours[edge.from].push(edge.to);
            neighbours[edge.to].push(edge.from);
        }
        for (at, node) in self.nodes.iter().enumerate() {
            if let Some(Outlook::Waiting(Expected::Task(task))) = node.outlook {
                neighbours[at].push(task);
            }
        }
        while let Some(node) = queue.pop() {
            if !std::mem::replace(&mut inside[node], true) && self.nodes[node].joins() {
                queue.extend(&neighbours[node]);
            }
        }
        let before = |known: &mut usize, inside: &bool| {
            let new = *known;
            *known += usize::from(*inside);
            Some(new)
        };
        let new: Vec<usize> = inside.iter().scan(0, before).collect();
        let of_task = |outlook: &Outlook| match outlook {
            Outlook::Waiting(Expected::Task(task)) => Outlook::Waiting(Expected::Task(new[*task])),
            other => other.clone(),
        };
        let mut part = Self::default();
        for (_, node) in inside.iter().zip(&self.nodes).filter(|(inside, _)| **inside) {
            part.nodes.push(WaitNode { outlook: node.outlook.as_ref().map(of_task), ..node.clone() });
        }
        let within = self.edges.iter().filter(|edge| inside[edge.from] && inside[edge.to]);
        part.edges.extend(within.map(|edge| WaitEdge { from: new[edge.from], to: new[edge.to], ..*edge }));
        (part, nodes.iter().map(|node| new[*node]).collect())
    }
}

impl WaitNode {
    /// Returns whether those that it touches have to do with one another: not so the tasks that all wait for timers.
    fn joins(&self) -> bool {
        !matches!(self.kind, NodeKind::Timer | NodeKind::Source | NodeKind::Outside)
    }
}
