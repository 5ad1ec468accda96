//! Reads the log of `cargo test`: which binaries ran, which tests failed, and what died on the way.
//!
//! The log is made by two hands: cargo announces each test binary and says when one failed, libtest (or rustdoc) prints a
//! line a test, the captured output of failed tests, and a last line with counts. What a *test* printed is in it too, and may
//! look like either. So three things are believed only when something else bears them out:
//!
//! - that a binary was announced: the line names an executable that cargo built, or a library of the workspace;
//! - that the captured output of failed tests is over: the list of names before the last line is as long as its count says,
//!   and has every test in it that was seen to fail;
//! - that a binary came to its end: there is a last line for each `running N tests`, also for those of binaries that a test
//!   started, and cargo did not complain of more than failed tests. A test that calls `exit(0)` is found out by that, although cargo takes it for a success.
//!
//! Counts are taken from the last line and names from wherever they are seen, so a lost name is a failed test without a name
//! and never a passed one.

use std::path::Path;

use anstream::adapter::strip_str;
use serde::{Deserialize, Serialize};

use crate::suite::Built;

/// What ran, in the order in which it ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    pub(crate) binaries: Vec<Binary>,
    /// The last lines, for when nothing else explains how cargo ended.
    pub(crate) tail: String,
}

/// A test binary, or the doc tests of a library.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binary {
    /// As cargo announced it: `unittests src/lib.rs`, `tests/it.rs`, `doc-tests x`; empty where it did not.
    pub(crate) name: String,
    /// `None` where the binary is not known by name.
    pub(crate) package: Option<String>,
    /// The file name of the executable; `None` for doc tests, and where cargo did not announce it.
    pub(crate) file: Option<String>,
    /// The tests that ran, as far as their names were seen.
    pub(crate) tests: Vec<Test>,
    /// By the last line.
    pub(crate) passed: usize,
    /// By the last line.
    pub(crate) failed: usize,
    /// How often tests were started: doc tests come in two halves.
    started: usize,
    /// How often there was a last line.
    finished: usize,
    /// What cargo said of its end; `None` for success.
    complaint: Option<Complaint>,
    /// The test whose name is printed and whose result is not; only known where tests run one by one.
    during: Option<String>,
}

/// A test that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Test {
    pub(crate) name: String,
    pub(crate) result: TestResult,
    /// How often it ran: more than once where its runner tries again.
    pub(crate) attempts: usize,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TestResult {
    /// It passed.
    Passed,
    /// It failed.
    Failed {
        /// What libtest captured of its output; empty where there is none.
        output: String,
    },
}

/// What cargo said of a binary that did not end with success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Complaint {
    /// Tests failed; how it ended is what libtest does then.
    TestsFailed,
    /// It ended in this way.
    Ended(String),
}

/// How a binary came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It ran all its tests.
    ToTheEnd,
    /// It ended with success and without a word in libtest's form (`harness = false`).
    ByItsOwnHarness,
    /// It ended before all its tests did, or in another way than failed tests make it end.
    Died {
        /// As the system says it: `signal: 6, SIGABRT: process abort signal`; `None` where it pretended success.
        how: Option<String>,
        /// How far it came.
        when: When,
    },
}

/// How far a binary came that died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// This test ran.
    During(String),
    /// Some of its tests did not run to their end, and nothing tells which.
    AmongTests,
    /// All its tests ran.
    AfterTests,
    /// It never spoke of tests (`harness = false`, or documentation that rustdoc refused).
    WithoutTests,
}

impl Binary {
    /// Returns how many tests ran.
    pub(crate) fn ran(&self) -> usize {
        (self.passed + self.failed).max(self.tests.len())
    }

    /// Returns how many tests failed without a name in the log.
    pub(crate) fn failed_without_name(&self) -> usize {
        self.failed.saturating_sub(self.tests.iter().filter(|test| test.result != TestResult::Passed).count())
    }

    /// Makes one that came to its end with these tests.
    pub(crate) fn that_ran(name: String, package: Option<String>, file: Option<String>, tests: Vec<Test>) -> Self {
        let failed = tests.iter().filter(|test| test.result != TestResult::Passed).count();
        let passed = tests.len() - failed;
        Self { name, package, file, tests, passed, failed, started: 1, finished: 1, ..Self::default() }
    }

