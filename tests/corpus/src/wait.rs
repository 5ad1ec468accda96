//! What a task that is left waits for, and who has it: written beside the task by hand.

use crate::Case;

/// What one task waits for. Several of one line may wait for different things, and one task for several at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The line that spawns it, in the case's file; counts from 1.
    pub task: u32,
    /// What it waits for.
    pub on: Awaited,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Something that was made at this file and line, and who has it.
    Resource(&'static str, u32, Holder),
    /// The end of the task that this line spawns.
    EndOf(u32),
    /// A timer.
    Timer,
    /// A socket.
    Source,
    /// Nothing that could wake it.
    Nothing,
}

/// Who could wake whoever waits, or keeps somebody from doing so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The one that waits, and nobody else.
    Itself,
    /// A task that this line spawns.
    Task(u32),
    /// A static.
    Static,
}

/// What stands before a wait.
const WAITS_FOR: &str = "// waits for ";

impl Case {
    /// Returns what its tasks wait for in the end, each wait that there is: the comments `// waits for ...` between a mark and its line.
    /// Code in backticks is a part of the line that makes something, in the case's file or in that of its channels; `task 2` is the
    /// second task that is marked.
    ///
    /// # Panics
    ///
    /// If a file cannot be read, or what stands there is not understood.
    #[must_use]
    pub fn waits(&self) -> Vec<Wait> {
        let source = self.source();
        let tasks: Vec<u32> =
            self.marks().iter().filter(|mark| mark.kind == "leaked-task").map(|mark| mark.line).collect();
        let mut waits = Vec::new();
        for (line, text) in (1..).zip(source.lines().map(str::trim_start)) {
            let Some(told) = text.strip_prefix(WAITS_FOR) else { continue };
            let task = tasks.iter().copied().find(|task| *task > line).expect("it stands before its task");
            let on = self.awaited(&source, &tasks, told.trim_end_matches('.'));
            waits.push(Wait { task, on: on.unwrap_or_else(|| panic!("{}:{line}: not understood: {told}", self.file)) });
        }
        waits
    }

    fn awaited(&self, source: &str, tasks: &[u32], told: &str) -> Option<Awaited> {
        let task = |number: &str| tasks.get(number.parse::<usize>().ok()?.checked_sub(1)?).copied();
        match told {
            "a timer" => return Some(Awaited::Timer),
            "a source of events" => return Some(Awaited::Source),
            "nothing" => return Some(Awaited::Nothing),
            _ => {}
        }
        if let Some(number) = told.strip_prefix("the end of task ") {
            return Some(Awaited::EndOf(task(number)?));
        }
        let (code, holder) = told.split_once(", held by ")?;
        let holder = match holder {
            "itself" => Holder::Itself,
            "a static" => Holder::Static,
            other => Holder::Task(task(other.strip_prefix("task ")?)?),
        };
        let code = code.strip_prefix('`')?.strip_suffix('`')?;
        let channels = (crate::channel::FILE, include_str!("channel.rs"));
        let (file, line) = [(self.file, source), channels].into_iter().find_map(|(file, text)| {
            let mut lines = (1..).zip(text.lines()).filter(|(_, text)| is_code(text) && text.contains(code));
            let (line, _) = lines.next()?;
            assert!(lines.next().is_none(), "{file}: `{code}` is in several lines");
            Some((file, line))
        })?;
        Some(Awaited::Resource(file, line, holder))
    }
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CASES, Family};

    #[test]
    fn wait_names_lines_and_tasks() {
        let case = crate::case(Family::GoKer, "grpc_1275").expect("the registry has it");
        let tasks: Vec<u32> = case.marks().iter().map(|mark| mark.line).collect();
        let made =
            (1..).zip(include_str!("channel.rs").lines()).find(|(_, line)| line.contains("mpsc::channel(messages)"));
        let made = made.expect("channels are made there").0;
        let expected = [
            Wait { task: tasks[0], on: Awaited::Resource("tests/corpus/src/channel.rs", made, Holder::Task(tasks[1])) },
            Wait { task: tasks[1], on: Awaited::EndOf(tasks[0]) },
        ];
        assert_eq!(case.waits(), expected);
    }

    #[test]
    fn every_task_that_is_left_says_what_it_waits_for() {
        for case in CASES {
            let waits = case.waits();
            for mark in case.marks().iter().filter(|mark| mark.kind == "leaked-task") {
                assert!(waits.iter().any(|wait| wait.task == mark.line), "{}:{}", case.file, mark.line);
            }
        }
    }
}
