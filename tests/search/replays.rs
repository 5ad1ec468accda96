//! Replaying one plan, and keeping those that failed.

use std::fs;
use std::path::PathBuf;

use lightsout::{Check, Kind, Plan, Signal};

use crate::alone;
use crate::bodies::{self, Buggy, Fixed};
use crate::claims::only;

fn plan(text: &str) -> Plan {
    text.parse().unwrap()
}

/// Returns a folder of this test's own, which does not exist.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lightsout-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    folder
}

#[test]
fn plan_of_a_finding_shows_it_again() {
    let _alone = alone();
    let search = Check::new("two signals").signals([Signal::Term, Signal::Term]);
    let found = search.run(|| bodies::closes_twice(Buggy));
    let plan = only(&found, Kind::TaskPanic).plan().unwrap().clone();
    for _ in 0..3 {
        let replay = Check::new("replay").signals([Signal::Term, Signal::Term]).plan(plan.clone());
        let report = replay.run(|| bodies::closes_twice(Buggy));
        assert_eq!(only(&report, Kind::TaskPanic).plan(), Some(&plan));
        assert_eq!(report.coverage().runs(), 1);
    }
}

#[test]
fn finding_prints_the_line_that_replays_it() {
    let _alone = alone();
    let report = Check::new("leak").signals([Signal::Term]).run(|| bodies::forgets_its_worker_while_it_warms_up(Buggy));
    let plan = only(&report, Kind::LeakedTask).plan().unwrap();
    let line = format!(
        "  replay      LIGHTSOUT_REPLAY=\"{plan}\" cargo test -p lightsout -- --exact \
         replays::finding_prints_the_line_that_replays_it\n"
    );
    assert!(report.to_text().contains(&line), "{report}");
}

#[test]
fn plan_that_no_longer_fits_says_so() {
    let _alone = alone();
    let check = Check::new("far").signals([Signal::Term]).plan(plan("SIGTERM@4000 delay@9000"));
    let report = check.run(|| bodies::forgets_its_worker_while_it_warms_up(Fixed));
    let finding = only(&report, Kind::Vacuous);
    assert!(finding.summary().contains("does not fit the program any more: 2 disturbances"), "{report}");
}

#[test]
fn plan_with_other_signals_is_an_error() {
    let _alone = alone();
    let check = Check::new("other").signals([Signal::Term]).plan(plan("SIGINT@4"));
    let error = check.try_run(|| async {}).expect_err("the check has no SIGINT").to_string();
    assert!(error.contains("`SIGINT@4`") && error.contains("`SIGTERM`"), "{error}");
}

#[test]
fn failing_plan_is_kept_and_tried_first() {
    let _alone = alone();
    let folder = folder("kept");
    let check = || Check::new("orders::drain").signals([Signal::Term]).regressions(&folder);
    let _ = check().run(|| bodies::forgets_its_worker_while_it_warms_up(Buggy));
    let kept = fs::read_to_string(folder.join("orders-drain.txt")).unwrap();
    let line = kept.lines().last().unwrap();
    assert!(line.starts_with("SIGTERM@1  # leaked-task at tests/search/bodies.rs:"), "{kept}");

    let again = check().runs(0).run(|| bodies::forgets_its_worker_while_it_warms_up(Buggy));
    assert_eq!(only(&again, Kind::LeakedTask).plan(), Some(&plan("SIGTERM@1")));
    assert_eq!(fs::read_to_string(folder.join("orders-drain.txt")).unwrap(), kept, "it is kept once");

    let mended = check().run(|| bodies::forgets_its_worker_while_it_warms_up(Fixed));
    mended.assert_clean();
    assert!(mended.to_text().contains("1 plan that failed earlier tried first"), "{mended}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn kept_plan_that_is_none_is_an_error_that_names_the_file() {
    let _alone = alone();
    let folder = folder("bad");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("bad.txt"), "SIGTERM@\n").unwrap();
    let check = Check::new("bad").signals([Signal::Term]).regressions(&folder);
    let error = check.try_run(|| bodies::forgets_its_worker_while_it_warms_up(Fixed)).expect_err("no plan").to_string();
    assert!(error.contains("bad.txt") && error.contains("`SIGTERM@`"), "{error}");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn replay_shows_who_was_polled_around_the_signal() {
    let _alone = alone();
    let replay = Check::new("steps").signals([Signal::Term]).plan(plan("SIGTERM@2"));
    let text = replay.run(|| bodies::closes_twice(Fixed)).to_text();
    let table: Vec<&str> = text.lines().skip_while(|line| !line.contains("  steps ")).collect();
    assert!(table[0].contains("boundary  body   task1"), "{text}");
    assert!(table[1..].iter().any(|line| line.contains("       2  ") && line.ends_with("SIGTERM")), "{text}");
    assert!(table.iter().any(|line| line.contains("task1: spawned at tests/search/bodies.rs:")), "{text}");
}
