//! Turns what the records say into reports, so that ordinary tests are told as checked ones are.

use std::collections::{BTreeMap, BTreeSet};

use lightsout::{Report, Site, records};
use serde::Serialize;
use serde_json::{Value, json};

use crate::cover::{Cover, Fate, Leak, Open, Whose};
use crate::libtest::{Binary, Ran};
use crate::words;

/// Returns a report for each test of these binaries that left something, ordered by package and test.
pub(crate) fn reports(cover: &Cover, binaries: &[Binary]) -> Vec<Report> {
    let mut tests: BTreeMap<(&str, &Whose), Left<'_>> = BTreeMap::new();
    for (leak, count) in &cover.leaks {
        tests.entry((&leak.binary, &leak.whose)).or_default().leaks.push((leak, *count));
    }
    for (open, count) in open(cover).filter(|_| cover.denies_channels) {
        tests.entry((&open.binary, &open.whose)).or_default().open.push((open, count));
    }
    let mut reports: Vec<Report> = tests
        .into_iter()
        .filter_map(|((file, whose), left)| {
            let binary = binaries.iter().find(|binary| binary.file.as_deref() == Some(file));
            report(file, whose, &left, binary)
        })
        .collect();
    reports.sort_by(|a, b| (a.package(), a.test()).cmp(&(b.package(), b.test())));
    reports
}

/// What one test left.
#[derive(Default)]
struct Left<'a> {
    leaks: Vec<(&'a Leak, usize)>,
    /// Channels that are findings.
    open: Vec<(&'a Open, usize)>,
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

/// Tasks that were spawned at one place, of which it cannot be said whether they would have ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Undecided {
    pub(crate) site: Site,
    /// Whether they were cancelled before, perhaps, and not only with their runtime.
    pub(crate) is_cancelled: bool,
    pub(crate) count: usize,
    pub(crate) tests: BTreeSet<String>,
    /// In how many tests a task of this place leaks.
    pub(crate) leaking: usize,
}

/// Returns the tasks that are not judged, ordered by place.
pub(crate) fn undecided(cover: &Cover) -> Vec<Undecided> {
    let mut places: BTreeMap<(&Site, bool), Undecided> = BTreeMap::new();
    for (task, count) in &cover.undecided {
        let is_cancelled = task.fate == Fate::Cancelled;
        let tasks = places.entry((&task.site, is_cancelled)).or_insert_with(|| Undecided {
            site: task.site.clone(),
            is_cancelled,
            count: 0,
            tests: BTreeSet::new(),
            leaking: leaking_at(&task.site, cover),
        });
        tasks.count += count;
        tasks.tests.insert(name(&task.whose, None).name);
    }
    places.into_values().collect()
}

fn leaking_at(site: &Site, cover: &Cover) -> usize {
    let leaks = cover.leaks.keys().filter(|leak| leak.site == *site);
    leaks.map(|leak| (&leak.binary, &leak.whose)).collect::<BTreeSet<_>>().len()
}

/// Returns how many tasks these are.
pub(crate) fn sum(undecided: &[Undecided]) -> usize {
    undecided.iter().map(|it| it.count).sum()
}

/// Returns the channels that were open when their process ended; not those of tests with a task to blame.
fn open(cover: &Cover) -> impl Iterator<Item = (&Open, usize)> {
    let leaking: BTreeSet<_> = cover.leaks.keys().map(|leak| (&leak.binary, &leak.whose)).collect();
    let open = cover.open.iter().filter(move |(open, _)| !leaking.contains(&(&open.binary, &open.whose)));
    open.map(|(open, count)| (open, *count))
}

/// Returns the channels that are noted, ordered by place.
pub(crate) fn channels(cover: &Cover) -> Vec<Channels> {
    let mut places: BTreeMap<(&Site, &str), Channels> = BTreeMap::new();
    for (open, count) in open(cover).filter(|_| !cover.denies_channels) {
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
fn report(file: &str, whose: &Whose, left: &Left<'_>, binary: Option<&Binary>) -> Option<Report> {
    let has_died = binary.is_some_and(|binary| matches!(binary.end(), Ran::Died { .. }));
    let counts = |leak: &Leak| leak.fate == Fate::RuntimeEnded || !has_died;
    let test = name(whose, binary);
    let leaks = left.leaks.iter().filter(|(leak, _)| counts(leak));
    let leaks = leaks.map(|(leak, count)| finding(&test.name, leak, *count));
    let open = left.open.iter().filter(|_| !has_died).map(|(open, count)| open_channel(&test.name, open, *count));
    let findings: Vec<Value> = leaks.chain(open).collect();
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

fn open_channel(test: &str, open: &Open, count: usize) -> Value {
    json!({
        "kind": "open-channel",
        "test": test,
        "summary": records::open_channels(count),
        "count": count,
        "sites": [open.site],
        "evidence": [{ "about": "kind", "seen": open.kind }],
        "next": records::next_of_channel(),
    })
}
