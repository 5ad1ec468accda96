//! Every sentence that the gate prints.

pub(crate) mod run;

use std::collections::BTreeSet;
use std::path::Path;

use lightsout::{Finding, records};

use crate::baseline::{Entry, Updated};
use crate::begun::Begun;
use crate::cover::{Fate, Why};
use crate::exit::Exit;
use crate::leaks::{Channels, Undecided};
use crate::libtest::{Binary, When};
use crate::preload::Closed;
use crate::told::Group;
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
        Fate::RuntimeEnded | Fate::RuntimeEndedAtOnce | Fate::Cancelled => {
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
        Fate::RuntimeEnded | Fate::RuntimeEndedAtOnce | Fate::Cancelled => {
            "dropped with its runtime, in the middle of an await"
        }
        Fate::ProcessEnded => "its runtime was never dropped, or only in the background",
        Fate::ClosureOutlived => "its runtime was never dropped, or did not wait for it",
    }
}

pub(crate) fn next_step(fate: Fate) -> &'static str {
    match fate {
        Fate::RuntimeEnded | Fate::RuntimeEndedAtOnce | Fate::Cancelled => {
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
        // Nobody links anything into what documentation shows.
        let to_do = if place.binary.starts_with("doc-tests ") { "" } else { "; to do: `use lightsout as _;` in it" };
        format!("not looked at: {} in {}{to_do}", count(*tests, "test"), self::place(place))
    });
    let more = uncovered.len().saturating_sub(NAMED_BINARIES);
    let rest = (more > 0).then(|| format!("not looked at: the tests in {more} more test binaries"));
    named.chain(rest).collect()
}

/// Tests of binaries in which there is nothing to look at.
pub(crate) fn idle(tests: usize) -> String {
    format!("not looked at: {} in binaries without a task of tokio", count(tests, "test"))
}

/// A binary with tasks of another runtime than tokio's.
pub(crate) fn others(of: &Place) -> String {
    format!("not looked at: tasks of smol or async-std (`async-executor`) in {}", place(of))
}

/// Why binaries that do not link lightsout are not looked at.
pub(crate) fn closed(why: Closed) -> &'static str {
    match why {
        Closed::System => {
            "hint: only on Linux with glibc, x86-64 and aarch64, tests are looked at without `use lightsout as _;` in their crates"
        }
        Closed::Runner => {
            "hint: cargo has a runner for test binaries under a condition, or by `--config`; with one for the target itself, or none, \
             tests are looked at without `use lightsout as _;` in their crates"
        }
        Closed::Path => {
            "hint: with a target folder that has neither a space nor a colon in its path, tests are looked at without \
             `use lightsout as _;` in their crates"
        }
    }
}

/// Tasks of which a record cannot say whether they would have ended.
pub(crate) fn undecided(undecided: &[Undecided]) -> Option<String> {
    let of = |is_cancelled: bool| undecided.iter().filter(move |it| it.is_cancelled == is_cancelled);
    let all = [false, true].map(|is_cancelled| {
        let number = of(is_cancelled).map(|it| it.count).sum();
        let lines: String = of(is_cancelled).map(|it| "\n  ".to_owned() + &undecided_at(it)).collect();
        (number > 0).then(|| not_judged(number, is_cancelled) + &lines)
    });
    all.into_iter().flatten().reduce(|all, more| all + "\n" + &more)
}

fn not_judged(number: usize, is_cancelled: bool) -> String {
    let (was, their) = if number == 1 { ("was", "its") } else { ("were", "their") };
    let how = if is_cancelled {
        format!("{was} aborted, or ended by {their} runtime's end")
    } else {
        format!("had just been spawned, woken or aborted when {their} runtime ended")
    };
    format!("not judged: {} of ordinary tests {how}", count(number, "task"))
}

/// Tasks that were spawned at one place.
fn undecided_at(undecided: &Undecided) -> String {
    let Undecided { site, count, leaking, tests, .. } = undecided;
    let tests: Vec<&str> = tests.iter().map(String::as_str).collect();
    let elsewhere = match leaking {
        0 => String::new(),
        1 => "; this place leaks in 1 test".to_owned(),
        leaking => format!("; this place leaks in {leaking} tests"),
    };
    format!("{} spawned at {site}, in {}{elsewhere}", self::count(*count, "task"), self::tests(&tests))
}

