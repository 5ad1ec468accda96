//! Turns what the records say into reports, so that ordinary tests are told as checked ones are.

use std::collections::{BTreeMap, BTreeSet};

use lightsout::{Report, Site};
use serde::Serialize;
use serde_json::{Value, json};

use crate::cover::{Cover, Fate, Leak, Whose};
use crate::libtest::{Binary, Ran};
use crate::words;

/// Returns a report for each test of these binaries that left something, ordered by package and test.
pub(crate) fn reports(cover: &Cover, binaries: &[Binary]) -> Vec<Report> {
    let mut tests: BTreeMap<(&str, &Whose), Vec<(&Leak, usize)>> = BTreeMap::new();
    for (leak, count) in &cover.leaks {
        tests.entry((&leak.binary, &leak.whose)).or_default().push((leak, *count));
    }
    let mut reports: Vec<Report> = tests
        .into_iter()
        .filter_map(|((file, whose), leaks)| {
            let binary = binaries.iter().find(|binary| binary.file.as_deref() == Some(file));
            report(file, whose, &leaks, binary)
        })
        .collect();
    reports.sort_by(|a, b| (a.package(), a.test()).cmp(&(b.package(), b.test())));
    reports
}

/// Channels that tests left open, made at one place: a note, and no finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Channels {
    pub(crate) kind: String,
    pub(crate) site: Site,
    pub(crate) count: usize,
    pub(crate) tests: BTreeSet<String>,
}

/// Returns the channels that were open when their process ended, ordered by place; not those of tests with a task to blame.
pub(crate) fn channels(cover: &Cover) -> Vec<Channels> {
    let leaking: BTreeSet<_> = cover.leaks.keys().map(|leak| (&leak.binary, &leak.whose)).collect();
    let mut places: BTreeMap<(&Site, &str), Channels> = BTreeMap::new();
    for (open, count) in cover.open.iter().filter(|(open, _)| !leaking.contains(&(&open.binary, &open.whose))) {
        let channels = places.entry((&open.site, &open.kind)).or_insert_with(|| Channels {
            kind: open.kind.clone(),
            site: open.site.clone(),
            count: 0,
            tests: BTreeSet::new(),
        });
        channels.count += count;
        channels.tests.insert(name(&open.whose, None).name);
    }
    places.into_values().collect()
}

/// Returns the report of one test; `None` if it did nothing wrong: what dies in the middle ends nothing.
fn report(file: &str, whose: &Whose, leaks: &[(&Leak, usize)], binary: Option<&Binary>) -> Option<Report> {
    let has_died = binary.is_some_and(|binary| matches!(binary.end(), Ran::Died { .. }));
    let counts = |leak: &Leak| leak.fate == Fate::RuntimeEnded || !has_died;
    let test = name(whose, binary);
    let findings: Vec<Value> =
        leaks.iter().filter(|(leak, _)| counts(leak)).map(|(leak, count)| finding(&test.name, leak, *count)).collect();
    let package = binary.and_then(|binary| binary.package.as_deref());
    let report = json!({
        "version": lightsout::FORMAT_VERSION,
        "test": test.name,
        "package": package,
        "binary": file,
        "case": test.case,
        "enforced": "by-gate",
        "ending": { "how": "passed" },
        "findings": findings,
        "allowed": [],
        "coverage": { "runs": 1, "tasks": 0, "exact": false, "unseen": [] },
        "again": words::gate_again(package, test.case.as_deref()),
        "micros": 0,
    });
    let report =
        Report::from_json(&report.to_string()).expect("lightsout bug: a report of the form that the library reads");
    (!findings.is_empty()).then_some(report)
}

/// Whose tasks are told.
struct Name {
    /// In words, where it is no test.
    name: String,
    /// The test as its runner knows it.
    case: Option<String>,
}

fn name(whose: &Whose, binary: Option<&Binary>) -> Name {
    let is_test = |name: &str| binary.is_none_or(|binary| binary.tests.iter().any(|test| test.name == name));
    match whose {
        Whose::Named(name) if is_test(name) => Name { name: name.clone(), case: Some(name.clone()) },
        Whose::Named(name) => Name { name: words::thread(name), case: None },
        Whose::Main => Name { name: words::MAIN_THREAD.to_owned(), case: None },
        Whose::Cut(begin, _) => Name { name: words::thread(&(begin.clone() + "..")), case: None },
        Whose::Nameless => Name { name: words::NAMELESS_THREAD.to_owned(), case: None },
    }
}

fn finding(test: &str, leak: &Leak, count: usize) -> Value {
    let kind = if leak.fate == Fate::ClosureOutlived { "blocked-thread" } else { "leaked-task" };
    let runs = leak.runs.iter().map(|runs| ("runs", runs.as_str()));
    let evidence = runs.chain([("state", words::state(leak.fate))]);
    json!({
        "kind": kind,
        "test": test,
        "summary": words::left(leak.fate, count),
        "count": count,
        "sites": [leak.site],
        "evidence": evidence.map(|(about, seen)| json!({ "about": about, "seen": seen })).collect::<Vec<_>>(),
        "next": words::next_step(leak.fate),
    })
}