    /// Returns whether this is another run of the same binary.
    pub(crate) fn is_the_same_as(&self, other: &Self) -> bool {
        (&self.name, &self.package, &self.file) == (&other.name, &other.package, &other.file)
    }

    /// Adds what another run of the same binary did.
    pub(crate) fn join(&mut self, other: Self) {
        self.tests.extend(other.tests);
        self.passed += other.passed;
        self.failed += other.failed;
        self.started += other.started;
        self.finished += other.finished;
        self.complaint = self.complaint.take().or(other.complaint);
        self.during = self.during.take().or(other.during);
    }

    fn when(&self) -> When {
        match &self.during {
            Some(test) => When::During(test.clone()),
            None if self.started == 0 => When::WithoutTests,
            None if self.finished < self.started => When::AmongTests,
            None => When::AfterTests,
        }
    }

    /// Returns how it came to its end.
    pub(crate) fn end(&self) -> Ran {
        let died = |how: Option<&str>| Ran::Died { how: how.map(str::to_owned), when: self.when() };
        match &self.complaint {
            Some(Complaint::Ended(how)) => died(Some(how)),
            Some(Complaint::TestsFailed) if self.failed == 0 => died(Some("exit status: 101")),
            _ if self.finished < self.started => died(None),
            Some(Complaint::TestsFailed) => Ran::ToTheEnd,
            None if self.started == 0 => Ran::ByItsOwnHarness,
            None => Ran::ToTheEnd,
        }
    }
}

/// Reads a log.
pub(crate) fn parse(log: &str, built: &Built) -> Log {
    let plain = strip_str(log).to_string();
    let mut parser = Parser::default();
    for line in plain.lines() {
        match announced(line, built) {
            Some(binary) => parser.begin(binary),
            None => parser.line(line),
        }
    }
    Log { binaries: parser.end(), tail: tail(&plain) }
}

/// Returns the last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    const LINES: usize = 20;
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Reads `     Running tests/it.rs (target/debug/deps/it-0123456789abcdef)` and `   Doc-tests x`.
///
/// A process that a test left behind may print without a line break, so the announcement need not begin its line.
fn announced(line: &str, built: &Built) -> Option<Binary> {
    let running = |line: &str| {
        let (_, rest) = line.split_once("     Running ")?;
        let (name, path) = rest.strip_suffix(')')?.rsplit_once(" (")?;
        let binary = Binary::new(name, built.executables.get(&built.dir.join(path))?);
        let file = Path::new(path).file_name().map(|file| file.to_string_lossy().into_owned());
        Some(Binary { file, ..binary })
    };
    let doc_tests = |line: &str| {
        let (_, name) = line.split_once("   Doc-tests ")?;
        Some(Binary::new(&format!("doc-tests {name}"), built.libraries.get(&name.replace('-', "_"))?))
    };
    running(line).or_else(|| doc_tests(line))
}

impl Binary {
    fn new(name: &str, package: &str) -> Self {
        Self { name: name.to_owned(), package: Some(package.to_owned()), ..Self::default() }
    }

    /// Notes a result; the list of failed tests may come after it and know better.
    fn note(&mut self, name: &str, result: TestResult) {
        self.tests.push(Test { name: name.to_owned(), result, attempts: 1 });
    }

    fn fail(&mut self, name: &str, output: String) {
        let result = TestResult::Failed { output };
        let open = TestResult::Failed { output: String::new() };
        // From the end: doc tests come in two halves, and the list belongs to the last one.
        match self.tests.iter_mut().rev().find(|test| test.name == name) {
            Some(test) if test.result == open || test.result == TestResult::Passed => test.result = result,
            _ => self.note(name, result),
        }
    }

    fn complain(&mut self, complaint: Complaint) {
        // The more exact one comes second.
        if self.complaint.is_none() || matches!(complaint, Complaint::Ended(_)) {
            self.complaint = Some(complaint);
        }
    }

    /// Enters the last line of a binary that one of its tests started.
    fn finish_inner(&mut self) {
        self.finished += 1;
        self.complaint = None;
    }

    /// Enters a last line. What sounded like a complaint before it was printed by a test.
    fn finish(&mut self, counts: Counts) {
        self.passed += counts.passed;
        self.failed += counts.failed;
        self.finished += 1;
        self.complaint = None;
    }
}

