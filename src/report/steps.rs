//! The boundary table of a replay: who was polled around the disturbances, in numbered steps, with a column for each task.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::disturb::inject::{Played, Turn};
use crate::finding::Site;
use crate::ledger::thread::BODY;

/// How many polls are shown before a disturbance, and behind it.
const BEFORE: u32 = 4;
const BEHIND: u32 = 6;
/// How many columns fit on a page.
const COLUMNS: usize = 9;

/// Who was polled around the disturbances of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Steps {
    /// Where each task was spawned, in the order of their first polls that are shown; `None` is the body.
    tasks: Vec<Option<Site>>,
    /// In the order of their boundaries.
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Step {
    /// So many polls there were with this one.
    boundary: u32,
    /// Which task was polled; `None` before the first poll.
    task: Option<usize>,
    /// What was done at this boundary.
    disturbed: Vec<String>,
}

impl Steps {
    /// Takes what is to be shown of a run, with what was done at which boundary.
    pub(crate) fn of(played: &Played, done: &[(u32, String)]) -> Self {
        // The body has the first column.
        let mut numbers = vec![BODY];
        let mut steps = Self { tasks: vec![None], steps: Vec::new() };
        let near =
            |boundary: u32| done.iter().any(|(at, _)| (at.saturating_sub(BEFORE)..=at + BEHIND).contains(&boundary));
        let at = |boundary: u32| {
            let there = done.iter().filter(|(at, _)| *at == boundary);
            there.map(|(_, what)| what.clone()).collect::<Vec<_>>()
        };
        let first = at(0);
        if !first.is_empty() {
            steps.steps.push(Step { boundary: 0, task: None, disturbed: first });
        }
        for (boundary, Turn { id, place }) in (1..).zip(&played.turns) {
            if !near(boundary) {
                continue;
            }
            let task = numbers.iter().position(|known| known == id).unwrap_or_else(|| {
                numbers.push(*id);
                steps.tasks.push(place.clone());
                numbers.len() - 1
            });
            steps.steps.push(Step { boundary, task: Some(task), disturbed: at(boundary) });
        }
        steps
    }

    /// Returns the lines of the table, and where each of its tasks was spawned.
    pub(crate) fn lines(&self) -> Vec<String> {
        let shown: BTreeSet<usize> = (0..self.tasks.len().min(COLUMNS)).collect();
        let names: Vec<String> = (0..self.tasks.len()).map(|task| self.name(task)).collect();
        let head: String = shown.iter().map(|task| format!(" {:<6}", names[*task])).collect();
        let mut lines = vec![format!("{:>8} {head}", "boundary").trim_end().to_owned()];
        let mut last = None;
        for step in &self.steps {
            if last.is_some_and(|last| step.boundary > last + 1) {
                lines.push(format!("{:>8}", "..."));
            }
            last = Some(step.boundary);
            let cell = |task: &usize| if step.task == Some(*task) { " poll  " } else { " .     " };
            let cells: String = shown.iter().map(cell).collect();
            let disturbed = step.disturbed.join(" ");
            lines.push(format!("{:>8} {cells} {disturbed}", step.boundary).trim_end().to_owned());
        }
        let legend = self.tasks.iter().zip(&names);
        lines.extend(legend.filter_map(|(site, name)| Some(format!("{name}: spawned at {}", site.as_ref()?))));
        lines
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    fn name(&self, task: usize) -> String {
        match &self.tasks[task] {
            None => "body".to_owned(),
            Some(_) => format!("task{}", self.tasks[..=task].iter().flatten().count()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_around_a_disturbance_are_shown_in_columns() {
        let site = Site { file: "src/a.rs".into(), line: 3, column: 5 };
        let turn = |id: u64| Turn { id, place: (id > 0).then(|| site.clone()) };
        let turns = (0..40).map(|number| turn(number % 2 * 7)).collect();
        let played = Played { turns, ..Played::default() };
        let lines = Steps::of(&played, &[(20, "SIGTERM".to_owned())]).lines();
        assert_eq!(lines[0], "boundary  body   task1");
        assert!(lines.contains(&"      20  .      poll   SIGTERM".to_owned()), "{lines:#?}");
        assert_eq!(lines.len(), 1 + 11 + 1);
        assert_eq!(lines.last().unwrap(), "task1: spawned at src/a.rs:3:5");
    }
}
