//! Runs the suite with `cargo nextest`, and reads what it tells to programs.
//!
//! Its form for programs is that of libtest with a name of the binary before each test's. It is marked as experimental, so its version is
//! asked for by number: a nextest that has another one says so, and nothing is guessed.
//!
//! nextest takes a test for passed that ends its process with success in the middle, and one that fails first and passes then. Neither
//! hides a leak: a checked test that ends without a report is told, and every report counts, whichever attempt wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

use serde::Deserialize;

use crate::cli::Shard;
use crate::error::Error;
use crate::folder::RunFolder;
use crate::libtest::{Binary, Log, Test, TestResult, tail};
use crate::suite::{Suite, has_flag};
use crate::verdict::{Ended, Run};

const FORM: [&str; 4] = ["--message-format", "libtest-json-plus", "--message-format-version", "0.1"];
/// nextest wants this to be said by whoever reads that form.
const EXPERIMENTAL: &str = "NEXTEST_EXPERIMENTAL_LIBTEST_JSON";

/// How nextest ends when the suite did not build, and when no test was to be run.
const NOT_BUILT: i32 = 101;
const NO_TESTS: i32 = 4;

/// Runs the suite, all of it.
pub(crate) fn run(suite: &Suite<'_>, folder: &RunFolder) -> Result<Run, Error> {
    is_there(suite)?;
    let events = folder.path().join("nextest.events");
    let file = File::create(&events).map_err(|error| Error::write_log(&events, &error))?;
    let mut command = suite.cargo.command();
    command.args(["nextest", "run"]).args(FORM).args(suite.gate.cargo_args());
    command.args((!has_flag(&suite.gate.rest, "--no-fail-fast")).then_some("--no-fail-fast"));
    command.args(suite.gate.shard.map(partition).into_iter().flatten());
    suite.hang(&mut command, folder);
    command.args(&suite.gate.rest).env(EXPERIMENTAL, "1").stdout(file);
    let status = suite.logged(&mut command, folder)?;
    let log = folder.read_log()?;
    if status.code() == Some(NOT_BUILT) {
        // What the compiler says, which a person wants to see.
        eprint!("{log}");
        return Ok(Run::NotBuilt { how: status.to_string() });
    }
    let ended = match status.code() {
        Some(NO_TESTS) => Ended::Passed,
        _ => crate::suite::ended(status),
    };
    let events = fs::read(&events).map_err(|error| Error::read_log(&events, &error))?;
    Ok(Run::Ran { ended, log: Log { binaries: parse(&String::from_utf8_lossy(&events)), tail: tail(&log) } })
}

/// Gives binaries their whole file names, of which nextest tells what comes before the hash, where there is no doubt.
pub(crate) fn name_files(run: &mut Run, files: BTreeSet<String>) {
    let Run::Ran { log, .. } = run else { return };
    for file in log.binaries.iter_mut().filter_map(|binary| binary.file.as_mut()) {
        let mut whole = files.iter().filter(|it| crate::verdict::without_hash(it) == file && *it != file);
        if let (Some(one), None) = (whole.next(), whole.next()) {
            file.clone_from(one);
        }
    }
}

fn is_there(suite: &Suite<'_>) -> Result<(), Error> {
    let output = suite.cargo.command().args(["nextest", "--version"]).output();
    let output = output.map_err(|error| Error::run_cargo(&suite.cargo.program, &error))?;
    if output.status.success() { Ok(()) } else { Err(Error::find_nextest()) }
}

fn partition(Shard { number, of }: Shard) -> [String; 2] {
    ["--partition".to_owned(), format!("hash:{number}/{of}")]
}

/// One line.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(rename = "type")]
    about: About,
    event: What,
    #[serde(default)]
    name: String,
    #[serde(default)]
    stdout: String,
    nextest: Option<TheBinary>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum About {
    Suite,
    Test,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum What {
    Ok,
    Failed,
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, Deserialize)]
struct TheBinary {
    #[serde(rename = "crate")]
    package: String,
    test_binary: String,
    kind: String,
}

/// Reads the events; lines that are none of them are passed over.
fn parse(events: &str) -> Vec<Binary> {
    let events: Vec<Event> = events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let suites = events.iter().filter(|event| event.about == About::Suite).filter_map(|event| event.nextest.as_ref());
    let known: BTreeMap<_, _> = suites.map(|it| (format!("{}::{}", it.package, it.test_binary), it)).collect();
    let mut tests: BTreeMap<String, Vec<Test>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.about == About::Test && event.event != What::Other) {
        let (binary, test) = test(event);
        tests.entry(binary).or_default().push(test);
    }
    tests.into_iter().map(|(id, tests)| binary(&id, known.get(&id).copied(), tests)).collect()
}

/// Splits `shop::it$server::stops#2` into the binary and the test, which ran twice.
fn test(event: &Event) -> (String, Test) {
    let (binary, name) = event.name.split_once('$').unwrap_or(("", &event.name));
    let attempts = name.rsplit_once('#').and_then(|(name, attempts)| Some((name, attempts.parse().ok()?)));
    let (name, attempts) = attempts.unwrap_or((name, 1));
    let result = match event.event {
        What::Failed => TestResult::Failed { output: event.stdout.trim_end().to_owned() },
        What::Ok | What::Other => TestResult::Passed,
    };
    (binary.to_owned(), Test { name: name.to_owned(), result, attempts })
}

fn binary(id: &str, known: Option<&TheBinary>, tests: Vec<Test>) -> Binary {
    let (package, file, name) = match known {
        Some(it) => (it.package.clone(), it.test_binary.replace('-', "_"), format!("{} {}", it.kind, it.test_binary)),
        None => (String::new(), String::new(), id.to_owned()),
    };
    let some = |text: String| Some(text).filter(|it| !it.is_empty());
    Binary::that_ran(name, some(package), some(file), tests)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::libtest::{Ran, Test, TestResult};

    const EVENTS: &str = r#"{"type":"suite","event":"started","test_count":6,"nextest":{"crate":"shop","test_binary":"my-it","kind":"test"}}
{"type":"test","event":"started","name":"shop::my-it$server::stops"}
not an event
{"type":"test","event":"ok","name":"shop::my-it$server::stops#2","exec_time":0.004}
{"type":"test","event":"ignored","name":"shop::my-it$slow"}
{"type":"test","event":"failed","name":"shop::my-it$fails","exec_time":0.006,"stdout":"last\n"}
{"type":"suite","event":"failed","passed":1,"failed":1,"ignored":1,"nextest":{"crate":"shop","test_binary":"my-it","kind":"test"}}
"#;

    #[test]
    fn events_are_read() {
        let binaries = parse(EVENTS);
        let [binary] = &binaries[..] else { panic!("{binaries:?}") };
        assert_eq!(
            (&*binary.name, binary.package.as_deref(), binary.file.as_deref()),
            ("test my-it", Some("shop"), Some("my_it"))
        );
        assert_eq!((binary.passed, binary.failed, binary.end()), (1, 1, Ran::ToTheEnd));
        let failed = TestResult::Failed { output: "last".to_owned() };
        let expected = [("server::stops", TestResult::Passed, 2), ("fails", failed, 1)];
        let expected = expected.map(|(name, result, attempts)| Test { name: name.to_owned(), result, attempts });
        assert_eq!(binary.tests, expected);
    }

    #[test]
    fn nothing_is_no_binary() {
        assert_eq!(parse(""), []);
    }
}
