//! Bodies that do not end, end too late, or leave something that does not let go.

use std::time::Duration;

use lightsout::{Check, Ending, Kind};

use crate::claims::{DUMPED, PLACED, only, said};

const MS: Duration = Duration::from_millis(1);

#[test]
fn body_that_waits_for_ever_is_told_with_its_census() {
    let report = Check::new("waits").deadline(50 * MS).run(|| async {
        let task = tokio::spawn(std::future::pending::<()>());
        task.await.unwrap();
    });
    let hang = only(&report, Kind::Hang);
    assert!(hang.summary().starts_with("the body had not finished at its deadline of 50 ms"), "{report}");
    assert_eq!(report.ending(), &Ending::Unfinished);
    let alive = said(hang, "alive");
    assert!(
        alive.starts_with(if PLACED { "1 task spawned at tests/it/hangs.rs:" } else { "1 task (counted" }),
        "{alive}"
    );
    if DUMPED {
        let awaits = said(hang, "body awaits");
        assert!(awaits.contains(&format!("tests/it/hangs.rs:{}:", line!() - 12)), "{awaits}");
    }
}

#[test]
fn paused_clock_does_not_stop_the_deadline() {
    let report = Check::new("paused").start_paused(true).deadline(50 * MS).run(std::future::pending::<()>);
    assert!(only(&report, Kind::Hang).summary().contains("had not finished"), "{report}");
}

#[test]
fn body_that_blocks_its_thread_is_given_up() {
    let report = Check::new("blocks").deadline(20 * MS).grace(20 * MS).run(|| async {
        std::thread::sleep(20_000 * MS);
    });
    let hang = only(&report, Kind::Hang);
    assert!(hang.summary().contains("had not finished"), "{report}");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        assert!(said(hang, "its thread").starts_with("sleeps"), "{report}");
    }
}

#[test]
fn body_that_finishes_too_late_is_told_so() {
    let report = Check::new("late").deadline(20 * MS).run(|| async {
        std::thread::sleep(60 * MS);
    });
    assert!(only(&report, Kind::Hang).summary().starts_with("the body finished too late"), "{report}");
    assert_eq!(report.ending(), &Ending::Passed);
}

#[test]
fn leftover_that_blocks_the_runtime_is_told_so() {
    let report = Check::new("leftover").deadline(20 * MS).grace(20 * MS).run(|| async {
        tokio::spawn(async { std::thread::sleep(20_000 * MS) });
    });
    let hang = only(&report, Kind::Hang);
    assert!(hang.summary().starts_with("the body has finished, but what it left"), "{report}");
    assert_eq!(report.ending(), &Ending::Passed);
}

#[test]
fn looping_body_on_a_paused_clock_ends_at_the_deadline() {
    let report = Check::new("virtual loop").start_paused(true).deadline(50 * MS).run(|| async {
        loop {
            tokio::time::sleep(MS).await;
        }
    });
    assert!(only(&report, Kind::Hang).summary().contains("had not finished"), "{report}");
}

#[test]
fn paused_clock_beside_a_blocking_closure_does_not_hang_settle() {
    // A paused clock stands still while a blocking closure runs, and so would a wait that only counts virtual time.
    let report = Check::new("stands still").start_paused(true).grace(50 * MS).run(|| async {
        tokio::task::spawn_blocking(|| std::thread::sleep(20_000 * MS));
        tokio::spawn(std::future::pending::<()>());
    });
    let kinds: Vec<Kind> = report.findings().iter().map(lightsout::Finding::kind).collect();
    assert_eq!(kinds, [Kind::LeakedTask, Kind::BlockedThread], "{report}");
    assert!(report.took() < 15_000 * MS, "{:?}", report.took());
}
