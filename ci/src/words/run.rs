//! Every sentence of the black box.

use std::collections::BTreeSet;
use std::process::ExitStatus;
use std::time::Duration;

use super::count;
use crate::exit::Exit;
use crate::run::{Fault, Sample};

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

pub(crate) fn still_runs(within: Duration, threads: &[String], sample: &Sample) -> Fault {
    let sockets = sample.listening.iter().map(|(_, address)| format!("listened on {address}"));
    Fault {
        kind: "hang",
        summary: format!("the program still runs {} after the last signal", time(within)),
        evidence: threads.iter().map(|thread| format!("thread {thread}")).chain(sockets).collect(),
        next: "put a bound on each wait of its stop; a test with `#[lightsout::test]` says which task it is",
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
