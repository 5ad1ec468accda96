//! Every sentence that the gate prints.

use std::path::Path;

use crate::cover::{Fate, Why};
use crate::exit::Exit;
use crate::libtest::When;
use crate::verdict::{Blind, Death, Failure, Place, Unchecked, Vacuous, Verdict, Whole};

pub(crate) const HINT_CARGO: &str = "put `cargo` on the `PATH`, or name it in the environment variable `CARGO`";
pub(crate) const HINT_WORKSPACE: &str =
    "run the gate inside a cargo package or workspace, or name one: `--manifest-path`";
pub(crate) const HINT_FOLDER: &str = "name a folder that can be written to: `--report-dir` or `--target-dir`";
pub(crate) const HINT_REPORT: &str = "what this test found is not known; run the gate again, and keep the `lightsout` of the \
                                      tests no newer than `cargo-lightsout`";
pub(crate) const NEVER_FINISHED: &str = "its writer was ended in the middle of writing it";

/// Why a report cannot be used; the library says what it failed to do, and its hint, as the gate does itself.
pub(crate) fn parse_report(cause: &lightsout::Error) -> String {
    let text = cause.to_string();
    let first = text.lines().next().unwrap_or_default();
    first.strip_prefix("failed to parse the report: ").unwrap_or(first).to_owned()
}

pub(crate) const QUIET: &str = "it does not say which test binaries ran";
pub(crate) const HINT_QUIET: &str =
    "leave out `--quiet`: the gate could not tell a binary that died from one that passed";

pub(crate) const COLUMNS: [&str; 4] = ["test", "tasks", "findings", "time"];
pub(crate) const CLEAN: &str = "clean";
pub(crate) const FAILED_BY_ITSELF: &str = "failed by itself";

/// Up to so many tests of one place are named.
const NAMED_TESTS: usize = 5;

/// The tests that show one finding.
pub(crate) fn tests(tests: &[&str]) -> String {
    let named = tests.iter().take(NAMED_TESTS).copied().collect::<Vec<_>>().join(", ");
    match tests.len().saturating_sub(NAMED_TESTS) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}

/// The command that runs a test again, on the same build.
pub(crate) fn again(command: &str, build: &str) -> String {
    match command.split_once(" -- ") {
        Some((cargo, test)) if !build.is_empty() => format!("{cargo} {build} -- {test}"),
        _ => command.to_owned(),
    }
}

/// The command that runs the gate over one ordinary test again; without a name over all of a package.
pub(crate) fn gate_again(package: Option<&str>, test: Option<&str>) -> String {
    let package = package.map(|package| format!(" -p {package}")).unwrap_or_default();
    let test = test.map(|test| format!(" --exact {test}")).unwrap_or_default();
    format!("cargo lightsout gate{package} -- --{test}")
}

pub(crate) const MAIN_THREAD: &str = "(no test: the main thread)";
pub(crate) const NAMELESS_THREAD: &str = "(no test: a thread without a name)";

/// A thread that no test began.
pub(crate) fn thread(name: &str) -> String {
    format!("(no test: thread `{name}`)")
}

/// What ordinary tests left, as one sentence.
pub(crate) fn left(fate: Fate, number: usize) -> String {
    let (was, their) = if number == 1 { ("was", "its runtime") } else { ("were", "their runtime") };
    match fate {
        Fate::RuntimeEnded | Fate::RuntimeEndedAtOnce => {
            format!("{} {was} still alive when {their} ended", count(number, "task"))
        }
        Fate::ProcessEnded => {
            format!("{} {was} still alive when the process ended, as {was} {their}", count(number, "task"))
        }
        Fate::ClosureOutlived => {
            let own = if number == 1 { "its thread" } else { "their threads" };
            format!("{} still held {own} when the process ended", count(number, "blocking closure"))
        }
    }
}

pub(crate) fn state(fate: Fate) -> &'static str {
    match fate {
        Fate::RuntimeEnded | Fate::RuntimeEndedAtOnce => "dropped with its runtime, in the middle of an await",
        Fate::ProcessEnded => "its runtime was never dropped, or only in the background",
        Fate::ClosureOutlived => "its runtime was never dropped, or did not wait for it",
    }
}

pub(crate) fn next_step(fate: Fate) -> &'static str {
    match fate {
        Fate::RuntimeEnded | Fate::RuntimeEndedAtOnce => {
            "tell it to stop, or abort it, and await its JoinHandle before the test ends"
        }
        Fate::ProcessEnded => "tell it to stop, or abort it, and await its JoinHandle in the test that spawned it",
        Fate::ClosureOutlived => "make the closure return, and await its JoinHandle before the test ends",
    }
}

/// What says more about a leak of an ordinary test.
pub(crate) const HINT_ATTRIBUTE: &str =
    "hint: `#[lightsout::test]` in place of `#[tokio::test]` gives tasks time to end, and tells what they wait for";

/// Up to so many test binaries are named that do not link lightsout.
const NAMED_BINARIES: usize = 5;

