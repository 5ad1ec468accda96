//! Every sentence about who waits for whom.

use super::data::{EdgeKind, Expected, NodeKind, Outlook, Place, WaitGraph};
use super::story::{End, Shape, Step, Wait, waits_for_room};
use crate::finding::Unseen;
use crate::report::words::time;

pub(crate) const NOT_RECORDED: &str = "the allocations of the run were not recorded";
pub(crate) const UNREADABLE: &str = "the memory of the process cannot be read through /proc/self";
pub(crate) const MOVED: &str = "a worker of the runtime did not keep still";
pub(crate) const TASK_RUNS: &str = "a task is in the middle of a poll";
pub(crate) const CLOSURE_RUNS: &str = "a blocking closure still runs, and may wake anything";
pub(crate) const THREAD_RUNS: &str = "a thread that the test started still runs, and may wake anything";

pub(crate) fn not_learned(what: &str) -> String {
    format!("planted tasks that wait for {what} were not seen as they are")
}

pub(crate) fn place(place: Place) -> &'static str {
    match place {
        Place::Static => "a static",
        Place::Thread => "a thread",
        Place::Memory => "memory outside of the test",
    }
}

pub(crate) fn unseen_waits(why: &str) -> Unseen {
    Unseen { what: "who waits for whom, and what can still be woken".to_owned(), why: why.to_owned() }
}

pub(crate) fn unseen_ways(unlearned: &[&str]) -> Option<Unseen> {
    let what = format!("whether tasks are stuck that may wait for {}", unlearned.join(", "));
    let why = format!("planted tasks that wait for {} were not seen as they are", unlearned.join(", "));
    (!unlearned.is_empty()).then_some(Unseen { what, why })
}

pub(crate) fn unseen_proofs(unproven: &[&str]) -> Option<Unseen> {
    let what = format!("proofs that a task is stuck, by way of {}", unproven.join(", "));
    let why = "a planted task that nothing can wake was not proven to be stuck".to_owned();
    (!unproven.is_empty()).then_some(Unseen { what, why })
}

/// Returns what can be expected of a task; `waker` says which task may wake it, where that is one.
pub(crate) fn outlook(outlook: &Outlook, waker: impl Fn(usize) -> String) -> String {
    match outlook {
        Outlook::Stuck => "stuck: nothing that is alive can wake it".to_owned(),
        Outlook::Runnable => "runnable: it was woken, and its turn has not come".to_owned(),
        Outlook::Looping => "looping: it is woken again and again".to_owned(),
        Outlook::Withheld(why) => format!("not proven: {why}"),
        Outlook::Waiting(expected) => format!("waiting: {}", self::expected(expected, waker)),
    }
}

fn expected(expected: &Expected, waker: impl Fn(usize) -> String) -> String {
    match expected {
        Expected::Timer(None) => "a timer will wake it".to_owned(),
        Expected::Timer(Some(due)) => {
            format!("a timer will wake it in {}", time(std::time::Duration::from_millis(*due)))
        }
        Expected::Source => "a source of events may wake it (a socket, a pipe, a signal)".to_owned(),
        Expected::Task(task) => format!("{}, which is alive, may wake or end it", waker(*task)),
        Expected::Outside(place) => format!("{} holds what may wake or end it", self::place(*place)),
        Expected::Unknown => {
            "somebody may wake or end it: a handle was forgotten (`mem::forget`), or is out of sight".to_owned()
        }
    }
}

/// Returns why a task does not go on, without its own name.
pub(crate) fn chain(graph: &WaitGraph, steps: &[Step], end: End) -> String {
    let mut text = String::new();
    for (at, step) in steps.iter().enumerate() {
        if at > 0 {
            text.push_str("; that one ");
        }
        let Some(wait) = step.wait else {
            text.push_str("waits for nothing that could wake it");
            break;
        };
        text.push_str(&waits(graph, wait));
        let next = steps.get(at + 1).map(|next| task(graph, next.task));
        let back = match end {
            End::Cycle { at: 0 } if steps.len() > 1 => Some("the first one".to_owned()),
            End::Cycle { at } if steps.len() > at + 1 => Some(task(graph, steps[at].task)),
            _ => None,
        };
        let is_cycle = next.is_none() && back.is_some();
        text.push_str(&held(graph, wait, next.or(back).as_deref(), step.also, end));
        if is_cycle {
            text.push_str(": a cycle");
        }
    }
    text
}