/// Channels that tests left open.
pub(crate) fn channels(channels: &Channels) -> String {
    let tests: Vec<&str> = channels.tests.iter().map(String::as_str).collect();
    let Channels { kind, site, count, .. } = channels;
    let open = records::open_channels(*count);
    format!("note: open-channel: {open}: {kind} made at {site}, in {}", self::tests(&tests))
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
        Why::Unlike => "tasks of it were not found as what they are",
        Why::NoTask => "not one task was seen in it, and its tokio is not known to keep them where they are looked for",
        Why::OldTokio => "its tokio keeps only some of its tasks where they are looked for",
        Why::Rebuilt => "its file was built anew before it was looked at",
        Why::Static => "it is linked statically, and cannot be looked at from outside",
        Why::Foreign => "it is for another C library or processor, and cannot be looked at from outside",
        Why::Privileged => "it runs as another user, and cannot be looked at from outside",
    }
}

pub(crate) fn hint_blind(why: Why) -> &'static str {
    match why {
        Why::NoRecord => {
            "see whether there is room where reports are kept; records are made on Linux with glibc, x86-64 and aarch64"
        }
        Why::NoAllocator => "put `lightsout::Recorder` in front of its global allocator",
        Why::NoNames => "build it with `debug = \"line-tables-only\"` and without `strip`",
        Why::Rebuilt => "run the gate again, and nothing that builds at the same time",
        Why::NoTask => {
            "build it with tokio from a registry: the path of its sources tells whether it is one that is known"
        }
        Why::OldTokio => "`cargo update`: from tokio 1.29 on all tasks are seen",
        Why::Static | Why::Foreign | Why::Privileged => {
            "write `use lightsout as _;` into its crate, or build it for glibc as others"
        }
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
  cargo lightsout gate --update-baseline=all      lets what is found pass for now; from then on new findings fail
  cargo lightsout gate --runner nextest -- --retries 2
  cargo lightsout gate --html leaks.html          a page to read, beside what the terminal shows

Settings are taken from the first that has them: a flag, the environment, `lightsout.toml` beside the workspace's `Cargo.toml`,
`[workspace.metadata.lightsout]`, `[package.metadata.lightsout]`. Their keys are the names of the flags: {keys}.

Each checked test writes its report into the folder that `LIGHTSOUT_REPORT_DIR` names, and each test process a record of its
ordinary tests; the gate sets it.",
        keys = crate::config::KEYS.join(", ")
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
    let known = match (verdict.new_findings(), verdict.ratchet.known_count()) {
        (_, 0) => String::new(),
        (0, _) => "all of them known".to_owned(),
        (new, known) => format!("{known} known, {new} new"),
    };
    let unchecked = match verdict.unchecked {
        Unchecked::Exactly(0) | Unchecked::AtMost(0) => String::new(),
        Unchecked::Exactly(number) => format!("{} {neither}", count(number, "test")),
        Unchecked::AtMost(number) => format!("at most {} {neither}", count(number, "test")),
    };
    let others = [
        (verdict.expected.len(), "check found what its test expects", "checks found what their tests expect"),
        (verdict.failures.len(), "test failed by itself", "tests failed by themselves"),
        (verdict.deaths.len(), "test binary died", "test binaries died"),
        (verdict.unreported.len(), "checked test did not report", "checked tests did not report"),
        (verdict.faults.len(), "file not readable", "files not readable"),
    ];
    let others = others.into_iter().filter(|(number, ..)| *number > 0);
    let others = others.map(|(number, one, many)| format!("{number} {}", if number == 1 { one } else { many }));
    [found, known, unchecked].into_iter().chain(others).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The last line: how the gate exits, and why.
pub(crate) fn exit(verdict: &Verdict) -> String {
    let why = match (verdict.exit(), &verdict.whole) {
        (Exit::Clean, _) if verdict.findings() > 0 => "nothing new",
        (Exit::Clean, _) => "clean",
        (Exit::Findings, _) if verdict.new_findings() > 0 => "findings",
        (Exit::Findings, _) if !verdict.ratchet.gone.is_empty() => "the baseline names what is gone",
        (Exit::Findings, _) if !verdict.unreported.is_empty() => "a checked test did not report",
        (Exit::Findings, _) if !verdict.blind.is_empty() => "a test binary was not looked at",
        (Exit::Findings, _) if verdict.lost > 0 => "not everything was looked at",
        (Exit::Findings, _) => "nothing was checked",
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

/// Up to so many known findings of a baseline are named where they are gone.
const NAMED_ENTRIES: usize = 20;

pub(crate) const HINT_BASELINE: &str =
    "each line between the brackets is one finding, with a comma after each but the last";
pub(crate) const HINT_CONFLICT: &str =
    "keep the lines of both sides, with a comma after each but the last; sorting is not needed";
pub(crate) const HINT_NEWER: &str = "install the `cargo-lightsout` that wrote it";
pub(crate) const HINT_VACUOUS_ENTRY: &str =
    "take the line out: a test that checks nothing cannot be known to be harmless";

pub(crate) fn conflict(line: usize) -> String {
    format!("there is a merge conflict at line {line}")
}

pub(crate) fn newer(version: u32) -> String {
    format!("its form has version {version}, which is newer than this `cargo-lightsout`")
}

pub(crate) fn vacuous_entry(test: &str) -> String {
    format!("its finding in `{test}` is `vacuous`, which is never known")
}

/// `leaked-task: 1 task is still alive after the test`.
pub(crate) fn headline(finding: &Finding) -> String {
    format!("{}: {}", finding.kind(), finding.summary())
}

/// A test that ran more than once.
pub(crate) fn flaky(test: &str, seen: usize, attempts: usize) -> String {
    format!("{test} (flaky: in {seen} of {attempts} attempts)")
}

/// A known finding, in one line.
pub(crate) fn known(group: &Group<'_>) -> String {
    let place = group.site().map(|site| format!(" at {site}")).unwrap_or_default();
    let tests: Vec<&str> = group.tests.iter().map(String::as_str).collect();
    let reasons = group.reasons.iter().copied().collect::<Vec<_>>().join("; ");
    let reasons = if reasons.is_empty() { reasons } else { format!(": {reasons}") };
    format!("known: {}{place} in {}{reasons}", group.finding.kind(), self::tests(&tests))
}

/// What a baseline names and no test shows any more.
pub(crate) fn gone(gone: &[Entry]) -> Option<String> {
    let line = |it: &Entry| {
        let place = [it.file.as_deref(), it.function.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        format!("\n  {}  {}  {place}", it.kind, it.test)
    };
    let lines: String = gone.iter().take(NAMED_ENTRIES).map(line).collect();
    let more = gone.len().saturating_sub(NAMED_ENTRIES);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    let verb = if gone.len() == 1 { "is" } else { "are" };
    (!gone.is_empty()).then(|| {
        let number = count(gone.len(), "known finding");
        format!("{number} {verb} gone, so that it can come back unseen:{lines}{more}\nhint: take it out of the baseline: add `--update-baseline`")
    })
}

/// Known findings of tests that did not run.
pub(crate) fn absent(number: usize) -> Option<String> {
    (number > 0)
        .then(|| format!("not looked at: {} of the baseline, whose tests did not run here", count(number, "finding")))
}

/// What a team does that sees its first findings.
pub(crate) fn advice(verdict: &Verdict) -> Option<String> {
    let is_first = verdict.exit() == Exit::Findings && verdict.findings() > 0 && !verdict.ratchet.is_written();
    is_first.then(|| "to let these pass for now and fail on new ones only: add `--update-baseline=all`".to_owned())
}

pub(crate) const NOT_UPDATED: &str = "the baseline stays as it is: this run says too little";

/// What became of the baseline.
pub(crate) fn updated(updated: Updated, path: &Path) -> String {
    let Updated { removed, added, left } = updated;
    format!("baseline: {removed} taken out, {added} taken in, {left} in {}", path.display())
}

pub(crate) const IN_THE_BASELINE: &str = "it is in the baseline";

/// The name of a test binary, with its package.
pub(crate) fn binary(binary: &Binary) -> String {
    let package = binary.package.iter().map(String::as_str);
    package.chain([binary.name.as_str()]).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `2 known findings`, by place.
pub(crate) fn known_places(number: usize) -> String {
    format!("known: {}", count(number, "finding"))
}

/// What somebody may have meant.
pub(crate) fn did_you_mean(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// The kind that somebody may have meant.
pub(crate) fn nearest_kind(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "`cargo lightsout explain` lists them".to_owned(), did_you_mean)
}

pub(crate) const NO_TABLE: &str = "it is no table";
pub(crate) const UNKNOWN_KEY: &str = "there is no such setting";
pub(crate) const NO_TEXT: &str = "it is no text";
pub(crate) const HINT_SELF_TEST: &str = "what the gate says in this project proves nothing until this is mended";

/// A setting and where it stands, as a message has them between backticks.
pub(crate) fn of(key: &str, name: &str) -> String {
    format!("{key}` of `{name}")
}

pub(crate) fn no_choice(text: &str) -> String {
    format!("`{text}` is none of its values")
}

pub(crate) fn one_of(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("one of {}", names.join(", "))
}

/// What became of a plant.
pub(crate) fn planted(test: &str, kind: Option<&str>, found: Option<&BTreeSet<&str>>) -> String {
    let list = |it: &BTreeSet<&str>| it.iter().copied().collect::<Vec<_>>().join(", ");
    let expected = kind.unwrap_or("nothing");
    match found {
        None => format!("{test:<13} not seen: there is no report"),
        Some(found) if found.iter().copied().eq(kind) => format!("{test:<13} seen: {expected}"),
        Some(found) if found.is_empty() => format!("{test:<13} not seen: nothing in place of {expected}"),
        Some(found) => format!("{test:<13} not seen: {} in place of {expected}", list(found)),
    }
}

/// What a self-test came to.
pub(crate) fn self_test(is_good: bool) -> &'static str {
    if is_good { "the gate sees what was planted, and nothing else" } else { "the gate does not see what was planted" }
}

/// Checked tests that began and never reported.
pub(crate) fn unreported(unreported: &[Begun]) -> Option<String> {
    let line = |it: &Begun| match &it.package {
        Some(package) => format!("\n  {} of package `{package}`", it.test),
        None => format!("\n  {}", it.test),
    };
    let lines: String = unreported.iter().take(NAMED_ENTRIES).map(line).collect();
    let more = unreported.len().saturating_sub(NAMED_ENTRIES);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    let number = count(unreported.len(), "checked test");
    (!unreported.is_empty()).then(|| {
        format!(
            "{number} began and did not report: killed, or ended by something that ends the process:{lines}{more}\n\
             hint: look for `exit`, `abort` and a time limit of the test runner"
        )
    })
}

pub(crate) const NOTHING_TO_CHANGE: &str = "everything is there already: cargo lightsout gate";
pub(crate) const NOTHING_CHANGED: &str = "nothing was changed; add `--yes` to write this";
pub(crate) const SET_UP: &str = "\
written. Next:
  cargo lightsout gate                           the first list of what leaks
  cargo lightsout gate --update-baseline=all     lets these pass for now, and fails on new ones only";
pub(crate) const AGREED: &str = "write this? [y/N] ";
pub(crate) const HINT_CHANGE: &str = "mend the file, or change it by hand";
pub(crate) const NO_TOKIO: &str = "there is none, so there are no tasks to look for";
pub(crate) const HINT_INIT: &str = "where lightsout comes from a checkout, name it: `--path ../lightsout`";

pub(crate) fn init(cause: &str) -> String {
    format!("every file is again as it was:\n{cause}")
}

/// A line that a person has to add.
pub(crate) fn add_by_hand(path: &Path, line: &str) -> String {
    format!("by hand: {} is no plain Rust; add this line to it: {}", path.display(), line.replace('\n', " "))
}

pub(crate) const HINT_LOAD: &str =
    "a load that fails says nothing about the program; try the command by hand while it runs";

pub(crate) fn load_failed(how: &str) -> String {
    format!("it ended with {how}")
}

/// What `run --help` says below the options.
pub(crate) fn after_help_of_run() -> String {
    "\
Examples:
  cargo lightsout run --ready-port 4222 -- nats-server -p 4222
  cargo lightsout run --ready-line listening --signals 'TERM 100ms TERM' -- target/release/server
  cargo lightsout run --ready-port 8080 --load 'curl -s localhost:8080' --rounds 10 -- ./server
  cargo lightsout run --ready-port 8080 --load 'curl -s localhost:8080' --census -- ./server     its tasks, too

Exit codes: 0 clean, 100 something is wrong, 101 the program was not ready, 96 set-up fault."
        .to_owned()
}

/// What stands behind a verdict.
pub(crate) fn searched(checks: usize, runs: u64, tasks: u64) -> String {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    format!(
        "{}, {} in all, {} watched",
        count(checks, "check"),
        count(number(runs), "run"),
        count(number(tasks), "task")
    )
}

pub(crate) const HINT_NEXTEST: &str = "cargo install cargo-nextest --locked";
pub(crate) const SHARD_WITH_FILTER: &str =
    "parts are told by the names of tests, and so cannot be had together with a filter";
pub(crate) const HINT_SHARD_WITH_FILTER: &str = "leave out either `--shard` or the filter";
pub(crate) const HINT_RUN: &str = "merge with the `cargo-lightsout` that ran the gate, or a newer one";
pub(crate) const NO_RUNS: &str = "there is none";
pub(crate) const HINT_RUNS: &str = "name what `gate --report-dir` named, or `lightsout/reports` in the target folder";
pub(crate) const HINT_SHARD_TWICE: &str = "name the folder of one of them";
pub(crate) const SHARD_MISSING: &str = "it is not there, so its tests are not known to be clean";
pub(crate) const HINT_SHARD_MISSING: &str = "see whether its job ran, and whether its folder was brought here";

pub(crate) fn shard_twice(one: &Path, other: &Path) -> String {
    format!("it is there twice, in\n  {}\n  {}", one.display(), other.display())
}

pub(crate) fn shards_differ(of: u32) -> String {
    format!("another one is of {of}")
}

#[cfg(target_os = "linux")]
pub(crate) const IGNORED: &str = "it is ignored here, and the program inherits that";
#[cfg(target_os = "linux")]
pub(crate) const HINT_IGNORED: &str =
    "start this in the foreground of a shell and without `nohup`, or put `env --default-signal` before it";
