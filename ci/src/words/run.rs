//! Every sentence of the black box.

use std::collections::BTreeSet;
use std::process::ExitStatus;
use std::time::Duration;

use super::count;
use crate::cover::{Fate, Leak};
use crate::exit::Exit;
use crate::run::{Blind, Cost, Fault, Sample, Sort, Thing};

fn time(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

pub(crate) fn not_ready(died: bool, ended: Option<ExitStatus>, within: Duration, printed: &[String]) -> Fault {
    let summary = match ended.filter(|_| died) {
        Some(ended) => format!("the program ended before it was ready: {ended}"),
        None => format!("the program was not ready within {}", time(within)),
    };
    let next =
        "look at its output; say what ready means: `--ready-port`, `--ready-line`, `--ready-after`, `--ready-within`";
    Fault { kind: "not-ready", summary, evidence: printed.to_vec(), next }
}

pub(crate) fn ended_early(ended: ExitStatus, printed: &[String]) -> Fault {
    let summary = format!("the program ended by itself, before any signal: {ended}");
    Fault {
        kind: "ended-early",
        summary,
        evidence: printed.to_vec(),
        next: "find out why it ends while it should serve",
    }
}

pub(crate) fn still_runs(within: Duration, threads: &[String], sample: &Sample, alive: &[(&Thing, usize)]) -> Fault {
    let sockets = sample.listening.iter().map(|(_, address)| format!("listened on {address}"));
    let threads = threads.iter().map(|thread| format!("thread {thread}"));
    let alive_still = alive.iter().take(NAMED).map(|(it, number)| format!("alive: {}", alive_at(it, *number)));
    let next = match alive {
        [] => {
            "put a bound on each wait of its stop; `--census`, or a test with `#[lightsout::test]`, says which task it is"
        }
        _ => "put a bound on each wait of its stop; a test with `#[lightsout::test]` says what these tasks wait for",
    };
    Fault {
        kind: "hang",
        summary: format!("the program still runs {} after the last signal", time(within)),
        evidence: threads.chain(sockets).chain(alive_still).collect(),
        next,
    }
}

pub(crate) fn wrong_exit(ended: ExitStatus, expected: &[i32], printed: &[String]) -> Fault {
    let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    let next = if ended.code().is_some() {
        "return from main with success after an orderly stop, or name the code: `--exit-code`"
    } else {
        "listen for the signal: nobody did, so the system ended the program where it stood"
    };
    let summary = format!("the program ended with {ended} in place of exit code {}", expected.join(" or "));
    Fault { kind: "wrong-exit", summary, evidence: printed.to_vec(), next }
}

pub(crate) fn panicked(lines: Vec<String>) -> Fault {
    let evidence = lines.into_iter().flat_map(|it| it.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    Fault {
        kind: "panic",
        summary: "the program panicked".to_owned(),
        evidence,
        next: "mend the panic; its place is above",
    }
}

pub(crate) fn children(children: &[(u32, String)]) -> Fault {
    Fault {
        kind: "children-left",
        summary: format!("{} outlived the program", processes(children.len())),
        evidence: children.iter().map(|(id, name)| format!("{id}  {name}")).collect(),
        next: "end and wait for what it starts before it ends itself (`kill_on_drop` does for tokio's `Command`)",
    }
}

fn processes(number: usize) -> String {
    if number == 1 { "1 process".to_owned() } else { format!("{number} processes") }
}

pub(crate) fn listening(sockets: &BTreeSet<(u64, String)>) -> Fault {
    Fault {
        kind: "socket-left",
        summary: format!("{} still open for connections after the program's end", count(sockets.len(), "socket")),
        evidence: sockets.iter().map(|(_, address)| address.clone()).collect(),
        next: "a child inherited it: open sockets with close-on-exec, and end the child",
    }
}

pub(crate) fn growth(what: &str, numbers: &[usize], each: usize) -> Fault {
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    Fault {
        kind: "growth",
        summary: format!("{what} grow with every round of load, by {each} or more"),
        evidence: vec![format!("before and after each round: {}", numbers.join(" "))],
        next: "close what a request opens; `ls -l /proc/ID/fd` says what it is",
    }
}

/// Up to so many places are told of what is no fault.
const NAMED: usize = 10;

fn noun(sort: &Sort) -> String {
    match sort {
        Sort::Task => "task".to_owned(),
        Sort::Closure => "blocking closure".to_owned(),
        Sort::EndedTask => "ended task".to_owned(),
        Sort::Channel(kind) => kind.clone(),
    }
}

/// `3 tasks: src/main.rs:10:5 (in app::serve)`.
fn alive_at(thing: &Thing, number: usize) -> String {
    let (number, noun) = match &thing.sort {
        Sort::Channel(kind) => (count(number, "channel"), format!(" ({kind})")),
        other => (count(number, &noun(other)), String::new()),
    };
    format!("{number}{noun}: {}", at(thing))
}

fn at(thing: &Thing) -> String {
    let function = thing.function.as_ref().map(|function| format!(" (in {function})")).unwrap_or_default();
    format!("{}{function}", thing.site)
}

/// Tasks or channels of one place of which every round leaves more.
pub(crate) fn leak(thing: &Thing, numbers: &[usize], each: usize) -> Fault {
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    let over = count(numbers.len() - 1, "round");
    let of = match &thing.sort {
        Sort::Channel(_) => count(each, "channel"),
        other => count(each, &noun(other)),
    };
    let kind = match &thing.sort {
        Sort::Channel(kind) => Some(format!("kind  {kind}")),
        _ => thing.runs.as_ref().map(|runs| format!("runs  {runs}")),
    };
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    let next = match thing.sort {
        Sort::Task => "give it an end: what it waits for must come, or whoever spawned it must abort it",
        Sort::Closure => "make it return: a timeout, or a channel whose other end goes",
        Sort::EndedTask => {
            "let go of its JoinHandle or waker: a list of handles that only grows, a `JoinSet` that nobody joins"
        }
        Sort::Channel(_) => "drop its handles: a map of senders that only grows, a cycle of `Arc`s",
    };
    Fault {
        kind: "growth",
        summary: format!("leaks {of} a round: {}, {first} -> {last} over {over}", at(thing)),
        evidence: kind.into_iter().chain([format!("before and after each round: {}", numbers.join(" "))]).collect(),
        next,
    }
}

/// Tasks that were alive at the program's end.
pub(crate) fn left(leak: &Leak, number: usize) -> Fault {
    let runs = leak.runs.as_ref().map(|runs| format!("runs        {runs}"));
    let lines = [format!("spawned at  {}", leak.site)].into_iter().chain(runs);
    Fault {
        kind: if leak.fate == Fate::ClosureOutlived { "blocked-thread" } else { "leaked-task" },
        summary: super::left(leak.fate, number),
        evidence: lines.chain([format!("state       {}", super::state(leak.fate))]).collect(),
        next: "tell it to stop, or abort it, and await it before `main` returns; if meant: `--allow PLACE`",
    }
}

/// What did not fit into the record.
pub(crate) fn lost(number: u64) -> Fault {
    Fault {
        kind: "vacuous",
        summary: format!("{number} allocations were not looked at, which did not fit into the record"),
        evidence: Vec::new(),
        next: "look at a shorter run: fewer rounds",
    }
}

/// A program whose tasks were not looked at.
pub(crate) fn blind(blind: &Blind) -> Fault {
    let why = match blind {
        Blind::Closed(_) => "nothing can be preloaded here".to_owned(),
        Blind::Script => "it is a script".to_owned(),
        Blind::NoTokio => "it has no task of tokio".to_owned(),
        Blind::Unreadable(error) => format!("its memory cannot be read: {error}"),
        Blind::Cannot(why) => super::why_blind(*why).to_owned(),
    };
    let next = match blind {
        Blind::Closed(closed) => super::closed(*closed),
        Blind::Script | Blind::NoTokio => {
            "name the program itself that uses tokio, and no script or program that starts it"
        }
        Blind::Unreadable(_) => "run this as the user of the program",
        Blind::Cannot(why) => super::hint_blind(*why),
    };
    Fault {
        kind: "vacuous",
        summary: format!("the program was not looked at, since {why}"),
        evidence: Vec::new(),
        next,
    }
}

/// What was alive before a signal.
pub(crate) fn alive(signal: &str, alive: &[(&Thing, usize)]) -> String {
    let is_channel = |thing: &Thing| matches!(thing.sort, Sort::Channel(_));
    let sum = |of_channels| alive.iter().filter(|(it, _)| is_channel(it) == of_channels).map(|(_, it)| it).sum();
    let sums = format!("{} and {}", count(sum(false), "task"), count(sum(true), "channel"));
    let lines: String = alive.iter().take(NAMED).map(|(it, number)| format!("  {}\n", alive_at(it, *number))).collect();
    let more = alive.len().saturating_sub(NAMED);
    let more = if more > 0 { format!("  and {}\n", count(more, "more place")) } else { String::new() };
    format!("alive before {signal}: {sums}\n{lines}{more}")
}

/// What cannot be told, and what it took to look.
pub(crate) fn census(undecided: usize, cost: Cost, processor: Duration) -> String {
    let their = if undecided == 1 { "its" } else { "their" };
    let tasks = count(undecided, "task");
    let not_judged =
        format!("not judged: {tasks} had just been spawned, woken or aborted when {their} runtime ended\n");
    let undecided = if undecided > 0 { not_judged } else { String::new() };
    let part = 100.0 * cost.took.as_secs_f64() / processor.as_secs_f64().max(f64::MIN_POSITIVE);
    let part = if processor.is_zero() { String::new() } else { format!(" of its {} ({part:.1} %)", time(processor)) };
    let each = cost.took.as_nanos() as f64 / 1_000.0 / cost.steps.max(1) as f64;
    let took = cost.took.as_secs_f64() * 1_000.0;
    if cost.took.is_zero() {
        // A program that links lightsout records by itself, and times nothing.
        return undecided;
    }
    format!(
        "{undecided}looking took {took:.1} ms of processor time{part}: {} came or went, {each:.2} µs each\n",
        count(usize::try_from(cost.steps).unwrap_or(usize::MAX), "allocation")
    )
}

pub(crate) fn fault(fault: &Fault) -> String {
    let evidence: String = fault.evidence.iter().map(|line| format!("  {line}\n")).collect();
    format!("{}: {}\n{evidence}  to do: {}\n\n", fault.kind, fault.summary, fault.next)
}

pub(crate) fn course(ready: Option<Duration>, signals: &[&str], ended: Option<ExitStatus>, took: Duration) -> String {
    let ready = ready.map_or_else(|| "not ready".to_owned(), |it| format!("ready after {}", time(it)));
    let sent = if signals.is_empty() { "no signal sent".to_owned() } else { format!("sent {}", signals.join(", ")) };
    let ended = match ended {
        Some(ended) if !signals.is_empty() => format!("ended with {ended} {} after the last one", time(took)),
        Some(ended) => format!("ended with {ended}"),
        None => "killed".to_owned(),
    };
    format!("{ready}; {sent}; {ended}\n")
}

pub(crate) fn numbers(before: &Sample, after: &Sample, rounds: usize) -> String {
    format!(
        "over {}: threads {} to {}, descriptors {} to {}, child processes {} to {}\n",
        count(rounds, "round"),
        before.threads,
        after.threads,
        before.descriptors,
        after.descriptors,
        before.children.len(),
        after.children.len()
    )
}

pub(crate) fn exit(exit: Exit, faults: usize) -> String {
    let why = match exit {
        Exit::Clean => "clean".to_owned(),
        Exit::Suite => "the program was not ready".to_owned(),
        Exit::Findings | Exit::SetUp => count(faults, "finding"),
    };
    format!("exit {}: {why}\n", exit.code())
}
