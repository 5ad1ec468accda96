//! The table of properties in the README, held to the tests that there are.

use std::collections::BTreeSet;
use std::process::Command;

const README: &str = include_str!("../../README.md");
const SERVICES: [&str; 6] = ["sequence", "watcher", "group", "messaging", "web", "application"];
const PROPERTIES: usize = 16;

/// Returns the lines of the README below this heading.
fn section(heading: &str) -> impl Iterator<Item = &'static str> {
    let (_, below) = README.split_once(heading).expect("the README has the section");
    below.split("\n## ").next().unwrap_or_default().lines()
}

/// Returns the cells of the table, a row a property: its number, and what it says of each service.
fn rows() -> Vec<(usize, Vec<&'static str>)> {
    let rows = section("## What a correct shutdown is").filter_map(|line| line.strip_prefix("| P"));
    let cells = rows.map(|row| {
        let mut cells = row.trim_end_matches(" |").split(" | ");
        let number = cells.next().and_then(|name| name.split(' ').next()).and_then(|number| number.parse().ok());
        (number.expect("a row begins with the number of its property"), cells.collect())
    });
    cells.collect()
}

/// Returns the names of this binary's tests.
fn tests() -> Vec<String> {
    let own = std::env::current_exe().unwrap();
    let listed = Command::new(own).args(["--list", "--format", "terse"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Returns whether a test has this name, in which `…` stands for whatever is left out.
fn is_named(test: &str, name: &str) -> bool {
    let test = test.rsplit("::").next().unwrap_or(test);
    match name.split_once('…') {
        Some((start, end)) => test.starts_with(start) && test.ends_with(end),
        None => test == name,
    }
}

/// Returns the properties that the reasons below the table speak of, for one service.
fn reasons(service: &str) -> BTreeSet<usize> {
    let lines: Vec<&str> = section("## What a correct shutdown is").collect();
    let begin = lines.iter().position(|line| line.starts_with(&format!("- `{service}`:"))).unwrap_or(lines.len());
    let text = lines[begin..].iter().enumerate().take_while(|(at, line)| *at == 0 || !line.starts_with("- "));
    let text: String = text.map(|(_, line)| *line).collect();
    text.split("(P")
        .skip(1)
        .flat_map(|it| it.split(')').next().unwrap_or_default().split(", P"))
        .filter_map(|it| it.parse().ok())
        .collect()
}

#[test]
fn every_property_has_a_row_and_every_row_a_cell_for_each_service() {
    let rows = rows();
    assert!(rows.iter().map(|(number, _)| *number).eq(1..=PROPERTIES), "{rows:?}");
    for (number, cells) in rows {
        assert_eq!(cells.len(), SERVICES.len(), "P{number}");
    }
}

#[test]
fn every_test_of_the_table_is_there() {
    let tests = tests();
    for (number, cells) in rows() {
        for (cell, service) in cells.into_iter().zip(SERVICES) {
            for name in cell.split('`').skip(1).step_by(2) {
                let is_it = |test: &&String| test.starts_with(&format!("{service}::")) && is_named(test, name);
                assert!(tests.iter().any(|test| is_it(&test)), "P{number} {service}: no test is called `{name}`");
            }
        }
    }
}

#[test]
fn every_dash_has_its_reason_and_every_reason_its_dash() {
    for (at, service) in SERVICES.into_iter().enumerate() {
        let without: BTreeSet<usize> =
            rows().into_iter().filter(|(_, cells)| cells[at] == "-").map(|(number, _)| number).collect();
        assert_eq!(reasons(service), without, "{service}");
    }
}
