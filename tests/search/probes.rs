//! What probes and events say is judged in every run of a search, and not in its first one only.

use lightsout::{Check, Closable, Kind, Report, Signal, Ticket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::yield_now;

use crate::alone;
use crate::claims::only;

/// Searches a body that is told at which of its steps the signal came.
fn signalled(check: Check, then: fn(usize)) -> Report {
    check.signals([Signal::Term]).run(move || async move {
        let mut term = signal(SignalKind::terminate()).unwrap();
        let mut step = 0;
        let told = tokio::spawn(async move { term.recv().await });
        while !told.is_finished() && step < 5 {
            yield_now().await;
            step += 1;
        }
        let _ = told.await;
        then(step);
    })
}

/// Claims that the only finding is of this kind, and needs a signal early on.
#[track_caller]
fn found_by_a_plan(report: &Report, kind: Kind) {
    let finding = only(report, kind);
    assert!(finding.plan().is_some_and(|plan| plan.to_string().starts_with("SIGTERM@")), "{report}");
    assert!(!report.to_text().contains("did not show it"), "{report}");
}

#[test]
fn double_close_of_a_later_run_is_found() {
    let _alone = alone();
    let report = signalled(Check::new("double close"), |step| {
        let pool = Closable::new("pool");
        pool.close();
        if step < 5 {
            pool.close();
        }
    });
    found_by_a_plan(&report, Kind::DoubleClose);
}

#[test]
fn work_that_a_later_run_loses_is_found() {
    let _alone = alone();
    let report = signalled(Check::new("lost work"), |step| {
        let work = Ticket::new();
        if step < 5 { drop(work) } else { work.done() }
    });
    found_by_a_plan(&report, Kind::LostWork);
}

#[test]
fn order_that_a_later_run_breaks_is_found() {
    let _alone = alone();
    let report = signalled(Check::new("order").order("pool < database"), |step| {
        let (pool, database) = (Closable::new("pool"), Closable::new("database"));
        if step < 5 {
            database.close();
        }
        pool.close();
        if !database.is_closed() {
            database.close();
        }
    });
    found_by_a_plan(&report, Kind::OutOfOrder);
}

#[test]
fn later_run_that_does_not_come_to_what_is_ordered_is_clean() {
    let _alone = alone();
    let report = signalled(Check::new("early").order("pool < database"), |step| {
        let pool = Closable::new("pool");
        pool.close();
        if step == 5 {
            Closable::new("database").close();
        }
    });
    report.assert_clean();
}

#[test]
fn order_of_nothing_is_vacuous_in_a_search() {
    let _alone = alone();
    let report = signalled(Check::new("nothing").order("pool < database"), |_| Closable::new("pool").close());
    let finding = only(&report, Kind::Vacuous);
    assert!(finding.summary().contains("database"), "{report}");
}
