//! What a check is told: by its author, and by the environment, which wins. The environment is read here and nowhere else.

use std::env;
use std::ffi::OsString;
use std::io::{IsTerminal, stderr, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allow::Allow;
use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;
use crate::error::Error;
use crate::explore::shape::Shape;
use crate::ledger::channel::ChannelKind;
use crate::order::Order;
use crate::runtime::Runtime;
use crate::source::console;

/// How long a body may take where nobody says otherwise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// How long what is left after the body may take to end where nobody says otherwise.
pub(crate) const GRACE: Duration = Duration::from_millis(500);

/// How many plans a search runs where nobody says otherwise: a few seconds' worth, unoptimised.
pub(crate) const RUNS: u64 = 5_000;

/// The settings of one check.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) runtime: Runtime,
    /// How long the body may take in real time.
    pub(crate) deadline: Duration,
    /// How long what is left may take to end: on the run's clock for tasks, in real time for threads.
    pub(crate) grace: Duration,
    pub(crate) allow: Vec<Allow>,
    /// Whether tasks are also looked for among the allocations.
    pub(crate) allocations: Allocations,
    /// Whether it is told who should have woken what leaked.
    pub(crate) graph: Graph,
    /// What a channel that is left means.
    pub(crate) channels: Channels,
    /// Kinds of channels beside the known ones.
    pub(crate) kinds: Vec<ChannelKind>,
    /// Who reads what is no finding.
    pub(crate) notes: Notes,
    /// In what order things are to end.
    pub(crate) order: Order,
    pub(crate) search: Search,
}

/// What a channel means that is still open when everything else of a test has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channels {
    /// A note in the report; a search tells none.
    #[default]
    Note,
    /// A finding, which fails the test.
    Deny,
    /// Nothing: they are not looked at.
    Ignore,
}

/// Whether it is told who waits for whom. Runs have to be written down whole for it, which costs every allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Graph {
    Asked,
    Unasked,
}

/// Who reads notes. Names are slow, and where nobody does none is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notes {
    /// Whoever has the report: the caller, or a reader of its file.
    #[default]
    Read,
    /// A person, if the test fails.
    ReadOfFailures,
}

/// What a check searches, if anything.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// The signals that come, in order.
    pub(crate) signals: Vec<Signal>,
    /// How many delays a plan may have.
    pub(crate) delays: u32,
    /// How many seeds are tried.
    pub(crate) seeds: u32,
    /// The first of them.
    pub(crate) seed: u64,
    /// How many plans may run.
    pub(crate) runs: u64,
    /// How many plans to draw at random; 0 in a sweep.
    pub(crate) draws: u32,
    /// What they are drawn with; `None` for a seed that is drawn too.
    pub(crate) draw_seed: Option<u64>,
    /// The only plan to run; `None` in a sweep.
    pub(crate) plan: Option<Plan>,
    /// What it means that a disturbance of that plan has no boundary to come at.
    pub(crate) misfit: Misfit,
    /// What it means that a task lives before the program listens.
    pub(crate) start_up: StartUp,
    /// Whether the search may start children: the test is one that its runner can run by name.
    pub(crate) runner: Runner,
    /// The folder that keeps failing plans; `None` if they are not kept.
    pub(crate) regressions: Option<PathBuf>,
}

/// What it means that a task lives before the program listens, when a signal would end the program at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartUp {
    /// It is told.
    Told,
    /// It is a finding.
    Denied,
}

/// What it means that a plan does not fit the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// A finding: nothing was checked.
    Vacuous,
    /// Nothing: it was drawn at random.
    Fine,
}

/// Who runs a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    /// Some code that calls it.
    Caller,
    /// A test runner that runs the test by its name.
    Tests,
}

/// Where a search takes place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In this process.
    Here,
    /// In children of this process.
    #[cfg(unix)]
    Apart,
    /// In the search whose child this process is, by its socket.
    #[cfg(unix)]
    ChildOf(PathBuf),
}

