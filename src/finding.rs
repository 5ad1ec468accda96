//! What a checked test found: plain, ordered data that everything downstream reads.
//!
//! The JSON form of [`Report`] is the contract with the outside: kebab-case keys, `version` first, and no key is renamed without
//! a new version. A reader that meets a newer version must refuse it and not guess.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::disturb::plan::Plan;
use crate::graph::data::WaitGraph;
use crate::report::steps::Steps;
use crate::report::words;

/// The version that [`Report::to_json`] writes.
pub const FORMAT_VERSION: u32 = 1;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Kind {
    /// The body did not end by its deadline, or what it left keeps the runtime from going on.
    Hang,
    /// A task spawned in the run is alive after settle.
    LeakedTask,
    /// A thread of the run still runs after the runtime was stopped.
    BlockedThread,
    /// A channel created in the run is open after everything else of it has ended; a finding with `channels = "deny"`, a note otherwise.
    OpenChannel,
    /// A task panicked, whether or not anyone looked at its `JoinHandle`.
    TaskPanic,
    /// Something that ends once was ended twice.
    DoubleClose,
    /// Something was used after its end.
    UseAfterClose,
    /// A stated order of endings was broken.
    OutOfOrder,
    /// A piece of work was accepted, and neither done nor refused.
    LostWork,
    /// The process of the test ended in the middle of a run, or a signal that comes while it starts would end it.
    Died,
    /// Nothing was checked, so a pass would mean nothing.
    Vacuous,
}

impl Kind {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 11] = [
        Self::Hang,
        Self::LeakedTask,
        Self::BlockedThread,
        Self::OpenChannel,
        Self::TaskPanic,
        Self::DoubleClose,
        Self::UseAfterClose,
        Self::OutOfOrder,
        Self::LostWork,
        Self::Died,
        Self::Vacuous,
    ];

    /// Returns the name that reports, JSON and the command line use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hang => "hang",
            Self::LeakedTask => "leaked-task",
            Self::BlockedThread => "blocked-thread",
            Self::OpenChannel => "open-channel",
            Self::TaskPanic => "task-panic",
            Self::DoubleClose => "double-close",
            Self::UseAfterClose => "use-after-close",
            Self::OutOfOrder => "out-of-order",
            Self::LostWork => "lost-work",
            Self::Died => "died",
            Self::Vacuous => "vacuous",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A place in source code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Site {
    /// The path as the compiler saw it: relative to the workspace for its own code, absolute for a dependency's.
    ///
    /// Borrowed where the compiler wrote it into the program, so that a census of a million tasks copies no path.
    pub file: Cow<'static, str>,
    /// Counts from 1; 0 where only the file is known.
    pub line: u32,
    /// Counts from 1; 0 where it is not known.
    pub column: u32,
}

/// What stands behind a function that stands for a place.
const NO_DEBUG_INFORMATION: &str = " (no debug information)";

impl Site {
    pub(crate) fn of(place: &'static Location<'static>) -> Self {
        Self { file: Cow::Borrowed(place.file()), line: place.line(), column: place.column() }
    }

    /// Stands for a place of which only the function is known: there is no debug information.
    pub(crate) fn of_function(name: &str) -> Self {
        Self { file: Cow::Owned(format!("{name}{NO_DEBUG_INFORMATION}")), line: 0, column: 0 }
    }

    /// Returns the function, where only that is known.
    pub(crate) fn function(&self) -> Option<&str> {
        self.file.strip_suffix(NO_DEBUG_INFORMATION)
    }

    /// Stands for a place that cannot be told.
    pub(crate) fn unknown() -> Self {
        Self { file: Cow::Borrowed("an unknown place"), line: 0, column: 0 }
    }

    /// Returns the place of a panic, which is lent for as long as its hook runs.
    pub(crate) fn of_panic(place: &Location<'_>) -> Self {
        Self { file: Cow::Owned(place.file().to_owned()), line: place.line(), column: place.column() }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column] {
            if number == 0 {
                break;
            }
            write!(f, ":{number}")?;
        }
        Ok(())
    }
}

/// One line of evidence: what it is about, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evidence {
    /// One or two words: `state`, `age`, `awaits`.
    pub about: String,
    /// What was seen, as one line of text.
    pub seen: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[must_use = "a finding that nobody reads fails nothing"]
pub struct Finding {
    pub(crate) kind: Kind,
    pub(crate) test: String,
    pub(crate) summary: String,
    pub(crate) count: usize,
    pub(crate) sites: Vec<Site>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) next: String,
    pub(crate) rule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) waits: Option<WaitGraph>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<Plan>,
}