/// The tests that nobody looks at, by their binaries.
pub(crate) fn uncovered(uncovered: &[(Place, usize)]) -> Vec<String> {
    let named = uncovered.iter().take(NAMED_BINARIES).map(|(place, tests)| {
        format!(
            "not looked at: {} in {}; to do: `use lightsout as _;` in it",
            count(*tests, "test"),
            self::place(place)
        )
    });
    let more = uncovered.len().saturating_sub(NAMED_BINARIES);
    let rest = (more > 0).then(|| format!("not looked at: the tests in {more} more test binaries"));
    named.chain(rest).collect()
}

/// Tasks of which a record cannot say whether they would have ended.
pub(crate) fn undecided(number: usize) -> String {
    let their = if number == 1 { "its" } else { "their" };
    format!(
        "not judged: {} of ordinary tests had just been spawned, woken or aborted when {their} runtime ended",
        count(number, "task")
    )
}

/// Things that processes had no room to write down.
pub(crate) fn lost(number: u64) -> String {
    format!("not looked at: {number} allocations of ordinary tests, which did not fit into a record")
}

/// A test binary that should have been looked at.
pub(crate) fn blind(blind: &Blind) -> String {
    format!(
        "not looked at: the ordinary tests of {}, since {}\nhint: {}",
        place(&blind.place),
        why_blind(blind.why),
        hint_blind(blind.why)
    )
}

pub(crate) fn why_blind(why: Why) -> &'static str {
    match why {
        Why::NoRecord => "it left no record",
        Why::NoAllocator => "its allocations are not recorded",
        Why::NoNames => "it has no names of functions",
        Why::Unlike => "tasks that were planted in it were not found as what they are",
    }
}

fn hint_blind(why: Why) -> &'static str {
    match why {
        Why::NoRecord => {
            "see whether there is room where reports are kept; records are made on Linux with glibc, x86-64 and aarch64"
        }
        Why::NoAllocator => "put `lightsout::Recorder` in front of its global allocator",
        Why::NoNames => "build it with `debug = \"line-tables-only\"` and without `strip`",
        Why::Unlike => "this tokio keeps tasks in another way than lightsout knows: use the newest lightsout",
    }
}

/// What `gate --help` says below the options.
pub(crate) fn after_help() -> String {
    let codes = Exit::ALL.map(|exit| format!("  {:<4} {}\n", exit.code(), exit.meaning())).concat();
    format!(
        "Exit codes, the lowest line wins:
{codes}
Examples:
  cargo lightsout gate                            the packages that `cargo test` takes
  cargo lightsout gate --workspace --all-features
  cargo lightsout gate -p server -- --locked      more options for `cargo test`
  cargo lightsout gate -- --test it -- shutdown   one binary, tests named like this

Each checked test writes its report into the folder that `LIGHTSOUT_REPORT_DIR` names, and each test process a record of its
ordinary tests; the gate sets it."
    )
}

/// The line that a terminal shows meanwhile.
pub(crate) fn running(tests: usize, binary: Option<&str>) -> String {
    match binary {
        Some(binary) => format!("{} done, running {binary}", count(tests, "test")),
        None => "running the suite".to_owned(),
    }
}

/// Strips what cargo puts before its own errors.
pub(crate) fn without_error(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("error: ").unwrap_or(text)
}

/// `1 test`, `2 tests`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// The row that stands for all clean tests that have none.
pub(crate) fn clean_rows(number: usize) -> String {
    format!("{} clean", count(number, "test"))
}

/// `tests/it.rs of package `x``.
fn place(place: &Place) -> String {
    match (&place.package, place.binary.as_str()) {
        (_, "") => "a test binary without a name in the log".to_owned(),
        (Some(package), binary) => format!("{binary} of package `{package}`"),
        (None, binary) => binary.to_owned(),
    }
}

/// The line above what a test printed that failed by itself.
pub(crate) fn failure(failure: &Failure) -> String {
    let place = place(&failure.place);
    match (&failure.test, failure.output.is_empty()) {
        (Some(test), false) => format!("test `{test}` failed by itself, in {place}:"),
        (Some(test), true) => {
            format!("test `{test}` failed by itself, in {place}; it printed nothing that was captured")
        }
        (None, _) => format!("a test failed by itself, in {place}; its name is not in the log"),
    }
}

/// Stands where lines of captured output are left out.
pub(crate) fn left_out(lines: usize) -> String {
    format!("({} before this, in the log)", count(lines, "line"))
}

/// A test binary that did not come to its end.
pub(crate) fn death(death: &Death) -> String {
    let place = place(&death.place);
    let how = death.how.as_deref().map_or_else(
        || "ended before its tests did, as if all was well: something in it calls `exit`".to_owned(),
        |how| format!("died: {how}"),
    );
    match &death.when {
        When::During(test) => format!("{place} {how}\n  while `{test}` ran"),
        When::AmongTests => format!("{place} {how}\n  to see which test ran: -- -- --test-threads=1"),
        When::AfterTests => format!("{place} {how}\n  after its last test"),
        When::WithoutTests => format!("{place} {how}"),
    }
}

