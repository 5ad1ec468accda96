//! What the log of a suite is read as.

use std::path::PathBuf;

use super::{Binary, Log, Ran, Test, TestResult, When, parse};
use crate::suite::Built;

fn built() -> Built {
    let executable = |name: &str| (PathBuf::from(format!("/w/target/debug/deps/{name}")), "shop".to_owned());
    Built {
        dir: PathBuf::from("/w"),
        executables: ["shop-1", "it-2", "own-3"].map(executable).into(),
        libraries: [("shop".to_owned(), "shop".to_owned())].into(),
    }
}

fn log(text: &str) -> Log {
    parse(text, &built())
}

fn one(text: &str) -> Binary {
    let [binary] = <[Binary; 1]>::try_from(log(text).binaries).expect("one binary");
    binary
}

fn passed(name: &str) -> Test {
    Test { name: name.to_owned(), result: TestResult::Passed, attempts: 1 }
}

fn failed(name: &str, output: &str) -> Test {
    Test { name: name.to_owned(), result: TestResult::Failed { output: output.to_owned() }, attempts: 1 }
}

fn died(how: Option<&str>, when: When) -> Ran {
    Ran::Died { how: how.map(str::to_owned), when }
}

const RUNNING: &str = "     Running tests/it.rs (target/debug/deps/it-2)\n\n";
const ABORT: &str = "error: test failed, to rerun pass `--test it`\n\nCaused by:\n  process didn't exit successfully: \
                     `/w/target/debug/deps/it-2 --nocapture` (signal: 6, SIGABRT: process abort signal)\n";
const SIGABRT: Option<&str> = Some("signal: 6, SIGABRT: process abort signal");

const FAILING: &str = "
running 5 tests
test ign ... ignored, slow
test a::ok ... ok
test panics_not - should panic ... FAILED
test panics - should panic ... ok
test fails ... FAILED

failures:

---- fails stdout ----
hi

Error: \"no\"


---- panics_not stdout ----
note: test did not panic as expected

failures:
    fails
    panics_not

test result: FAILED. 2 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s

error: test failed, to rerun pass `--test it`
";

#[test]
fn failed_tests_have_names_and_output() {
    let binary = one(&format!("{RUNNING}{FAILING}"));
    assert_eq!((binary.name.as_str(), binary.package.as_deref()), ("tests/it.rs", Some("shop")));
    let expected = [
        passed("a::ok"),
        failed("panics_not", "note: test did not panic as expected"),
        passed("panics"),
        failed("fails", "hi\n\nError: \"no\""),
    ];
    assert_eq!(binary.tests, expected);
    assert_eq!((binary.passed, binary.failed, binary.failed_without_name()), (2, 2, 0));
    assert_eq!(binary.end(), Ran::ToTheEnd);
}

#[test]
fn colours_and_carriage_returns_do_not_matter() {
    let colourful = FAILING.replace("FAILED", "\x1b[31mFAILED\x1b[m").replace('\n', "\r\n");
    let log = format!("\x1b[1m\x1b[32m     Running\x1b[0m tests/it.rs (target/debug/deps/it-2)\r\n{colourful}");
    assert_eq!(one(&log), one(&format!("{RUNNING}{FAILING}")));
}

#[test]
fn every_way_to_end() {
    let last = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
    let ran = "running 1 test\ntest a ... ok\n\n";
    let error = "error: test failed, to rerun pass `--test it`\n";
    let status = "\nCaused by:\n  process didn't exit successfully: `/w/target/debug/deps/it-2` (exit status: 3)\n";
    for (what, text, end) in [
        ("all passed", format!("{ran}{last}"), Ran::ToTheEnd),
        ("own harness passed", "all is well\n".to_owned(), Ran::ByItsOwnHarness),
        ("own harness failed", format!("oh no\n{error}{status}"), died(Some("exit status: 3"), When::WithoutTests)),
        ("own harness panicked", format!("oh no\n{error}"), died(Some("exit status: 101"), When::WithoutTests)),
        ("abort", format!("running 2 tests\n{ABORT}"), died(SIGABRT, When::AmongTests)),
        (
            "abort, one by one",
            format!("running 2 tests\ntest a ... hi\n{ABORT}"),
            died(SIGABRT, When::During("a".into())),
        ),
        ("abort, in a line", format!("running 2 tests\ntest a ... hi{ABORT}"), died(SIGABRT, When::During("a".into()))),
        ("abort after the last test", format!("{ran}{last}{ABORT}"), died(SIGABRT, When::AfterTests)),
        ("exit(0)", "running 2 tests\ntest a ... ok\n".to_owned(), died(None, When::AmongTests)),
        ("exit(101)", format!("running 2 tests\n{error}"), died(Some("exit status: 101"), When::AmongTests)),
        (
            "exit(101) after the last test",
            format!("{ran}{last}{error}"),
            died(Some("exit status: 101"), When::AfterTests),
        ),
    ] {
        assert_eq!(one(&format!("{RUNNING}{text}")).end(), end, "{what}");
    }
}