/// Where in the output of a binary we are.
#[derive(Debug, Default)]
enum Phase {
    /// Before `running N tests`, or after the last line.
    #[default]
    Outside,
    /// Among the lines of the tests. `Some`: the name of a test whose result is still to come.
    Tests(Option<String>),
    /// Among the captured output of failed tests: all lines since.
    Failures(Vec<String>),
}

#[derive(Debug, Default)]
struct Parser {
    binaries: Vec<Binary>,
    /// Which test of the binary is the first since `running N tests`.
    first: usize,
    phase: Phase,
    /// How many test binaries that a test of the binary started run, and print between its lines.
    inner: usize,
}

impl Parser {
    fn begin(&mut self, binary: Binary) {
        self.close();
        self.binaries.push(binary);
    }

    fn end(mut self) -> Vec<Binary> {
        self.close();
        self.binaries
    }

    /// Returns the binary that runs; one without a name where cargo announced none.
    fn binary(&mut self) -> &mut Binary {
        if self.binaries.is_empty() {
            self.binaries.push(Binary::default());
        }
        self.binaries.last_mut().expect("lightsout bug: a binary was just pushed")
    }

    fn line(&mut self, line: &str) {
        if let Some(complaint) = complaint(line) {
            self.binary().complain(complaint);
        }
        match std::mem::take(&mut self.phase) {
            Phase::Outside if is_running(line) => {
                self.first = self.binary().tests.len();
                self.binary().started += 1;
                self.phase = Phase::Tests(None);
            }
            Phase::Outside => {}
            Phase::Tests(open) => self.phase = self.test_line(line, open),
            Phase::Failures(mut lines) => {
                lines.push(line.to_owned());
                self.phase = self.failure_line(lines);
            }
        }
    }

    fn test_line(&mut self, line: &str, open: Option<String>) -> Phase {
        if is_running(line) {
            self.inner += 1;
            self.binary().started += 1;
            return Phase::Tests(open);
        }
        if self.inner > 0 {
            return self.inner_line(line, open);
        }
        if let Some(counts) = counts(line) {
            self.settle_open(open);
            self.binary().finish(counts);
            return Phase::Outside;
        }
        if line == "failures:" {
            self.settle_open(open);
            return Phase::Failures(Vec::new());
        }
        if let Some((name, status)) = test(line) {
            self.settle_open(open);
            return Phase::Tests(self.result(name, status));
        }
        match open {
            // What the test printed came between its name and its result.
            Some(name) if result(line).is_some() => Phase::Tests(self.result(&name, line)),
            open => Phase::Tests(open),
        }
    }

    /// Reads a line that is the inner binary's or ours, which nothing tells: names count once, and the list of failed tests is ours.
    fn inner_line(&mut self, line: &str, open: Option<String>) -> Phase {
        if counts(line).is_some() {
            self.inner -= 1;
            self.binary().finish_inner();
        } else if let Some((name, status)) = test(line)
            && self.binary().tests.iter().all(|test| test.name != name)
        {
            self.result(name, status);
        }
        Phase::Tests(open)
    }

    /// Notes the result of a test, or returns its name when there is none yet.
    fn result(&mut self, name: &str, status: &str) -> Option<String> {
        match result(status) {
            Some(Word::Ok) => self.binary().note(name, TestResult::Passed),
            Some(Word::Failed) => self.binary().note(name, TestResult::Failed { output: String::new() }),
            Some(Word::Ignored) => {}
            None => return Some(name.to_owned()),
        }
        None
    }

    /// Takes a test without a result for passed; the list of failed tests sets it right.
    fn settle_open(&mut self, open: Option<String>) {
        if let Some(name) = open {
            self.binary().note(&name, TestResult::Passed);
        }
    }

    fn failure_line(&mut self, lines: Vec<String>) -> Phase {
        let Some(counts) = lines.last().and_then(|line| counts(line)) else { return Phase::Failures(lines) };
        if !self.is_own_list(&listed(&lines), counts) {
            return Phase::Failures(lines);
        }
        self.failures(&lines, counts);
        Phase::Outside
    }

    /// Returns whether a list of failed tests is that of our binary, and not one that a failed test printed.
    fn is_own_list(&mut self, names: &[&str], counts: Counts) -> bool {
        let first = self.first;
        let mut seen = self.binary().tests[first..].iter().filter(|test| test.result != TestResult::Passed);
        names.len() == counts.failed && seen.all(|test| names.contains(&test.name.as_str()))
    }