/// Says what a task waits for.
fn waits(graph: &WaitGraph, wait: Wait) -> String {
    let node = &graph.nodes[wait.on];
    match node.kind {
        NodeKind::Timer | NodeKind::Source | NodeKind::Outside => return format!("waits for {}", node.label),
        NodeKind::Task if wait.how == EdgeKind::EndWakes => {
            return format!("waits for the end of {}", task(graph, wait.on));
        }
        NodeKind::Task => return format!("waits for {}", task(graph, wait.on)),
        NodeKind::Channel | NodeKind::Lock | NodeKind::Shared => {}
    }
    let of = |kind: &str| node.label.starts_with(kind);
    let what = match wait.how {
        _ if waits_for_room(graph, wait) => "waits for room in",
        _ if of("tokio mpsc") || of("tokio broadcast") => "waits for a message on",
        _ if of("tokio oneshot") => "waits for the value of",
        _ if of("tokio watch") => "waits for a change of",
        _ if of("tokio Notify") => "waits to be notified by",
        _ if of("tokio Semaphore") => "waits for a permit of",
        _ if of("tokio Barrier") => "waits at",
        _ if node.kind == NodeKind::Lock || of("CancellationToken") => "waits for",
        _ if node.kind == NodeKind::Shared => "waits for something in",
        _ => "waits on",
    };
    let site = node.site.as_ref().map(|site| format!(" made at {site}")).unwrap_or_default();
    format!("{what} the {}{site}", node.label)
}

/// Says who has what is waited for, and how many more.
fn held(graph: &WaitGraph, wait: Wait, by: Option<&str>, also: usize, end: End) -> String {
    let node = &graph.nodes[wait.on];
    let part = match (waits_for_room(graph, wait), node.senders) {
        (true, _) => "whose receiver",
        (false, Some(1)) => "whose sender",
        (false, _) => "whose other end",
    };
    match (node.kind, by, end) {
        (NodeKind::Task | NodeKind::Timer | NodeKind::Source | NodeKind::Outside, ..) => String::new(),
        (NodeKind::Channel, Some(by), _) if also > 0 => format!(", {part} {by} and {also} more hold"),
        (_, Some(by), _) if also > 0 => format!(", which {by} and {also} more have"),
        (NodeKind::Channel, Some(by), _) => format!(", {part} {by} holds"),
        (_, Some(by), _) => format!(", which {by} has"),
        (NodeKind::Channel, None, End::Outside(by)) => format!(", {part} {} holds", place(by)),
        (_, None, End::Outside(by)) => format!(", which {} has", place(by)),
        (NodeKind::Channel, None, End::Unsure) => ", and it cannot be told who has its other end".to_owned(),
        (_, None, End::Unsure) => ", and it cannot be told who has it".to_owned(),
        (NodeKind::Channel, None, End::Cycle { .. }) => format!(", {part} it holds itself"),
        (NodeKind::Channel, None, _) => format!(", {part} nobody was found to hold"),
        (_, None, End::Cycle { .. }) => ", which nobody else can have".to_owned(),
        (_, None, _) => ", which nobody else has".to_owned(),
    }
}

/// Returns a task as a person would point at it.
pub(crate) fn task(graph: &WaitGraph, task: usize) -> String {
    let node = &graph.nodes[task];
    let name = if node.label == "task" { String::new() } else { format!(" `{}`", node.label) };
    let site = node.site.as_ref().map(|site| format!(" spawned at {site}")).unwrap_or_default();
    format!("the task{name}{site}")
}

/// Says what a shape is.
pub(crate) fn shape(shape: Shape) -> &'static str {
    match shape {
        Shape::HoldsItsOwnSender => "it holds the other end of the channel that it waits on",
        Shape::ReceiverIsNotPolled => "the receiver is kept, and nobody reads from it",
        Shape::LockedTwice => "a lock is taken again by whoever has it",
        Shape::LocksInACycle => "locks are taken in opposite orders",
        Shape::Cycle => "tasks wait for one another",
        Shape::KeptByAStatic => "a static keeps the channel open",
        Shape::NobodyHasIt => "nobody else has what it waits for",
        Shape::WaitsForNothing => "it waits for nothing that could wake it",
        Shape::NeverToldToStop => "it was started, nobody joins it, and nothing tells it to stop",
    }
}

/// Where nobody has asked.
pub(crate) const UNASKED: &str = "run it with LIGHTSOUT_WAIT_GRAPH=1 to be told who should have woken it";

/// Says what usually mends a shape.
pub(crate) fn fix(shape: Shape) -> &'static str {
    match shape {
        Shape::HoldsItsOwnSender => {
            "drop its own sender before it waits: move clones into what sends, or keep a weak one (`downgrade`)"
        }
        Shape::ReceiverIsNotPolled => {
            "drop the receiver where it is no longer read, or read it to its end; let the send give up beside a signal to stop"
        }
        Shape::LockedTwice => "drop the first guard before the lock is taken again, or hand the guard on",
        Shape::LocksInACycle => "take the locks in one order everywhere, or hold only one of them across an await",
        Shape::Cycle => "break the cycle: let one of them drop its end, or give up waiting when it is told to stop",
        Shape::KeptByAStatic => "take the sender out of the static when all is over, or wait beside a signal to stop",
        Shape::NobodyHasIt => "give it to whoever should wake it, or do not wait for it",
        Shape::WaitsForNothing => "await something that can happen beside it, a signal to stop for one, or abort it",
        Shape::NeverToldToStop => "keep its JoinHandle, and give its loop a signal to stop that it waits for as well",
    }
}
