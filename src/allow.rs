//! Rules that allow something to be alive, or to panic, each with its reason.

use std::fmt;

use glob::{MatchOptions, Pattern};

use crate::error::Error;
use crate::finding::{Allowed, Site};

/// A rule: what may outlive a test, or panic in it, and why. Give it to [`Check::allow`](crate::Check::allow), to the attribute
/// as `allow(spawned_at = "...", reason = "...")`, or inside a body to [`allow`](crate::allow()).
///
/// A rule that matched nothing is told in the report, so that rules do not outlive what they were made for.
///
/// ```
/// use lightsout::Allow;
///
/// let pool = Allow::spawned_at("src/pool.rs").because("the pool lives as long as the process");
/// assert_eq!(pool.to_string(), "spawned_at = \"src/pool.rs\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a rule allows nothing until it is given to a check"]
pub struct Allow {
    rule: Rule,
    reason: String,
}

/// A rule that lacks its reason; [`because`](Self::because) completes it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a rule without a reason is none: add `.because(\"...\")`"]
pub struct Unreasoned {
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    SpawnedAt(String),
    SpawnedIn(String),
    Task(String),
    Thread(String),
    Panic(String),
    CreatedAt(String),
    CreatedIn(String),
    /// Tasks by id.
    Known(Vec<u64>),
}

impl Allow {
    /// Allows tasks by the place that spawned them: a file (`src/pool.rs`), a line of it (`src/pool.rs:40`), or a glob
    /// (`src/**/pool*.rs`). A relative path matches at the end of the path that the compiler saw.
    pub fn spawned_at(place: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::SpawnedAt(place.into()) }
    }

    /// Allows tasks by the function that spawned them: its path, the end of its path (`Pool::start`), or a glob. It is read
    /// from the stack of the task's allocation, so [`Check::allocations`](crate::Check::allocations) must not be switched off.
    pub fn spawned_in(function: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::SpawnedIn(function.into()) }
    }

    /// Allows tasks by the name that `tokio::task::Builder::name` gave them, or a glob of it. Needs `--cfg tokio_unstable` and
    /// the feature `tracing`.
    pub fn task(name: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::Task(name.into()) }
    }

    /// Allows threads by name, or a glob of it. The system cuts names at 15 bytes.
    pub fn thread(name: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::Thread(name.into()) }
    }

    /// Allows tasks to panic with a message, or a glob of it.
    pub fn panic(message: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::Panic(message.into()) }
    }

    /// Allows channels by the place that made them: a file, a line of it, or a glob, as for [`spawned_at`](Self::spawned_at).
    pub fn created_at(place: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::CreatedAt(place.into()) }
    }

    /// Allows channels by a function on the way from their allocation to the place that made them: its path, the end of its path
    /// (`Pool::start`), or a glob.
    pub fn created_in(function: impl Into<String>) -> Unreasoned {
        Unreasoned { rule: Rule::CreatedIn(function.into()) }
    }

    /// Returns the rules that hold for every check: what lives as long as the process by design of who made it.
    pub(crate) fn by_default() -> Vec<Allow> {
        let registry = "tokio keeps one channel for each signal, for all listeners of the process";
        let barrier = "a barrier is no channel, and has one inside";
        vec![
            Self::created_in("tokio::signal::registry::*").because(registry),
            Self::created_in("tokio::sync::barrier::Barrier::new").because(barrier),
        ]
    }

    pub(crate) fn known(ids: Vec<u64>) -> Unreasoned {
        Unreasoned { rule: Rule::Known(ids) }
    }

    pub(crate) fn asks_for_functions(&self) -> bool {
        matches!(self.rule, Rule::SpawnedIn(_))
    }

    pub(crate) fn asks_for_names(&self) -> bool {
        matches!(self.rule, Rule::Task(_))
    }
}

impl Unreasoned {
    /// Says why.
    ///
    /// # Panics
    ///
    /// If the reason is empty: it is for whoever reads the rule in a year.
    #[track_caller]
    pub fn because(self, reason: impl Into<String>) -> Allow {
        let reason = reason.into();
        assert!(!reason.trim().is_empty(), "an allow rule needs a reason: say why this may outlive the test");
        Allow { rule: self.rule, reason }
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Rule::SpawnedAt(place) => write!(f, "spawned_at = {place:?}"),
            Rule::SpawnedIn(function) => write!(f, "spawned_in = {function:?}"),
            Rule::Task(name) => write!(f, "task = {name:?}"),
            Rule::Thread(name) => write!(f, "thread = {name:?}"),
            Rule::Panic(message) => write!(f, "panic = {message:?}"),
            Rule::CreatedAt(place) => write!(f, "created_at = {place:?}"),
            Rule::CreatedIn(function) => write!(f, "created_in = {function:?}"),
            Rule::Known(ids) => write!(f, "a census of {}", ids.len()),
        }
    }
}