    fn failures(&mut self, lines: &[String], counts: Counts) {
        let names = listed(lines);
        for (name, output) in sections(lines, &names) {
            self.binary().fail(name, output);
        }
        self.binary().finish(counts);
    }

    /// Ends the binary that runs, whether or not its last line was seen.
    fn close(&mut self) {
        self.inner = 0;
        match std::mem::take(&mut self.phase) {
            Phase::Outside | Phase::Tests(None) => {}
            Phase::Tests(open) => self.binary().during = open,
            // The list did not come out even, since something printed into it: the last counts are as good as it gets.
            Phase::Failures(lines) => {
                let complaint = self.binary().complaint.take();
                if let Some(at) = lines.iter().rposition(|line| counts(line).is_some()) {
                    let counts = counts(&lines[at]).unwrap_or_default();
                    self.failures(&lines[..=at], counts);
                }
                self.binary().complaint = complaint;
            }
        }
    }
}

/// Reads `error: test failed, to rerun pass ..` and `process didn't exit successfully: .. (signal: 6, ..)`.
fn complaint(line: &str) -> Option<Complaint> {
    if ["error: test failed, to rerun", "error: doctest failed, to rerun"].iter().any(|words| line.contains(words)) {
        return Some(Complaint::TestsFailed);
    }
    let (_, rest) = line.split_once("process didn't exit successfully: `")?;
    let (_, how) = rest.strip_suffix(')')?.rsplit_once("` (")?;
    Some(Complaint::Ended(how.to_owned()))
}

/// Reads `running 3 tests`.
fn is_running(line: &str) -> bool {
    let count = line.strip_prefix("running ").and_then(|it| it.strip_suffix(" tests").or(it.strip_suffix(" test")));
    count.is_some_and(|it| it.parse::<usize>().is_ok())
}

/// Reads `test a::b ... ok` into name and what follows.
fn test(line: &str) -> Option<(&str, &str)> {
    let (name, status) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let marks = [" - should panic", " - compile fail", " - compile"];
    Some((marks.iter().find_map(|mark| name.strip_suffix(mark)).unwrap_or(name), status))
}

#[derive(Clone, Copy)]
enum Word {
    Ok,
    Failed,
    Ignored,
}

/// Reads `ok`, `FAILED`, `ignored, too slow`, `ok <0.010s>`.
fn result(status: &str) -> Option<Word> {
    let words = [("ok", Word::Ok), ("FAILED", Word::Failed), ("ignored", Word::Ignored)];
    words.into_iter().find_map(|(text, word)| {
        let rest = status.trim_end().strip_prefix(text)?;
        (rest.is_empty() || rest.starts_with(" <") || rest.starts_with(", ")).then_some(word)
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
}

/// Reads `test result: FAILED. 3 passed; 2 failed; 0 ignored; ..`.
fn counts(line: &str) -> Option<Counts> {
    let rest = line.strip_prefix("test result: ")?;
    let rest = rest.strip_prefix("ok. ").or(rest.strip_prefix("FAILED. "))?;
    let count = |what: &str| rest.split("; ").find_map(|part| part.strip_suffix(what)?.parse().ok());
    Some(Counts { passed: count(" passed")?, failed: count(" failed")? })
}

/// Returns the names below the last `failures:`.
fn listed(lines: &[String]) -> Vec<&str> {
    let begin = lines.iter().rposition(|line| line == "failures:").map_or(lines.len(), |at| at + 1);
    lines[begin..].iter().map_while(|line| line.strip_prefix("    ")).collect()
}

/// Cuts the captured output into one piece for each name, in the order of names.
fn sections<'a>(lines: &[String], names: &[&'a str]) -> Vec<(&'a str, String)> {
    let heads = names.iter().map(|name| lines.iter().position(|line| *line == format!("---- {name} stdout ----")));
    let heads: Vec<_> = heads.collect();
    let end = lines.iter().rposition(|line| line == "failures:").unwrap_or(lines.len());
    let cut = |head: Option<usize>| {
        let Some(head) = head else { return String::new() };
        let next = heads.iter().flatten().copied().filter(|other| *other > head).min().unwrap_or(end);
        lines[head + 1..next.max(head + 1)].join("\n").trim_matches('\n').to_owned()
    };
    names.iter().zip(&heads).map(|(name, head)| (*name, cut(*head))).collect()
}

#[cfg(test)]
mod tests;
