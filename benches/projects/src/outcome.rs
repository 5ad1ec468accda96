//! Reads how each test ended, from what `cargo test` prints and what nextest tells to programs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// How tests ended, by binary and test.
pub(crate) type Outcomes = BTreeMap<(String, String), String>;

/// Reads the log of `cargo test`, both of its streams in one.
pub(crate) fn of_cargo(log: &str) -> Outcomes {
    let (mut outcomes, mut binary, mut open) = (Outcomes::new(), String::new(), None);
    for line in log.lines() {
        if let Some((_, running)) = line.split_once("     Running ") {
            binary = running.trim_end_matches(')').rsplit('/').next().unwrap_or_default().to_owned();
        } else if let Some((test, status)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ")) {
            open = Some(test.trim_end_matches(" - should panic").to_owned());
            note(&mut outcomes, &binary, &mut open, status);
        } else {
            // What a test printed may have come between its name and how it ended.
            note(&mut outcomes, &binary, &mut open, line);
        }
    }
    outcomes
}

fn note(outcomes: &mut Outcomes, binary: &str, open: &mut Option<String>, status: &str) {
    let word = status.split([' ', ',']).next().unwrap_or_default();
    if ["ok", "FAILED", "ignored"].contains(&word)
        && let Some(test) = open.take()
    {
        outcomes.insert((binary.to_owned(), test), word.to_owned());
    }
}

/// Reads the events of nextest, whose binaries have names of their own.
pub(crate) fn of_nextest(events: &str) -> Outcomes {
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ended = events.filter(|event| event["type"] == "test" && event["event"] != "started");
    let outcomes = ended.filter_map(|event| {
        let (binary, test) = event["name"].as_str()?.split_once('$')?;
        Some(((binary.to_owned(), test.to_owned()), event["event"].as_str()?.to_owned()))
    });
    outcomes.collect()
}

/// Holds rounds of a suite against rounds of the same under the gate.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// How many tests there are; one that is ignored is none.
    pub(crate) tests: usize,
    /// These fail with and without.
    pub(crate) failing: Vec<String>,
    /// These are no two times alike without the gate.
    pub(crate) unsteady: Vec<String>,
    /// These end otherwise under the gate, or are missing there.
    pub(crate) changed: Vec<String>,
}

impl Comparison {
    pub(crate) fn new(plain: &[Outcomes], gated: &[Outcomes]) -> Self {
        let tests: BTreeSet<_> = plain.iter().chain(gated).flat_map(BTreeMap::keys).collect();
        let mut it = Self { tests: 0, failing: Vec::new(), unsteady: Vec::new(), changed: Vec::new() };
        for test in tests {
            let of = |rounds: &[Outcomes]| rounds.iter().map(|round| round.get(test).cloned()).collect::<BTreeSet<_>>();
            let (without, with) = (of(plain), of(gated));
            let ends = |word: &str| without.iter().flatten().any(|it| it == word);
            it.tests += usize::from(!ends("ignored"));
            let into = match () {
                () if without.len() > 1 => &mut it.unsteady,
                () if without != with => &mut it.changed,
                () if ends("FAILED") || ends("failed") => &mut it.failing,
                () => continue,
            };
            into.push(test.1.clone());
        }
        it
    }
}
