//! Sweeps over small programs: each bug of timing is found with kind and place, and each program without it is clean exhaustively.

use std::time::Duration;

use lightsout::{Check, Ending, Kind, Report, Signal};

use crate::alone;
use crate::bodies::{self, Buggy, Fixed};
use crate::claims::{leaked, only};

/// Claims that nothing was found, and that every plan was tried.
#[track_caller]
pub(crate) fn exhausted(report: &Report) {
    report.assert_clean();
    let searched = report.coverage().searched().expect("it searched");
    assert!(searched.is_exhaustive() && searched.done() > 1, "{report}");
    let (done, total) = (searched.done(), searched.total());
    assert_eq!(done, total);
    assert!(searched.to_string().starts_with("exhaustive: "), "{searched}");
}

fn search(name: &str, signals: usize) -> Check {
    Check::new(name).signals(vec![Signal::Term; signals])
}

#[test]
fn signal_while_it_warms_up_leaks_the_worker() {
    let _alone = alone();
    let report = search("leak", 1).run(|| bodies::forgets_its_worker_while_it_warms_up(Buggy));
    leaked(&report, 1, "tests/search/bodies.rs", bodies::WORKER);
    let plan = only(&report, Kind::LeakedTask).plan().expect("it searched");
    assert_eq!(plan.to_string(), "SIGTERM@1", "{report}");
    let report = search("leak, mended", 1).run(|| bodies::forgets_its_worker_while_it_warms_up(Fixed));
    exhausted(&report);
    // Its worker never rests.
    assert!(report.to_text().contains("exhaustive: 251 of 251 plans up to boundary 250"), "{report}");
}

#[test]
fn second_signal_while_it_drains_panics() {
    let _alone = alone();
    exhausted(&search("one signal", 1).run(|| bodies::closes_twice(Buggy)));
    let report = search("two signals", 2).run(|| bodies::closes_twice(Buggy));
    let panic = only(&report, Kind::TaskPanic);
    assert_eq!(panic.sites()[0].file, "tests/search/bodies.rs");
    assert_eq!(panic.plan().unwrap().to_string().matches("SIGTERM").count(), 2, "{report}");
    exhausted(&search("two signals, mended", 2).run(|| bodies::closes_twice(Fixed)));
}

#[test]
fn body_that_panics_under_a_signal_is_told_with_its_plan() {
    let _alone = alone();
    let hurried = async |hurries: bool| {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        let told = tokio::time::timeout(std::time::Duration::from_millis(5), term.recv()).await;
        assert!(told.is_err() || !hurries, "told before it was up");
        if told.is_err() {
            term.recv().await;
        }
    };
    let report = search("hurried", 1).run(move || hurried(true));
    assert!(matches!(report.ending(), Ending::Panicked(message) if message == "told before it was up"), "{report}");
    assert_eq!(report.plan().unwrap().to_string(), "SIGTERM@1");
    exhausted(&search("hurried, mended", 1).run(move || hurried(false)));
}

#[test]
fn signal_between_the_look_and_the_wait_hangs() {
    let _alone = alone();
    let report = search("lost", 1).run(|| bodies::loses_a_signal(Buggy));
    let hang = only(&report, Kind::Hang);
    assert!(hang.summary().contains("virtual time, and nothing was left that ends it"), "{report}");
    assert!(hang.plan().unwrap().to_string().starts_with("SIGTERM@"), "{report}");
    exhausted(&search("lost, mended", 1).run(|| bodies::loses_a_signal(Fixed)));
}

#[test]
fn seed_decides_what_select_takes() {
    let _alone = alone();
    let report = Check::new("luck").seeds(16).run(|| bodies::trusts_to_luck(Buggy));
    assert_eq!(report.ending(), &Ending::Panicked("out of luck".to_owned()), "{report}");
    let plan = report.plan().expect("it searched").to_string();
    assert!(plan.starts_with("seed=") || plan == "undisturbed", "{plan}");
    exhausted(&Check::new("luck, mended").seeds(16).run(|| bodies::trusts_to_luck(Fixed)));
}

#[test]
fn search_that_is_cut_short_says_how_far_it_came() {
    let _alone = alone();
    let report = search("cut", 2).runs(10).run(|| bodies::closes_twice(Fixed));
    report.assert_clean();
    let searched = report.coverage().searched().unwrap();
    assert_eq!(searched.done(), 10);
    assert!(searched.total() > 10 && !searched.is_exhaustive(), "{searched:?}");
    assert!(searched.to_string().starts_with("10 of "), "{searched}");
}

#[test]
fn undisturbed_failure_ends_the_search() {
    let _alone = alone();
    let report = search("at once", 1).run(|| async {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
        tokio::spawn(std::future::pending::<()>());
        term.recv().await;
    });
    let finding = only(&report, Kind::LeakedTask);
    assert_eq!(finding.plan().unwrap().to_string(), "undisturbed");
    assert!(report.coverage().runs() <= 2, "{report}");
}

#[test]
fn body_that_depends_on_something_else_is_no_proof() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let _alone = alone();
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let report = Check::new("moody").delays(1).run(|| async {
        if RUNS.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            tokio::spawn(async {}).await.unwrap();
        }
    });
    report.assert_clean();
    let searched = report.coverage().searched().unwrap();
    let parted = searched.parted().expect("two runs differ");
    assert!(parted.contains("part at boundary 1: in one"), "{parted}");
    assert!(!searched.is_exhaustive());
    assert!(report.to_text().contains("no proof"), "{report}");
}

#[test]
fn body_is_endless_once_the_last_thread_that_could_help_has_ended() {
    let _alone = alone();
    let report = search("helped in vain", 0).delays(1).deadline(Duration::from_secs(20)).run(|| async {
        std::thread::spawn(|| std::thread::sleep(Duration::from_millis(100)));
        std::future::pending::<()>().await;
    });
    let hang = only(&report, Kind::Hang);
    assert!(hang.summary().ends_with("of virtual time, and nothing was left that ends it"), "{report}");
}