/// What a rule is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    Task { id: u64, site: &'a Site, functions: &'a [String], name: Option<&'a str> },
    Thread { name: &'a str },
    Panic { message: &'a str },
    Channel { site: &'a Site, functions: &'a [String] },
}

/// What a rule without limits takes out of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CatchAll {
    Tasks,
    Threads,
    Panics,
    Channels,
}

/// The rules of one run, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Rules(Vec<Ready>);

/// A rule that is ready to be asked.
#[derive(Debug)]
struct Ready {
    allow: Allow,
    matcher: Matcher,
    /// How often it said yes.
    count: usize,
    author: Author,
}

/// Who made a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Author {
    User,
    /// Nobody is to be told that it matched nothing.
    Lightsout,
}

impl Rules {
    /// # Errors
    ///
    /// If a rule's pattern is not one.
    pub(crate) fn new(rules: Vec<Allow>) -> Result<Self, Error> {
        let mut all = ready(rules, Author::User)?;
        all.extend(ready(Allow::by_default(), Author::Lightsout)?);
        Ok(Self(all))
    }

    /// Returns these rules with further ones behind them.
    ///
    /// # Errors
    ///
    /// If a rule's pattern is not one.
    pub(crate) fn and(mut self, further: Vec<Allow>) -> Result<Self, Error> {
        self.0.extend(ready(further, Author::User)?);
        Ok(self)
    }

    /// Returns whether a rule allows this; the first one that does is credited.
    pub(crate) fn permit(&mut self, subject: Subject<'_>) -> bool {
        let found = self.0.iter_mut().find(|rule| rule.matcher.matches(subject));
        found.map(|rule| rule.count += 1).is_some()
    }

    /// Returns whether a rule is about the functions that spawn.
    pub(crate) fn ask_for_functions(&self) -> bool {
        self.0.iter().any(|rule| rule.allow.asks_for_functions())
    }

    /// Returns the rules that allow whatever they are asked about, which leaves nothing to check: each is asked about something
    /// that cannot be.
    pub(crate) fn catch_alls(&self) -> impl Iterator<Item = (&Allow, CatchAll)> {
        let unnamed = ["\u{1}".to_owned()];
        let nowhere = Site { file: "\u{1}/\u{1}.rs".into(), line: 0, column: 0 };
        self.0.iter().filter_map(move |Ready { allow, matcher, .. }| {
            // Tasks without a name are common, and no rule about names allows them.
            let asked = [
                (CatchAll::Tasks, Subject::Task { id: 0, site: &nowhere, functions: &unnamed, name: None }),
                (CatchAll::Threads, Subject::Thread { name: "\u{1}" }),
                (CatchAll::Panics, Subject::Panic { message: "\u{1}" }),
                (CatchAll::Channels, Subject::Channel { site: &nowhere, functions: &unnamed }),
            ];
            asked.into_iter().find(|(_, subject)| matcher.matches(*subject)).map(|(of, _)| (allow, of))
        })
    }

    /// Returns what each rule allowed, in the order in which they were given.
    pub(crate) fn told(self) -> Vec<Allowed> {
        let is_told = |rule: &Ready| rule.author == Author::User || rule.count > 0;
        let told = |Ready { allow, count, .. }| Allowed { rule: allow.to_string(), reason: allow.reason, count };
        self.0.into_iter().filter(is_told).map(told).collect()
    }
}

fn ready(rules: Vec<Allow>, author: Author) -> Result<Vec<Ready>, Error> {
    let ready = |allow: Allow| Ok(Ready { matcher: Matcher::new(&allow.rule)?, allow, count: 0, author });
    rules.into_iter().map(ready).collect()
}

/// A rule with its pattern compiled.
#[derive(Debug)]
enum Matcher {
    SpawnedAt { file: Pattern, line: Option<u32> },
    SpawnedIn(Pattern),
    Task(Pattern),
    Thread(Pattern),
    Panic(Pattern),
    CreatedAt { file: Pattern, line: Option<u32> },
    CreatedIn(Pattern),
    Known(Vec<u64>),
}

