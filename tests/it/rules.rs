//! Allow rules, each with its reason.

use std::future::pending;

use lightsout::{Allow, Check, Kind};

use crate::claims::{ALLOCATED, PLACED, clean, leaked, only, said};

fn check(rule: Allow) -> Check {
    Check::new("rules").start_paused(true).allow(rule)
}

mod pool {
    use std::future::pending;

    pub(crate) fn start() {
        tokio::spawn(async { pending::<()>().await });
    }
}

#[test]
fn place_that_a_rule_names_may_live() {
    if !PLACED {
        return;
    }
    for place in ["tests/it/rules.rs", "it/rules.rs:17", "tests/**/*.rs", "rules.rs"] {
        let report = check(Allow::spawned_at(place).because("the pool is meant to live")).run(|| async {
            pool::start();
        });
        clean(&report);
        assert_eq!((report.allowed()[0].count, report.allowed()[0].reason.as_str()), (1, "the pool is meant to live"));
    }
}

#[test]
fn rule_for_another_line_allows_nothing_and_is_told() {
    let report = check(Allow::spawned_at("tests/it/rules.rs:1").because("a stale rule")).run(|| async {
        tokio::spawn(pending::<()>());
    });
    leaked(&report, 1, file!(), line!() - 2);
    assert_eq!(report.allowed()[0].count, 0);
    assert!(report.to_text().contains("matched nothing"), "{report}");
}

#[test]
fn function_that_a_rule_names_may_spawn() {
    if !ALLOCATED {
        return;
    }
    let rule = Allow::spawned_in("pool::start").because("the pool is meant to live");
    let report = check(rule).run(|| async {
        pool::start();
        tokio::spawn(pending::<()>());
    });
    leaked(&report, 1, file!(), line!() - 2);
    assert_eq!(report.allowed()[0].count, 1);
}

#[test]
#[cfg(tokio_unstable)]
fn task_that_a_rule_names_may_live() {
    let rule = || Allow::task("pool-*").because("the pool is meant to live");
    for check in [check(rule()), Check::new("named").multi_thread().worker_threads(2).allow(rule())] {
        let report = check.grace(std::time::Duration::from_millis(50)).run(|| async {
            let start = async {
                tokio::task::Builder::new().name("pool-1").spawn(pending::<()>()).unwrap();
            };
            tokio::spawn(start).await.unwrap();
            tokio::task::Builder::new().name("other").spawn(pending::<()>()).unwrap();
        });
        leaked(&report, 1, file!(), line!() - 2);
        assert_eq!(said(&report.findings()[0], "name"), "other");
    }
}

#[test]
fn rule_about_functions_without_allocations_is_an_error() {
    let rule = Allow::spawned_in("pool::start").because("the pool is meant to live");
    let error = check(rule).allocations(false).try_run(|| async {}).unwrap_err().to_string();
    assert!(error.contains("told not to look at allocations"), "{error}");
}

#[test]
#[cfg(not(tokio_unstable))]
fn rule_that_this_build_cannot_look_at_is_an_error() {
    let rule = Allow::task("pool-*").because("the pool is meant to live");
    let error = check(rule).try_run(|| async {}).unwrap_err().to_string();
    assert!(error.contains("--cfg tokio_unstable"), "{error}");
}

#[test]
fn census_is_a_baseline() {
    if !PLACED {
        return;
    }
    let report = Check::new("baseline").start_paused(true).run(|| async {
        pool::start();
        lightsout::census().allow("the pool is warm before the test begins");
        tokio::spawn(pending::<()>());
    });
    leaked(&report, 1, file!(), line!() - 2);
    assert_eq!(report.allowed()[0].rule, "a census of 1");
}

#[test]
fn body_may_give_a_rule() {
    if !PLACED {
        return;
    }
    let report = Check::new("granted").start_paused(true).run(|| async {
        lightsout::allow(Allow::spawned_at("rules.rs").because("known only here"));
        pool::start();
    });
    clean(&report);
}

#[test]
fn malformed_pattern_is_an_error_and_not_a_pass() {
    let rule = Allow::spawned_at("src/[").because("a typo");
    let error = check(rule).try_run(|| async {}).unwrap_err().to_string();
    assert!(error.starts_with("failed to read the pattern `**/src/[`"), "{error}");
}

#[test]
fn rule_that_allows_every_task_is_vacuous() {
    for place in ["**", "*", "**/*.rs"] {
        let rule = Allow::spawned_at(place).because("peace and quiet");
        let report = check(rule).run(|| async {
            tokio::spawn(async {}).await.unwrap();
        });
        let vacuous = only(&report, Kind::Vacuous);
        assert_eq!(said(vacuous, "rule"), format!("spawned_at = {place:?}"));
    }
}

#[test]
fn rule_that_allows_every_thread_is_told_as_a_blind_spot() {
    let report = check(Allow::thread("*").because("rayon's threads have no names")).run(|| async {});
    clean(&report);
    assert!(report.coverage().unseen().iter().any(|unseen| unseen.what == "threads"), "{report}");
}