impl Finding {
    /// Returns what is wrong.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the name of the test that showed it.
    #[must_use]
    pub fn test(&self) -> &str {
        &self.test
    }

    /// Returns the finding as one sentence without its place.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Returns how many tasks, threads or panics this finding stands for: those of one place are told once.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the places to look at, the first one first; empty where no place could be seen.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Returns what was seen, in the order in which a report prints it.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn next_step(&self) -> &str {
        &self.next
    }

    /// Returns the argument of the attribute that allows it, for where it is meant to be; `None` for what cannot be allowed.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Returns who waits for what, and who holds it: the tasks of a `leaked-task`, and all that they have to do with. `None` for other
    /// kinds, and where it cannot be seen.
    pub fn waits(&self) -> Option<&WaitGraph> {
        self.waits.as_ref()
    }

    /// Returns the plan that showed it: the smallest one that was found. `None` where the check did not search.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }
}

/// How the body of a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "how", content = "message")]
#[non_exhaustive]
pub enum Ending {
    /// It returned `()` or `Ok`, or panicked as `#[should_panic]` asks.
    Passed,
    /// It returned `Err`, printed with `Debug`; or did not panic although it should have.
    Failed(String),
    /// It panicked, with this message.
    Panicked(String),
    /// It had not ended by its deadline.
    Unfinished,
}

/// Something that was alive and that a rule allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Allowed {
    /// The rule, as it was written.
    pub rule: String,
    /// Why it may live.
    pub reason: String,
    /// How many tasks, threads or panics it matched; a rule that matched nothing is told as such.
    pub count: usize,
}

/// Something that this report cannot speak about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Unseen {
    /// What was not looked at.
    pub what: String,
    /// Why not, and what would change it.
    pub why: String,
}

/// What became of the work that was accepted. It adds up: `accepted` is `done`, `refused` and `lost` together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Work {
    /// How many pieces of work were handed in.
    pub accepted: u64,
    /// How many were done.
    pub done: u64,
    /// How many were refused.
    pub refused: u64,
    /// How many were neither when the test was over.
    pub lost: u64,
}

impl Work {
    pub(crate) fn is_none(&self) -> bool {
        self.accepted == 0
    }
}

/// What was searched, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Coverage {
    pub(crate) runs: u64,
    pub(crate) tasks: u64,
    pub(crate) exact: bool,
    #[serde(default, skip_serializing_if = "Work::is_none")]
    pub(crate) work: Work,
    pub(crate) unseen: Vec<Unseen>,
    /// `None` where the check did not search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) searched: Option<Searched>,
}

/// How far a search came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Searched {
    /// Plans that ran, each counted once.
    pub(crate) done: u64,
    /// Plans that there are.
    pub(crate) total: u64,
    /// Whether `total` was counted, and not extrapolated.
    pub(crate) is_counted: bool,
    /// Signals that were raised.
    pub(crate) raised: u64,
    /// The first boundary at which the program listens: earlier signals would end it. `None` without signals, if it never does, and if
    /// the process had handlers before.
    pub(crate) listens_from: Option<u32>,
    /// The boundary at which a signal that is not placed comes since the program is never quiet; `None` if it is.
    pub(crate) restless_at: Option<u32>,
    /// Plans whose signals came before the program listened, as far as that shows only afterwards.
    pub(crate) unheard: u64,
    /// Plans that are kept from earlier searches and were tried first.
    pub(crate) kept: u64,
    /// Plans that are kept and have other signals than the check now has.
    pub(crate) unfit: u64,
    /// Where two runs of one plan parted; `None` if those that ran twice were the same.
    pub(crate) parted: Option<String>,
    /// Whether tasks ran on several threads, where nothing is the same twice.
    pub(crate) is_stress: bool,
    /// Whether one plan was asked for.
    pub(crate) is_replay: bool,
    /// What the plans were drawn with; `None` where they were tried in order.
    pub(crate) drawn_with: Option<u64>,
    /// Whether Ctrl-C ended the search.
    pub(crate) is_interrupted: bool,
    /// Who was polled around the disturbances; empty but for a replay.
    #[serde(default, skip_serializing_if = "Steps::is_empty")]
    pub(crate) steps: Steps,
}