impl Matcher {
    fn new(rule: &Rule) -> Result<Self, Error> {
        Ok(match rule {
            Rule::SpawnedAt(place) => {
                let (file, line) = split_line(place);
                Self::SpawnedAt { file: pattern(&anywhere(file))?, line }
            }
            Rule::CreatedAt(place) => {
                let (file, line) = split_line(place);
                Self::CreatedAt { file: pattern(&anywhere(file))?, line }
            }
            Rule::CreatedIn(function) => Self::CreatedIn(pattern(function)?),
            Rule::SpawnedIn(function) => Self::SpawnedIn(pattern(function)?),
            Rule::Task(name) => Self::Task(pattern(name)?),
            Rule::Thread(name) => Self::Thread(pattern(name)?),
            Rule::Panic(message) => Self::Panic(pattern(message)?),
            Rule::Known(ids) => Self::Known(ids.clone()),
        })
    }

    fn matches(&self, subject: Subject<'_>) -> bool {
        match (self, subject) {
            (Self::CreatedIn(pattern), Subject::Channel { functions, .. })
            | (Self::SpawnedIn(pattern), Subject::Task { functions, .. }) => {
                functions.iter().flat_map(|function| path_ends(function)).any(|end| pattern.matches(end))
            }
            (Self::SpawnedAt { file, line }, Subject::Task { site, .. })
            | (Self::CreatedAt { file, line }, Subject::Channel { site, .. }) => {
                let slashes = MatchOptions { require_literal_separator: true, ..MatchOptions::default() };
                line.is_none_or(|line| line == site.line) && file.matches_with(&site.file.replace('\\', "/"), slashes)
            }
            (Self::Task(pattern), Subject::Task { name: Some(name), .. })
            | (Self::Thread(pattern), Subject::Thread { name })
            | (Self::Panic(pattern), Subject::Panic { message: name }) => pattern.matches(name),
            (Self::Known(ids), Subject::Task { id, .. }) => ids.contains(&id),
            _ => false,
        }
    }
}

fn pattern(text: &str) -> Result<Pattern, Error> {
    Pattern::new(text).map_err(|cause| Error::pattern(text, cause))
}

/// Splits `src/a.rs:40` into the file and the line.
fn split_line(place: &str) -> (&str, Option<u32>) {
    match place.rsplit_once(':').map(|(file, line)| (file, line.parse())) {
        Some((file, Ok(line))) => (file, Some(line)),
        _ => (place, None),
    }
}

/// Returns a pattern that matches at the end of a path.
fn anywhere(pattern: &str) -> String {
    if pattern.starts_with('/') || pattern.starts_with("**") { pattern.to_owned() } else { format!("**/{pattern}") }
}

/// Returns a function's path and its ends: `a::b::c`, `b::c`, `c`.
fn path_ends(function: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(function), |path| path.split_once("::").map(|(_, end)| end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(file: &str, line: u32, function: Option<&str>) -> bool {
        let functions: Vec<String> = function.into_iter().map(str::to_owned).collect();
        let site = Site { file: file.to_owned().into(), line, column: 5 };
        let rules = [
            Allow::spawned_at("src/pool.rs").because("a file"),
            Allow::spawned_at("src/server.rs:40").because("a line"),
            Allow::spawned_at("vendor/**/*.rs").because("a glob"),
            Allow::spawned_in("Pool::start*").because("a function"),
        ];
        let mut rules = Rules::new(rules.to_vec()).expect("these are patterns");
        rules.permit(Subject::Task { id: 1, site: &site, functions: &functions, name: None })
    }

    #[test]
    fn places_match_by_file_line_and_glob() {
        assert!(task("src/pool.rs", 1, None));
        assert!(task("crates/db/src/pool.rs", 99, None));
        assert!(!task("src/spool.rs", 1, None));
        assert!(task("src/server.rs", 40, None));
        assert!(!task("src/server.rs", 41, None));
        assert!(task("vendor/a/b/c.rs", 1, None));
        assert!(!task("src/vendor.rs", 1, None));
    }

    #[test]
    fn functions_match_at_the_end_of_their_path() {
        assert!(task("x.rs", 1, Some("db::pool::Pool::start_all")));
        assert!(!task("x.rs", 1, Some("db::pool::Spool::begin")));
        assert!(!task("x.rs", 1, None));
    }

    #[test]
    fn rule_that_matched_nothing_is_told_with_a_count_of_zero() {
        let rules = Rules::new(vec![Allow::thread("rayon-*").because("a pool")]).expect("it is a pattern");
        assert_eq!(rules.told()[0].count, 0);
    }

    #[test]
    fn bad_pattern_is_an_error_that_names_it() {
        let bad = Rules::new(vec![Allow::spawned_at("src/[").because("a typo")]);
        let said = bad.expect_err("the bracket stays open").to_string();
        assert!(said.contains("`**/src/[`"), "{said}");
    }

    #[test]
    #[should_panic(expected = "needs a reason")]
    fn empty_reason_is_refused() {
        let _ = Allow::task("x").because(" ");
    }
}
