//! What each kind of finding means, what it usually comes from, and what usually mends it: `cargo lightsout explain KIND`.

use lightsout::Kind;

use crate::error::Error;
use crate::nearest;

/// A kind, told to somebody who meets it for the first time.
#[derive(Debug)]
struct Explanation {
    kind: &'static str,
    /// One sentence.
    meaning: &'static str,
    /// Why it matters, and what it usually comes from.
    about: &'static str,
    /// The usual ways to mend it, the most usual one first.
    fixes: &'static str,
}

const ALL: [Explanation; 11] = [
    Explanation {
        kind: "leaked-task",
        meaning: "A task that the test spawned is still alive after the test and its grace.",
        about: "\
In production such a task goes on after its owner is gone: it holds sockets, memory and locks, or does its work twice after a
restart of the part that spawned it. Usual causes: a JoinHandle that was dropped (which detaches the task and does not end it), a loop
without a way out, a receiver whose sender is kept by somebody, a stop that tells a task to end and does not wait for it.",
        fixes: "\
1. Keep the JoinHandle; on stop, tell the task to end and await the handle.
2. Spawn into a `JoinSet` that its owner holds: dropping it ends its tasks.
3. Give a loop a branch that ends it: `tokio::select! { _ = token.cancelled() => break, .. }`.
4. Drop the last sender, so that `recv()` returns `None`.
The line `awaits` says what it waits for; whoever holds the other end of that has to let go.",
    },
    Explanation {
        kind: "blocked-thread",
        meaning: "A blocking closure, or a thread that the test started, still runs after the runtime was stopped.",
        about: "\
A runtime cannot end a blocking call: `shutdown_timeout` gives up on it, and the process then hangs at its end or leaves the work
half done. Usual causes: a `spawn_blocking` that reads from a pipe or a socket without a timeout, a thread that waits on a channel
that nobody closes, a lock that is never given back.",
        fixes: "\
1. Give the call a way to end: a timeout, a flag that it looks at, a channel whose sender the stop drops.
2. Join the thread, or await the handle of the closure, where you stop the rest.
3. Use the async form of the call, if there is one.",
    },
    Explanation {
        kind: "open-channel",
        meaning: "A channel that the test made is still open when everything else of it has ended.",
        about: "\
Nobody is left to use it, and something keeps its handles: a static, a cycle of `Arc`s, a value that was forgotten. It is a note
unless the test says `channels = \"deny\"`.",
        fixes: "\
1. Drop the handles when their owner stops.
2. Break the cycle: hold one side as a `Weak`, or keep the sender out of the task that receives.",
    },
    Explanation {
        kind: "double-close",
        meaning: "Something that ends once was ended twice.",
        about: "\
Two places each believe that it is theirs to end it: two signal handlers, stop and drop, an error path and the ordinary one. The
second one panics, hangs or takes down what took its place. Both places are in the finding.",
        fixes: "\
1. Decide who owns it, and take the other call out.
2. Make ending it idempotent: an atomic swap as its first act, and every caller returns only when the end is complete.",
    },
    Explanation {
        kind: "use-after-close",
        meaning: "Something was used, or a task was spawned, after its end.",
        about: "\
The order of ending is wrong: what uses a part is ended after the part itself. Usual causes: a connection that is still served while
the store behind it closes, a callback that runs once more.",
        fixes: "\
1. End users before what they use: stop accepting, let connections finish, then release.
2. Return an error from the call when it is closed, and let the caller end.",
    },
    Explanation {
        kind: "task-panic",
        meaning: "A task panicked, whether or not anyone looked at its JoinHandle.",
        about: "\
tokio catches the panic of a task and puts it into the JoinHandle. If nobody awaits that, it is lost, and the program goes on without
the task.",
        fixes: "\
1. Mend the panic; its place and message are in the finding.
2. Await the JoinHandle and pass a `JoinError` on.
3. If the test is about that panic: allow it, with the reason.",
    },
    Explanation {
        kind: "hang",
        meaning: "The body did not end by its deadline, or what it left keeps the runtime from going on.",
        about: "\
The finding says what the body awaits and what is alive beside it. Usual causes: two parts that wait for each other, a full channel
whose reader has left, a lock held across an await, a message that nobody sends.",
        fixes: "\
1. Follow `awaits`: who should have woken it, and what does that one wait for?
2. Put a bound on each wait of a stop, and go on with the rest when it is over.
3. If it is only slow: `deadline = \"120s\"`.",
    },
    Explanation {
        kind: "lost-work",
        meaning: "Work that was accepted was dropped without being done or refused.",
        about: "\
Whoever handed it in believes that it is done. Usual causes: a queue that is dropped with things in it, a `select!` that takes the
branch of the stop while a message was ready, a last batch that is not flushed.",
        fixes: "\
1. On stop: close the queue, then drain it, then end.
2. Answer what is left with an error.",
    },
    Explanation {
        kind: "out-of-order",
        meaning: "Parts ended in another order than was stated.",
        about: "\
A part that others rest on was ended before them. The finding names both, with the places where they ended.",
        fixes: "\
1. Await the end of the users before you end what they use; telling them to end is not enough.",
    },
    Explanation {
        kind: "died",
        meaning: "The process ended in the middle of the search: by exit, abort or a signal.",
        about: "\
A signal before the program listens for it kills it, in production too. The plan in the finding is the one that ran. Usual causes:
handlers that are set up late, `process::exit` in a handler, a panic while panicking.",
        fixes: "\
1. Listen for signals before anything is started that needs an orderly end.
2. Return from main in place of `process::exit`.",
    },
    Explanation {
        kind: "vacuous",
        meaning: "Nothing was checked, so a pass would mean nothing.",
        about: "\
The test looked at nothing that it could have found fault with: no signal was delivered, a rule allows everything, the search was cut
short before its first plan. It is never put into a baseline.",
        fixes: "\
1. Read the evidence: it says what was missing.
2. Narrow the rule that allows everything; start what the test is about before it ends.",
    },
];

