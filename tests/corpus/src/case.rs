//! One program in two forms, and what a tool should say of it.

use std::path::Path;
use std::pin::Pin;
use std::{fmt, fs};

/// A started program: the body of a test that uses it.
pub type Body = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Which form of a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With the bug.
    Buggy,
    /// Without it.
    Fixed,
}

/// Where a program comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// GoBench's kernels of real Go bugs (CGO 2021).
    GoKer,
    /// Real bugs of Rust programs.
    Rust,
    /// The leak patterns of large Go code in Uber's study.
    Uber,
}

impl Family {
    /// Every family, in the order of the registry.
    pub const ALL: [Self; 3] = [Self::GoKer, Self::Rust, Self::Uber];

    /// Returns the module that holds its programs.
    #[must_use]
    pub fn module(self) -> &'static str {
        match self {
            Self::GoKer => "goker",
            Self::Rust => "rust",
            Self::Uber => "uber",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::GoKer => "GoKer",
            Self::Rust => "Rust",
            Self::Uber => "Uber",
        })
    }
}

/// What goes wrong in the buggy form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// A send waits for room that nobody makes.
    BlockedSend,
    /// A receiver waits for a message, or for an end of its channel, that nobody brings about.
    BlockedReceive,
    /// A wait for an event that never happens: a done channel, a condition, a notification.
    MissingSignal,
    /// A lock is held across a wait for someone who needs the lock.
    LockHeld,
    /// Two locks are taken in both orders.
    LockOrder,
    /// A lock is taken again by its holder.
    TakenAgain,
    /// A second read lock waits behind a writer, which waits for the first.
    QueuedWriter,
    /// Something is ended twice. The panic names the second place only; a probe on what is ended would name both.
    DoubleClose,
    /// Something is used after its end. The panic names the use only; a probe on what is ended would name both places.
    UseAfterClose,
    /// A task outlives the one that should have ended it.
    Orphan,
    /// A loop that has no way out.
    NoExit,
    /// A thread waits, and nobody can tell it to stop.
    BlockedThread,
    /// Accepted work is dropped. A panic of the one who waits for it tells of it; a ticket for the work would say what was lost.
    LostWork,
    /// A signal comes and is not heeded.
    LostSignal,
    /// It lives on, and something that is alive could still wake it: a leak, but not a proof of being stuck.
    NotStuck,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BlockedSend => "blocked send",
            Self::BlockedReceive => "blocked receive",
            Self::MissingSignal => "missing signal",
            Self::LockHeld => "lock held",
            Self::LockOrder => "lock order",
            Self::TakenAgain => "lock taken again",
            Self::QueuedWriter => "queued writer",
            Self::DoubleClose => "double close",
            Self::UseAfterClose => "use after close",
            Self::Orphan => "orphan",
            Self::NoExit => "no exit",
            Self::BlockedThread => "blocked thread",
            Self::LostWork => "lost work",
            Self::LostSignal => "lost signal",
            Self::NotStuck => "not stuck",
        })
    }
}

/// What it takes for the buggy form to show its bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Every run shows it.
    Nothing,
    /// An order of tasks that so many delayed polls bring about.
    Delays(u32),
    /// These signals, at the wrong moment.
    Signals(&'static [Signal]),
}

/// A signal that a program is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: what supervisors send.
    Terminate,
}

/// A place that a report on the buggy form must name, and as what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The kind of finding, as lightsout names it.
    pub kind: &'static str,
    /// The line in the case's file; counts from 1.
    pub line: u32,
}

impl Mark {
    /// The kinds that a mark may have.
    pub const KINDS: [&'static str; 5] = ["blocked-thread", "died", "hang", "leaked-task", "task-panic"];
}

/// One program in two forms.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The path of its module: `corpus::goker::etcd_6873`.
    pub module: &'static str,
    /// Its file, as the compiler names it, and so a report.
    pub file: &'static str,
    /// What goes wrong in the buggy form.
    pub class: Class,
    /// What it takes to show that.
    pub needs: Needs,
    /// Makes the program; it starts when it is polled, on a runtime whose clock should be paused.
    pub start: fn(Form) -> Body,
}

impl Case {
    /// Returns its name, which is that of its file: `etcd_6873`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.module.rsplit("::").next().unwrap_or(self.module)
    }

    /// Returns where it comes from.
    ///
    /// # Panics
    ///
    /// If its file is in the folder of no family.
    #[must_use]
    pub fn family(&self) -> Family {
        let module = self.module.rsplit("::").nth(1).unwrap_or_default();
        Family::ALL.into_iter().find(|family| family.module() == module).expect("each family has a module")
    }

    /// Returns the origin and the pattern: the first line of its file, as in `etcd#6873: ...`.
    ///
    /// # Panics
    ///
    /// If its file cannot be read.
    #[must_use]
    pub fn origin(&self) -> String {
        self.source().lines().next().and_then(|line| line.strip_prefix("//! ")).unwrap_or_default().to_owned()
    }

    /// Returns the places that a report on the buggy form must name, ordered by kind and line, as the source marks them: a comment
    /// that begins with a kind and a colon speaks of the next line of code.
    ///
    /// # Panics
    ///
    /// If its file cannot be read.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        marks_of(&self.source())
    }

    /// Reads its file, whose name is absolute where this package is built from another workspace.
    pub(crate) fn source(&self) -> String {
        let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(self.file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("failed to read `{}`: {error}", path.display()))
    }
}

fn marks_of(source: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut pending = None;
    for (line, text) in (1..).zip(source.lines().map(str::trim_start)) {
        match text.strip_prefix("// ") {
            Some(comment) => pending = kind_of(comment).or(pending),
            None => marks.extend(pending.take().map(|kind| Mark { kind, line })),
        }
    }
    marks.sort_unstable();
    marks
}

/// Returns the kind that a comment begins with.
fn kind_of(comment: &str) -> Option<&'static str> {
    Mark::KINDS.into_iter().find(|kind| comment.strip_prefix(kind).is_some_and(|rest| rest.starts_with(':')))
}

/// Writes down the case of the file that it stands in: its class, its function, and what it needs if that is anything.
macro_rules! case {
    ($class:ident, $program:ident) => {
        case!($class, $program, $crate::Needs::Nothing)
    };
    ($class:ident, $program:ident, $needs:expr) => {
        $crate::Case {
            module: module_path!(),
            file: file!(),
            class: $crate::Class::$class,
            needs: $needs,
            start: |form| Box::pin($program(form)),
        }
    };
}
pub(crate) use case;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_speaks_of_the_next_line_of_code() {
        let source = "//! x\n\n// leaked-task: it waits,\n// and waits.\nspawn();\n    // hang: here.\n    wait();\n// hang on\nend();";
        assert_eq!(marks_of(source), [Mark { kind: "hang", line: 7 }, Mark { kind: "leaked-task", line: 5 }]);
    }
}
