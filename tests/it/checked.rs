//! `#[lightsout::test]` on real bodies: what passes, and how the rest fails.

use std::future::pending;
use std::panic::catch_unwind;

use crate::again::again;

/// Claims that a checked test fails, and returns why.
#[track_caller]
fn fails(test: fn()) -> String {
    let payload = catch_unwind(test).expect_err("the test passed");
    *payload.downcast::<String>().expect("lightsout fails with a text")
}

#[lightsout::test(start_paused = true)]
async fn clean_test_passes() {
    tokio::spawn(tokio::time::sleep(std::time::Duration::from_secs(3))).await.unwrap();
}

#[lightsout::test]
async fn test_may_return_a_result() -> Result<(), Box<dyn std::error::Error>> {
    let number: u32 = "17".parse()?;
    assert_eq!(number, 17);
    Ok(())
}

#[lightsout::test]
#[should_panic(expected = "at the disco")]
async fn test_may_panic_where_it_should() {
    panic!("at the disco");
}

#[lightsout::test(start_paused = true)]
#[ignore = "it leaks: `leak_fails_the_test` runs it"]
async fn leaks() {
    tokio::spawn(pending::<()>());
}

#[test]
fn leak_fails_the_test() {
    assert_eq!(fails(leaks), "lightsout: 1 finding");
}

#[cfg(unix)]
#[test]
fn gate_is_told_that_the_caller_of_a_test_expects_its_failure() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("called-{}", std::process::id()));
    for (test, enforced) in [("checked::leak_fails_the_test", "by-caller"), ("checked::leaks", "by-attribute")] {
        again(test).env("LIGHTSOUT_REPORT_DIR", &folder).output().unwrap();
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let reports: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind == "jsonl")).collect();
        let [report] = &reports[..] else { panic!("{reports:?}") };
        let lines = std::fs::read_to_string(report).unwrap();
        let line: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        let report = &line["report"];
        assert_eq!((&report["test"], &report["enforced"]), (&"checked::leaks".into(), &enforced.into()));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[lightsout::test(start_paused = true)]
#[ignore = "it leaks and panics: `expected_panic_does_not_hide_a_leak` runs it"]
#[should_panic(expected = "as it should")]
async fn leaks_and_panics_as_it_should() {
    tokio::spawn(pending::<()>());
    panic!("as it should");
}

#[test]
fn expected_panic_does_not_hide_a_leak() {
    assert_eq!(fails(leaks_and_panics_as_it_should), "lightsout: 1 finding");
}

#[lightsout::test]
#[ignore = "it fails: `missing_panic_fails_the_test` runs it"]
#[should_panic]
async fn does_not_panic() {}

#[lightsout::test]
#[ignore = "it fails: `missing_panic_fails_the_test` runs it"]
#[should_panic(expected = "one thing")]
async fn panics_otherwise() {
    panic!("another thing");
}

#[test]
fn missing_panic_fails_the_test() {
    assert_eq!(fails(does_not_panic), "Error: did not panic, although it should have");
    assert_eq!(fails(panics_otherwise), "Error: panicked with \"another thing\", which does not contain \"one thing\"");
}

#[lightsout::test]
#[ignore = "it fails: `error_fails_the_test` runs it"]
async fn returns_an_error() -> Result<(), std::num::ParseIntError> {
    "x".parse::<u32>()?;
    Ok(())
}

#[test]
fn error_fails_the_test() {
    assert_eq!(fails(returns_an_error), "Error: ParseIntError { kind: InvalidDigit }");
}

#[lightsout::test]
#[ignore = "it fails: `panic_fails_the_test_with_its_message` runs it"]
async fn panics() {
    panic!("as bodies do");
}

#[test]
fn panic_fails_the_test_with_its_message() {
    assert_eq!(fails(panics), "as bodies do");
}

#[lightsout::test(allow(thread = "[", reason = "a typo"))]
#[ignore = "it fails: `check_that_cannot_be_made_fails_the_test` runs it"]
async fn has_a_malformed_rule() {}

#[test]
fn check_that_cannot_be_made_fails_the_test() {
    assert_eq!(fails(has_a_malformed_rule), "lightsout: the test could not be checked");
}

#[lightsout::test]
async fn body_may_hold_what_is_not_send() {
    let local = std::rc::Rc::new(1);
    tokio::task::yield_now().await;
    assert_eq!(*local, 1);
}