impl Default for Search {
    fn default() -> Self {
        Self {
            signals: Vec::new(),
            delays: 0,
            seeds: 1,
            seed: 0,
            runs: RUNS,
            draws: 0,
            draw_seed: None,
            plan: None,
            misfit: Misfit::Vacuous,
            start_up: StartUp::Told,
            runner: Runner::Caller,
            regressions: None,
        }
    }
}

impl Search {
    /// Returns whether there is anything to search.
    pub(crate) fn is_asked_for(&self) -> bool {
        !self.signals.is_empty() || self.delays > 0 || self.seeds > 1 || self.draws > 0 || self.plan.is_some()
    }

    /// Returns the bounds of the search for a program that listens from this boundary on.
    pub(crate) fn shape(&self, first: u32) -> Shape {
        Shape { signals: self.signals.clone(), delays: self.delays, seeds: self.seeds, base_seed: self.seed, first }
    }
}

/// Whether tasks are also looked for among the allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Allocations {
    #[default]
    Recorded,
    Ignored,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            runtime: Runtime::default(),
            deadline: DEADLINE,
            grace: GRACE,
            allow: Vec::new(),
            allocations: Allocations::Recorded,
            graph: Graph::Unasked,
            channels: Channels::Note,
            kinds: Vec::new(),
            notes: Notes::Read,
            order: Order::default(),
            search: Search::default(),
        }
    }
}

impl Settings {
    /// Returns the settings with what the environment says put over them.
    ///
    /// # Errors
    ///
    /// If a variable is set to something that it does not accept.
    pub(crate) fn with_environment(mut self) -> Result<Self, Error> {
        if console() {
            if !console::AVAILABLE {
                let hint = "it needs the feature `console` of lightsout and `RUSTFLAGS=\"--cfg tokio_unstable\"`";
                return Err(Error::unsupported("the console that `LIGHTSOUT_CONSOLE` asks for", hint));
            }
            self.deadline = console::HOLD;
        }
        if let Some(deadline) = duration("LIGHTSOUT_DEADLINE")? {
            self.deadline = deadline;
        }
        if let Some(grace) = duration("LIGHTSOUT_GRACE")? {
            self.grace = grace;
        }
        if is_on("LIGHTSOUT_WAIT_GRAPH") {
            self.graph = Graph::Asked;
        }
        if self.search.is_asked_for() {
            self.runtime = self.runtime.paused_unless_set();
            self.search = self.search.with_environment()?;
        }
        Ok(self)
    }
}

impl Search {
    fn with_environment(mut self) -> Result<Self, Error> {
        if let Some(plan) = text("LIGHTSOUT_REPLAY") {
            (self.plan, self.misfit) = (Some(plan.parse()?), Misfit::Vacuous);
        }
        if let Some(runs) = number("LIGHTSOUT_RUNS")? {
            self.runs = runs;
        }
        match number("LIGHTSOUT_SEED")? {
            Some(seed) if self.draws > 0 => self.draw_seed = Some(seed),
            Some(seed) => self.seed = seed,
            None => {}
        }
        Ok(self)
    }
}

/// Tells a child whose it is. It is nobody else's business, and so not one of the documented variables.
#[cfg(unix)]
pub(crate) const CHILD: &str = "__LIGHTSOUT_CHILD";

/// Returns what tells a child that it plays for a test of this process, over this socket.
#[cfg(unix)]
pub(crate) fn child_of(socket: &Path, test: &str) -> String {
    format!("{}:{test}:{}", std::process::id(), socket.display())
}

/// Returns whether this process plays plans for the test of another one.
#[cfg(unix)]
pub(crate) fn is_child() -> bool {
    let parent = format!("{}:", std::os::unix::process::parent_id());
    text(CHILD).is_some_and(|value| value.starts_with(&parent))
}

/// Returns whether this process plays plans for the test of another one: elsewhere none does.
#[cfg(not(unix))]
pub(crate) fn is_child() -> bool {
    false
}