/// What is wrong with the run as a whole, and lines to show with it.
pub(crate) fn whole(whole: &Whole) -> Option<(String, &str)> {
    match whole {
        Whole::Ran => None,
        Whole::NotBuilt(how) => Some((format!("the suite did not build: `cargo test --no-run` ended with {how}"), "")),
        Whole::Interrupted(how) => {
            Some((format!("the suite did not run to its end: `cargo test` ended with {how}"), ""))
        }
        Whole::Unexplained { how, tail } => {
            Some((format!("`cargo test` ended with {how}, and no test says why; its last lines:"), tail))
        }
    }
}

/// Something that reports cannot speak about.
pub(crate) fn unseen(what: &str, why: &str, tests: usize) -> String {
    format!("not looked at in {}: {what} ({why})", count(tests, "test"))
}

/// A test binary whose tests nobody counted.
pub(crate) fn own_harness(own: &Place) -> String {
    format!("not counted: the tests of {}, which printed no result in the form of libtest", place(own))
}

/// A run that proves nothing, and what to do.
pub(crate) fn vacuous(vacuous: Vacuous) -> Option<&'static str> {
    match vacuous {
        Vacuous::No => None,
        Vacuous::NoneChecked => Some(
            "no test was checked by lightsout, so this run proves nothing\n\
             hint: write `#[lightsout::test]` in place of `#[tokio::test]` above the tests that are to leave nothing behind, or \
             `use lightsout as _;` into the test crate to have its ordinary tests looked at",
        ),
        Vacuous::NoneRan => Some(
            "no test ran, so this run proves nothing\n\
             hint: see whether a filter, `--package` or a feature leaves out the tests that carry `#[lightsout::test]`",
        ),
    }
}

/// The one line that sums it up.
pub(crate) fn summary(verdict: &Verdict) -> String {
    let (checked, covered) = (verdict.checks(), verdict.covered);
    let looked_at = match (checked, covered) {
        (0, 0) => String::new(),
        (checked, 0) => count(checked, "checked test"),
        (0, covered) => count(covered, "ordinary test"),
        (checked, covered) => format!("{} tests ({checked} checked, {covered} ordinary)", checked + covered),
    };
    let found = match (verdict.findings(), checked + covered) {
        (0, 0) => "no test checked".to_owned(),
        (0, _) => format!("no findings in {looked_at}"),
        (found, 0) => count(found, "finding"),
        (found, 1) => format!("{} in 1 of {looked_at}s", count(found, "finding")),
        (found, _) => format!("{} in {} of {looked_at}", count(found, "finding"), verdict.not_clean()),
    };
    let neither = if covered > 0 { "not looked at" } else { "not checked by lightsout" };
    let unchecked = match verdict.unchecked {
        Unchecked::Exactly(0) | Unchecked::AtMost(0) => String::new(),
        Unchecked::Exactly(number) => format!("{} {neither}", count(number, "test")),
        Unchecked::AtMost(number) => format!("at most {} {neither}", count(number, "test")),
    };
    let others = [
        (verdict.expected.len(), "check found what its test expects", "checks found what their tests expect"),
        (verdict.failures.len(), "test failed by itself", "tests failed by themselves"),
        (verdict.deaths.len(), "test binary died", "test binaries died"),
        (verdict.faults.len(), "file not readable", "files not readable"),
    ];
    let others = others.into_iter().filter(|(number, ..)| *number > 0);
    let others = others.map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }));
    [found, unchecked].into_iter().chain(others).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The last line: how the gate exits, and why.
pub(crate) fn exit(verdict: &Verdict) -> String {
    let why = match (verdict.exit(), &verdict.whole) {
        (Exit::Clean, _) => "clean",
        (Exit::Findings, _) if verdict.findings() == 0 && !verdict.blind.is_empty() => {
            "a test binary was not looked at"
        }
        (Exit::Findings, _) if verdict.findings() == 0 && verdict.lost > 0 => "not everything was looked at",
        (Exit::Findings, _) if verdict.findings() == 0 => "nothing was checked",
        (Exit::Findings, _) => "findings",
        (Exit::Suite, Whole::NotBuilt(_)) => "the suite did not build",
        (Exit::Suite, Whole::Interrupted(_)) => "the suite did not run to its end",
        (Exit::Suite, Whole::Unexplained { .. }) => "the suite failed",
        (Exit::Suite, Whole::Ran) if verdict.failures.is_empty() => "a test binary died",
        (Exit::Suite, Whole::Ran) => "the suite's own tests failed",
        (Exit::SetUp, _) => "set-up fault",
    };
    format!("exit {}: {why}", verdict.exit().code())
}

/// Where everything is that the tests printed.
pub(crate) fn log(path: &Path) -> String {
    format!("log: {}", path.display())
}