#[test]
fn doc_tests_come_in_two_halves() {
    let binary = one("   Doc-tests shop

running 2 tests
test src/lib.rs - x (line 7) - should panic ... ok
test src/lib.rs - x (line 10) ... FAILED

failures:

---- src/lib.rs - x (line 10) stdout ----
Test executable failed (exit status: 101).

failures:
    src/lib.rs - x (line 10)

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.07s


running 1 test
test src/lib.rs - (line 4) - compile fail ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s

all doctests ran in 0.30s; merged doctests compilation took 0.20s
error: doctest failed, to rerun pass `--doc`
");
    let expected = [
        passed("src/lib.rs - x (line 7)"),
        failed("src/lib.rs - x (line 10)", "Test executable failed (exit status: 101)."),
        passed("src/lib.rs - (line 4)"),
    ];
    assert_eq!(binary.tests, expected);
    assert_eq!((binary.passed, binary.failed, binary.end()), (2, 1, Ran::ToTheEnd));
}

#[test]
fn log_in_a_log_is_output() {
    let inner = format!("     Running tests/it.rs (target/debug/deps/inner-9)\n{FAILING}   Doc-tests inner\n{ABORT}");
    let log = log(&format!(
        "{RUNNING}running 2 tests
test outer ... FAILED
test ok ... ok

failures:

---- outer stdout ----
{inner}

failures:
    outer

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s

error: test failed, to rerun pass `--test it`
     Running tests/own.rs (target/debug/deps/own-3)
"
    ));
    let [binary, own] = &log.binaries[..] else { panic!("two binaries: {log:?}") };
    assert_eq!(binary.tests, [failed("outer", inner.trim_matches('\n')), passed("ok")]);
    assert_eq!(binary.end(), Ran::ToTheEnd);
    assert_eq!(own.end(), Ran::ByItsOwnHarness);
}

const INNER: &str = "
running 1 test
test a ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s

";

#[test]
fn binary_that_a_test_starts_is_not_taken_for_its_end() {
    let log = format!(
        "{RUNNING}running 2 tests
{INNER}test again ... ok
test a ... FAILED

failures:

failures:
    a

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s

error: test failed, to rerun pass `--test it`
"
    );
    let binary = one(&log);
    assert_eq!((binary.passed, binary.failed, binary.end()), (1, 1, Ran::ToTheEnd));
    assert!(binary.tests.contains(&failed("a", "")) && binary.tests.contains(&passed("again")), "{binary:?}");
}

#[test]
fn binary_that_leaves_after_one_that_it_started_has_died() {
    let binary = one(&format!("{RUNNING}running 2 tests\n{INNER}"));
    assert_eq!(binary.end(), died(None, When::AmongTests));
}

#[test]
fn uncaptured_output_stands_between_name_and_result() {
    let binary = one(&format!(
        "{RUNNING}running 3 tests
test a ... hi
FAILED
test b ... x
ok
test c ... no line breakok

failures:

failures:
    a

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"
    ));
    assert_eq!(binary.tests, [failed("a", ""), passed("b"), passed("c")]);
}

#[test]
fn terse_form_still_names_failed_tests() {
    let binary = one(&format!(
        "{RUNNING}running 3 tests
F..
failures:

---- a stdout ----
hi

failures:
    a

test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
"
    ));
    assert_eq!((binary.tests.clone(), binary.ran()), (vec![failed("a", "hi")], 3));
}

#[test]
fn failed_test_whose_name_is_lost_is_counted() {
    let noise = FAILING.replace("    fails\n", "noise from a process that was left behind\n    fails\n");
    let binary = one(&format!("{RUNNING}{noise}"));
    assert_eq!((binary.failed, binary.end()), (2, Ran::ToTheEnd));
    let nameless = one(&format!(
        "{RUNNING}running 2 tests\n\
         test result: FAILED. 0 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n"
    ));
    assert_eq!(nameless.failed_without_name(), 2);
}

#[test]
fn quiet_cargo_leaves_a_binary_without_a_name() {
    assert_eq!(one(FAILING).name, "");
}

#[test]
fn empty_log_has_no_binaries() {
    assert_eq!(log(""), Log::default());
}
