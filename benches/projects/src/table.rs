//! Tells what was seen as Markdown.

use std::collections::BTreeSet;
use std::fmt::Display;

use benches::{median, ratios};

use crate::cost::Cost;
use crate::hooks::Agreement;
use crate::look::Looked;

/// A row: what stands at the head of each column, and the cell.
type Row = Vec<(&'static str, String)>;

/// Returns the tables of several projects, and by name what the tables only count.
pub(crate) fn told(looks: &[Looked]) -> String {
    let tables: [Vec<Row>; 3] = [
        looks.iter().map(findings).collect(),
        looks.iter().filter_map(alone).collect(),
        looks.iter().map(beside_hooks).collect(),
    ];
    tables.iter().map(|rows| table(rows)).chain(looks.iter().map(remarks)).collect()
}

fn table(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let head = line(first.iter().map(|(head, _)| *head).collect()) + &line(vec!["---"; first.len()]);
    let rows = rows.iter().map(|row| line(row.iter().map(|(_, cell)| &**cell).collect()));
    "\n".to_owned() + &head + &rows.collect::<String>() + "\n"
}

fn findings(it: &Looked) -> Row {
    let [plain, gated, first] = &it.commands;
    let found = it.verdicts.iter().map(|verdict| match verdict.findings() {
        (0, _) => "none".to_owned(),
        (findings, tests) => format!("{findings} in {}", several(tests, "test")),
    });
    let changed = it.comparison.changed.len();
    vec![
        ("project", it.project.title()),
        ("tests", it.comparison.tests.to_string()),
        ("command", format!("`{}`", it.project.command_line())),
        ("findings", each(found)),
        ("outcomes", if changed == 0 { "unchanged".to_owned() } else { format!("{changed} changed") }),
        ("time without", time(plain, PASSED)),
        ("under the gate", ratio(gated, plain, PASSED)),
        ("its first run", ratio(first, plain, PASSED)),
    ]
}

fn alone(it: &Looked) -> Option<Row> {
    let (binaries, [plain, recorded, channels]) = it.alone.as_ref()?;
    Some(vec![
        ("project", it.project.title()),
        ("binaries", binaries.to_string()),
        ("time without", time(plain, PASSED)),
        ("with the recorder", ratio(recorded, plain, PASSED)),
        ("with `--channels`", ratio(channels, plain, PASSED)),
        ("processor time without", time(plain, PROCESSORS)),
        ("with the recorder", ratio(recorded, plain, PROCESSORS)),
        ("with `--channels`", ratio(channels, plain, PROCESSORS)),
    ])
}

fn beside_hooks(it: &Looked) -> Row {
    let of = |of: fn(&Agreement) -> String| each(it.agreements.iter().map(of));
    vec![
        ("project", it.project.title()),
        ("with", it.tokio.replacen('-', " ", 1)),
        ("runs", it.agreements.len().to_string()),
        ("told by the gate", of(|it| format!("{}, {}", several(it.told, "task"), several(it.pairs, "pair")))),
        ("not judged", of(|it| it.not_judged.to_string())),
        ("by the hooks", of(|it| it.by_hooks.to_string())),
        ("not seen by the hooks", of(|it| it.not_seen.len().to_string())),
        ("neither told nor named", of(|it| it.missed.len().to_string())),
    ]
}

fn remarks(it: &Looked) -> String {
    let rounds = |of: fn(&Agreement) -> &Vec<String>| it.agreements.iter().flat_map(of).cloned().collect();
    let all: [(&str, BTreeSet<String>); 7] = [
        ("changed under the gate", it.comparison.changed.iter().cloned().collect()),
        ("no two times alike without it", it.comparison.unsteady.iter().cloned().collect()),
        ("failing with and without", it.comparison.failing.iter().cloned().collect()),
        ("not looked at", it.verdicts.iter().flat_map(|verdict| verdict.blind()).collect()),
        ("told, and not seen by the hooks", rounds(|it| &it.not_seen)),
        ("seen by the hooks, and neither told nor named", rounds(|it| &it.missed)),
        ("counted otherwise", rounds(|it| &it.counted_otherwise)),
    ];
    let some = all.iter().filter(|(_, names)| !names.is_empty());
    let lines = some.map(|(what, names)| {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        format!("- {}, {what}: {}\n", it.project.title(), names.join(", "))
    });
    lines.collect()
}

fn several(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Says a value once where all rounds have it, else all of them in turn.
fn each(values: impl Iterator<Item = impl Display>) -> String {
    let mut said: Vec<String> = values.map(|value| value.to_string()).collect();
    if said.iter().collect::<BTreeSet<_>>().len() == 1 {
        said.truncate(1);
    }
    said.join("; ")
}

/// A figure of a cost.
type Of = fn(&Cost) -> f64;
const PASSED: Of = |cost| cost.passed;
const PROCESSORS: Of = |cost| cost.processors;

fn time(costs: &[Cost], of: Of) -> String {
    let millis = median(&costs.iter().map(of).collect::<Vec<_>>());
    if millis < 1000.0 { format!("{millis:.0} ms") } else { format!("{:.2} s", millis / 1000.0) }
}

fn ratio(ours: &[Cost], base: &[Cost], of: Of) -> String {
    let [ours, base] = [ours, base].map(|costs| costs.iter().map(of).collect::<Vec<_>>());
    format!("{:.2}x", median(&ratios(&ours, &base)))
}
