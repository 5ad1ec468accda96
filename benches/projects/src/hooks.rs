//! Reads what a copy of tokio noted of its tasks, and holds what a gate says of the same run against it.
//!
//! Each process has a file, of lines whose words are separated by tabs:
//!
//! | line | means |
//! | --- | --- |
//! | `program` program arguments.. | the process |
//! | `opened` runtime thread | a runtime was built on this thread |
//! | `spawned` task runtime place thread | by `on_task_spawn` |
//! | `alive` task polls | its runtime begins to end |
//! | `ended` task `in-turn` | by `on_task_terminate`, in a poll of that task: it came to its end, panicked, or was aborted |
//! | `ended` task `by-others` | by `on_task_terminate`, in no poll of it |

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::gate::{Pair, Verdict};
use crate::outcome::Outcomes;
use crate::place::Place;

/// How many tasks were alive when their runtime ended, or the process, by test and place.
pub(crate) type Seen = BTreeMap<Pair, usize>;

/// Reads the files of a run; `tests` are all that the suite has.
pub(crate) fn read(folder: &Path, tests: &Outcomes) -> Seen {
    let mut seen = Seen::new();
    for file in fs::read_dir(folder).expect("the folder of the witness") {
        let text = fs::read_to_string(file.expect("an entry").path()).expect("lines");
        left(&text, tests).into_iter().for_each(|pair| *seen.entry(pair).or_insert(0) += 1);
    }
    seen
}

/// Returns what a process left: tasks that never ended, and those that others ended after their runtime had begun to.
fn left(text: &str, tests: &Outcomes) -> Vec<Pair> {
    let (mut binary, mut builders) = ("", BTreeMap::new());
    // With each task, whether it was alive when its runtime began to end; and those that are no more, or were never taken.
    let (mut tasks, mut gone) = (BTreeMap::new(), BTreeSet::new());
    for line in text.lines() {
        match line.split('\t').collect::<Vec<_>>()[..] {
            // The gate runs tests once more, alone, whose names were cut: they are no part of the suite. nextest says more than that.
            ["program", _, ref rest @ ..] if rest.contains(&"--exact") && !rest.contains(&"--nocapture") => break,
            ["program", program, ..] => binary = program.rsplit('/').next().unwrap_or_default(),
            ["opened", runtime, thread] => drop(builders.insert(runtime, thread)),
            ["spawned", task, runtime, place, thread] if !gone.contains(task) => {
                // A test's thread has the name of the test; workers have none of their own, and belong to who built the runtime.
                let is_test = |name: &&str| tests.keys().any(|(file, test)| test == name && is_of(file, binary));
                let test = [thread, builders.get(runtime).copied().unwrap_or_default()].into_iter().find(is_test);
                let (test, place) = (test.unwrap_or_default().to_owned(), Place::parse(place).expect("a place"));
                tasks.insert(task, (Pair { binary: binary.to_owned(), test, place }, false));
            }
            ["spawned", ..] => {}
            ["alive", task, _] => tasks.get_mut(task).into_iter().for_each(|(_, is_alive)| *is_alive = true),
            ["ended", task, how] => {
                if how == "in-turn" || !tasks.get(task).is_some_and(|(_, is_alive)| *is_alive) {
                    tasks.remove(task);
                    gone.insert(task);
                }
            }
            ref other => panic!("a line of the witness: {other:?}"),
        }
    }
    tasks.into_values().map(|(pair, _)| pair).collect()
}

/// Returns whether a name of a binary is that of its file; nextest's are not, and are told by the test alone.
fn is_of(name: &str, file: &str) -> bool {
    name == file || name.contains("::")
}

/// What the gate and the hooks say of the same run.
#[derive(Debug, Default)]
pub(crate) struct Agreement {
    pub(crate) told: usize,
    pub(crate) pairs: usize,
    pub(crate) not_judged: usize,
    pub(crate) by_hooks: usize,
    /// Told, and not one of the hooks'.
    pub(crate) not_seen: Vec<String>,
    /// One of the hooks', and neither told nor named as not judged.
    pub(crate) missed: Vec<String>,
    /// Both have it, with another number of tasks.
    pub(crate) counted_otherwise: Vec<String>,
}

impl Agreement {
    /// `folder` is where the sources are.
    pub(crate) fn new(verdict: &Verdict, seen: &Seen, folder: &Path) -> Self {
        let (told, not_judged, mut seen) = (verdict.told(), verdict.not_judged(), seen.clone());
        let mut it = Self {
            told: told.iter().map(|(_, count)| count).sum(),
            pairs: told.len(),
            not_judged: not_judged.iter().map(|(_, count)| count).sum(),
            by_hooks: seen.values().sum(),
            ..Self::default()
        };
        for (pair, count) in &told {
            let may_be_more = not_judged.iter().any(|(pairs, _)| pairs.iter().any(|other| is_same(other, pair)));
            match take(&mut seen, pair, folder) {
                None => it.not_seen.push(format!("{}: {} ({count})", pair.test, pair.place)),
                Some(seen) if seen != *count && !may_be_more => {
                    it.counted_otherwise.push(format!("{}: {} ({count}, hooks {seen})", pair.test, pair.place));
                }
                Some(_) => {}
            }
        }
        for pair in not_judged.iter().flat_map(|(pairs, _)| pairs) {
            take(&mut seen, pair, folder);
        }
        it.missed = seen.iter().map(|(pair, count)| format!("{}: {} ({count})", pair.test, pair.place)).collect();
        it
    }
}

/// Takes what hooks saw of a pair, with the number of its tasks.
fn take(seen: &mut Seen, pair: &Pair, folder: &Path) -> Option<usize> {
    let (is_for_callers, around) = (pair.place.is_for_callers(folder), pair.place.macro_around(folder));
    let is_moved = |place: &Place| is_for_callers || around.as_ref().is_some_and(|name| place.uses(name, folder));
    let is_it = |other: &Pair| is_of_same(pair, other) && (pair.place == other.place || is_moved(&other.place));
    let found: Vec<Pair> = seen.keys().filter(|other| is_it(other)).cloned().collect();
    let counts = found.iter().filter_map(|it| seen.remove(it));
    (!found.is_empty()).then(|| counts.sum())
}

/// Returns whether two pairs are the same, as far as both are told.
fn is_same(one: &Pair, other: &Pair) -> bool {
    is_of_same(one, other) && one.place == other.place
}

/// Returns whether two pairs are of the same test.
fn is_of_same(one: &Pair, other: &Pair) -> bool {
    let agrees = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
    agrees(&one.binary, &other.binary) && agrees(&one.test, &other.test)
}