/// Returns where a search takes place: one with signals in a process of its own, also where the runner gives each test one already, since
/// somebody must be left to tell of a process that dies.
#[cfg(unix)]
pub(crate) fn home(search: &Search, test: &str) -> Home {
    if search.signals.is_empty() || search.runner == Runner::Caller {
        return Home::Here;
    }
    let ours = format!("{}:{test}:", std::os::unix::process::parent_id());
    match text(CHILD).and_then(|value| value.strip_prefix(&ours).map(PathBuf::from)) {
        Some(socket) => Home::ChildOf(socket),
        None => Home::Apart,
    }
}

/// Returns where a search takes place: elsewhere there are no signals.
#[cfg(not(unix))]
pub(crate) fn home(_: &Search, _: &str) -> Home {
    Home::Here
}

/// Names the folder for records; they are with the reports where it is not set.
pub(crate) const RECORD_DIR: &str = "LIGHTSOUT_RECORD_DIR";
/// Names the library that the gate's runner preloads into test binaries; where it is set that runner has not yet come by.
#[cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "there are no records")
)]
pub(crate) const RECORDER: &str = "LIGHTSOUT_RECORDER";
/// Set where the gate asks for the channels of ordinary tests.
#[cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "there are no records")
)]
pub(crate) const ASK_FOR_CHANNELS: &str = "LIGHTSOUT_ASK_FOR_CHANNELS";
/// Names the list that says where the program has the vtables of its tasks.
#[cfg_attr(
    not(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64"))),
    expect(dead_code, reason = "there are no records")
)]
pub(crate) const VTABLES: &str = "LIGHTSOUT_VTABLES";
/// Names the folder for reports, and asks for a record of ordinary tests.
pub(crate) const REPORT_DIR: &str = "LIGHTSOUT_REPORT_DIR";

/// Returns the folder that reports are written to, if one is asked for.
pub(crate) fn report_dir() -> Option<PathBuf> {
    env::var_os(REPORT_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// Returns whether tokio-console is to be able to attach to runs.
pub(crate) fn console() -> bool {
    is_on("LIGHTSOUT_CONSOLE")
}

/// Returns whether a variable is set to anything but nothing and 0.
fn is_on(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

/// Returns the package whose tests run, where cargo runs them.
pub(crate) fn package() -> Option<String> {
    env::var("CARGO_PKG_NAME").ok()
}

/// Returns the file name of this program.
pub(crate) fn binary() -> Option<String> {
    Some(env::current_exe().ok()?.file_name()?.to_string_lossy().into_owned())
}

/// Returns whether text for a person should have colour: on a terminal, unless the usual variables say otherwise.
pub(crate) fn wants_color() -> bool {
    let is_set = |name, but_not: &str| env::var_os(name).is_some_and(|value| value != but_not);
    // The test runner captures what goes to stderr, and prints it on stdout.
    let terminal = stdout().is_terminal() && stderr().is_terminal();
    is_set("CLICOLOR_FORCE", "0") || (!is_set("NO_COLOR", "") && terminal)
}

/// Returns a variable as text; an empty one counts as unset.
fn text(name: &'static str) -> Option<String> {
    env::var_os(name).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
}

fn number(name: &'static str) -> Result<Option<u64>, Error> {
    const ACCEPTED: &str = "a whole number below 2^64";
    let Some(value) = text(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Error::environment(name, value, ACCEPTED))
}

/// Returns whether progress is shown: on a terminal, and not to a CI log.
pub(crate) fn wants_progress() -> bool {
    stderr().is_terminal() && text("CI").is_none()
}

fn duration(name: &'static str) -> Result<Option<Duration>, Error> {
    const ACCEPTED: &str = "a whole number with a unit: ns, us, ms, s or m, as in `500ms`";
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let wrong = |value: OsString| Error::environment(name, value.to_string_lossy().into_owned(), ACCEPTED);
    match value.to_str().and_then(parse_duration) {
        Some(duration) => Ok(Some(duration)),
        None => Err(wrong(value)),
    }
}

/// Parses `500ms`, `5s`, `2m`.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "ns" => Some(Duration::from_nanos(number)),
        "us" => Some(Duration::from_micros(number)),
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_number_and_a_unit() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        for bad in ["", "5", "s", "-1s", "1.5s", "5 parsecs", "99999999999999999999s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