impl Searched {
    /// Returns how many plans ran, each counted once.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Returns how many plans there are; an extrapolation unless all of them ran, or the deepest ones are known.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Returns whether every plan ran, on a body that does the same under the same plan.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        let is_whole = self.is_counted && self.done >= self.total && self.drawn_with.is_none();
        is_whole && self.parted.is_none() && !self.is_stress && !self.is_replay && !self.is_interrupted
    }

    /// Returns the seed that the plans were drawn with; `None` where they were tried in order.
    #[must_use]
    pub fn drawn_with(&self) -> Option<u64> {
        self.drawn_with
    }

    /// Returns how many signals were raised in all runs.
    #[must_use]
    pub fn raised(&self) -> u64 {
        self.raised
    }

    /// Returns the first boundary at which the program listens for the signals; before it, each of them would end the program.
    /// `None` without signals, if it never does, and where the process had handlers already: nobody knows then.
    #[must_use]
    pub fn listens_from(&self) -> Option<u32> {
        self.listens_from
    }

    /// Returns where two runs of the same plan parted, if they did: the body then depends on something that no plan knows, and to have
    /// tried every plan is no proof.
    #[must_use]
    pub fn parted(&self) -> Option<&str> {
        self.parted.as_deref()
    }
}

impl fmt::Display for Searched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&words::searched(self))
    }
}

impl Coverage {
    /// Returns how many runs stand behind the report.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Returns how many tasks were watched from their spawn on; 0 where the runtime tells of no spawn.
    #[must_use]
    pub fn tasks(&self) -> u64 {
        self.tasks
    }

    /// Returns whether each task was seen by itself, and not only counted.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Returns what became of the work that was accepted.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }

    /// Returns what was not looked at, and why.
    #[must_use]
    pub fn unseen(&self) -> &[Unseen] {
        &self.unseen
    }

    /// Returns how far the search came; `None` where the check did not search.
    #[must_use]
    pub fn searched(&self) -> Option<&Searched> {
        self.searched.as_ref()
    }
}

/// Who fails a test that has findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Enforced {
    /// lightsout itself: the test stands under the attribute, and the test runner has called it.
    #[default]
    ByAttribute,
    /// The test's own code, which has the report as a value, or calls another test and catches its failure: findings of a test that passed
    /// are what it expects.
    ByCaller,
    /// The gate: an ordinary test passes whatever it leaves.
    ByGate,
}

/// The findings of one test, with what was searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[must_use = "a report fails nothing by itself: call `assert_clean`, or read its findings"]
pub struct Report {
    pub(crate) version: u32,
    pub(crate) test: String,
    pub(crate) package: Option<String>,
    pub(crate) binary: Option<String>,
    pub(crate) case: Option<String>,
    pub(crate) enforced: Enforced,
    pub(crate) ending: Ending,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<Plan>,
    pub(crate) findings: Vec<Finding>,
    #[serde(default)]
    pub(crate) notes: Vec<Finding>,
    pub(crate) allowed: Vec<Allowed>,
    pub(crate) coverage: Coverage,
    pub(crate) again: String,
    pub(crate) micros: u64,
}

impl Report {
    /// Returns the name of the test.
    #[must_use]
    pub fn test(&self) -> &str {
        &self.test
    }

    /// Returns the package of the test, where the test runner told it.
    #[must_use]
    pub fn package(&self) -> Option<&str> {
        self.package.as_deref()
    }

    /// Returns the file name of the test binary, where the system tells it.
    #[must_use]
    pub fn binary(&self) -> Option<&str> {
        self.binary.as_deref()
    }

    /// Returns the name under which the test runner runs the test, which is that of its thread; `None` on the main thread. Several
    /// checks may stand in one test.
    #[must_use]
    pub fn case(&self) -> Option<&str> {
        self.case.as_deref()
    }

    /// Returns who fails the test if something was found.
    #[must_use]
    pub fn enforced(&self) -> Enforced {
        self.enforced
    }

    /// Returns how the body ended.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Returns the plan under which the body ended as it did; `None` if it passed, and where the check did not search.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Returns whether nothing was found and the body itself passed.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.ending == Ending::Passed
    }

    /// Returns what was found, ordered by kind and place.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns what was seen and fails nothing: open channels, unless `channels = "deny"` makes them findings. Under the attribute a test that
    /// passes has none, unless its report is written to a file.
    pub fn notes(&self) -> &[Finding] {
        &self.notes
    }

    /// Returns what was alive and allowed, and the rules that matched nothing.
    #[must_use]
    pub fn allowed(&self) -> &[Allowed] {
        &self.allowed
    }

    /// Returns what was searched and what was not.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Returns the command that runs the test again.
    #[must_use]
    pub fn again(&self) -> &str {
        &self.again
    }

    /// Returns how long the test took in real time, from building its runtime to the end of its threads.
    #[must_use]
    pub fn took(&self) -> Duration {
        Duration::from_micros(self.micros)
    }
}
