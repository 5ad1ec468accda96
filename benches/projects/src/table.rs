//! Prints what was seen as Markdown.

use std::collections::BTreeSet;
use std::fmt::Display;

use benches::{median, ratios};

use crate::cost::Cost;
use crate::hooks::Agreement;
use crate::look::Looked;

pub(crate) fn print<'a>(looks: impl Iterator<Item = &'a Looked> + Clone) {
    println!("\n| project | tests | command | findings | outcomes | `cargo test` | under the gate | its first run |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    looks.clone().for_each(|it| println!("{}", findings(it)));
    println!(
        "\n| project | binaries | time without | with the recorder | with `--channels` | processor time without | with the recorder | with `--channels` |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    looks.clone().filter_map(alone).for_each(|row| println!("{row}"));
    println!(
        "\n| project | runs | told by the gate | not judged | by the hooks | not seen by the hooks | neither told nor named |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    looks.clone().for_each(|it| println!("{}", beside_hooks(it)));
    println!();
    looks.for_each(remarks);
}

fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}

fn findings(it: &Looked) -> String {
    let [plain, gated, first] = &it.commands;
    let tests = |count| if count == 1 { "test" } else { "tests" };
    let found = each(it.verdicts.iter().map(|verdict| match verdict.findings() {
        (0, _) => "none".to_owned(),
        (findings, in_tests) => format!("{findings} in {in_tests} {}", tests(in_tests)),
    }));
    let changed = it.comparison.changed.len();
    row(&[
        it.project.title(),
        it.comparison.tests.to_string(),
        format!("`{}`", it.project.command_line()),
        found,
        if changed == 0 { "unchanged".to_owned() } else { format!("{changed} changed") },
        time(plain, |cost| cost.passed),
        ratio(gated, plain, |cost| cost.passed),
        ratio(first, plain, |cost| cost.passed),
    ])
}

fn alone(it: &Looked) -> Option<String> {
    let (binaries, [plain, recorded, channels]) = it.alone.as_ref()?;
    let figures = |of: fn(&Cost) -> f64| [time(plain, of), ratio(recorded, plain, of), ratio(channels, plain, of)];
    let head = [it.project.title(), binaries.to_string()];
    Some(row(&[&head[..], &figures(|cost| cost.passed), &figures(|cost| cost.processors)].concat()))
}

fn beside_hooks(it: &Looked) -> String {
    let rounds = it.agreements.iter();
    let most = |of: fn(&Agreement) -> &Vec<String>| match rounds.clone().map(|round| of(round).len()).max() {
        None | Some(0) => "none".to_owned(),
        Some(_) => each(rounds.clone().map(|round| of(round).len())),
    };
    let told = |round: &Agreement| format!("{} tasks, {} pairs", round.told, round.pairs);
    row(&[
        it.project.title(),
        it.agreements.len().to_string(),
        each(rounds.clone().map(told)),
        each(rounds.clone().map(|round| round.not_judged)),
        each(rounds.clone().map(|round| round.by_hooks)),
        most(|round| &round.not_seen),
        most(|round| &round.missed),
    ])
}

/// Names what the tables only count.
fn remarks(it: &Looked) {
    let say = |what: &str, names: BTreeSet<&String>| {
        if !names.is_empty() {
            let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
            println!("- {}, {what}: {}", it.project.title(), names.join(", "));
        }
    };
    say("changed under the gate", it.comparison.changed.iter().collect());
    say("no two times alike without it", it.comparison.unsteady.iter().collect());
    say("failing with and without", it.comparison.failing.iter().collect());
    let blind: Vec<String> = it.verdicts.iter().flat_map(|verdict| verdict.blind()).collect();
    say("not looked at", blind.iter().collect());
    say("told, and not seen by the hooks", it.agreements.iter().flat_map(|round| &round.not_seen).collect());
    say(
        "seen by the hooks, and neither told nor named",
        it.agreements.iter().flat_map(|round| &round.missed).collect(),
    );
    say("counted otherwise", it.agreements.iter().flat_map(|round| &round.counted_otherwise).collect());
}

/// Says a value once where all rounds have it, else all of them in turn.
fn each(values: impl Iterator<Item = impl Display>) -> String {
    let mut said: Vec<String> = values.map(|value| value.to_string()).collect();
    if said.iter().collect::<BTreeSet<_>>().len() == 1 {
        said.truncate(1);
    }
    said.join("; ")
}

fn column(costs: &[Cost], of: fn(&Cost) -> f64) -> Vec<f64> {
    costs.iter().map(of).collect()
}

fn time(costs: &[Cost], of: fn(&Cost) -> f64) -> String {
    let millis = median(&column(costs, of));
    if millis < 1000.0 { format!("{millis:.0} ms") } else { format!("{:.2} s", millis / 1000.0) }
}

fn ratio(ours: &[Cost], base: &[Cost], of: fn(&Cost) -> f64) -> String {
    format!("{:.2}x", median(&ratios(&column(ours, of), &column(base, of))))
}