fn find(kind: &str) -> Option<&'static Explanation> {
    ALL.iter().find(|it| it.kind == kind)
}

/// Returns one sentence.
pub(crate) fn meaning(kind: Kind) -> &'static str {
    find(kind.name()).map_or("", |it| it.meaning)
}

/// Returns everything, as it is printed.
pub(crate) fn text(kind: Kind) -> String {
    find(kind.name()).map_or_else(String::new, print)
}

/// Returns what a person asked for; without a kind, all of them in a line each.
///
/// # Errors
///
/// If there is no such kind; the nearest one is named.
pub(crate) fn told(kind: Option<&str>) -> Result<String, Error> {
    let Some(kind) = kind else { return Ok(list()) };
    let names = ALL.iter().map(|it| it.kind);
    find(kind).map(print).ok_or_else(|| Error::unknown_kind(kind, nearest::of(kind, names)))
}

fn print(it: &Explanation) -> String {
    let Explanation { kind, meaning, about, fixes } = it;
    let fixes: String = fixes.lines().map(|line| format!("  {line}\n")).collect();
    format!("{kind}: {meaning}\n\n{about}\n\nThe usual fixes:\n{fixes}")
}

fn list() -> String {
    let width = ALL.iter().map(|it| it.kind.len()).max().unwrap_or_default();
    let lines: String = ALL.iter().map(|it| format!("  {:<width$}  {}\n", it.kind, it.meaning)).collect();
    format!("{lines}\nMore of one: cargo lightsout explain KIND\n")
}

#[cfg(test)]
mod tests {
    use lightsout::Kind;

    use super::{find, told};

    #[test]
    fn every_kind_is_explained() {
        for kind in Kind::ALL {
            let it = find(kind.name()).unwrap_or_else(|| panic!("{kind} is not explained"));
            assert!(it.meaning.ends_with('.') && it.fixes.starts_with("1. "), "{kind}");
            assert!(told(Some(kind.name())).expect("an explanation").contains("The usual fixes:"));
        }
    }

    #[test]
    fn unknown_kind_names_the_nearest() {
        let error = told(Some("leeked-task")).expect_err("no such kind");
        assert_eq!(error.to_string(), "failed to explain `leeked-task`: there is no such kind of finding");
        assert_eq!(error.hint(), Some("did you mean `leaked-task`?"));
    }
}
