//! Things that end once, ended twice or used after their end.

use std::sync::Arc;
use std::thread;

use lightsout::{Allow, Check, Closable, Ending, Kind};
use tokio::sync::oneshot;

use crate::claims::{HOOKED, clean, only, said};

/// Claims that the places of the only finding are these lines of this file, in this order.
#[track_caller]
fn lines(report: &lightsout::Report, kind: Kind, lines: [u32; 2]) {
    let sites: Vec<_> = only(report, kind).sites().iter().map(|site| (&*site.file, site.line)).collect();
    assert_eq!(sites, lines.map(|line| (file!(), line)), "{report}");
}

#[test]
fn second_close_is_found_with_both_places() {
    let report = Check::new("twice").run(|| async {
        let pool = Closable::new("pool");
        pool.close();
        pool.clone().close();
    });
    lines(&report, Kind::DoubleClose, [line!() - 3, line!() - 2]);
    let finding = only(&report, Kind::DoubleClose);
    assert_eq!(finding.summary(), "`pool` was closed twice");
    assert_eq!(said(finding, "what"), format!("`pool`, made at {}:{}:20", file!(), line!() - 7));
    assert_eq!(finding.rule(), Some(r#"allow(closable = "pool", reason = "...")"#));
}

#[test]
fn what_ended_in_between_is_told_in_order() {
    let report = Check::new("between").run(|| async {
        let [pool, listener, registrar] = ["pool", "listener", "registrar"].map(Closable::new);
        pool.close();
        registrar.close();
        listener.close();
        pool.close();
    });
    let between = said(only(&report, Kind::DoubleClose), "between");
    let (registrar, listener) = (line!() - 5, line!() - 4);
    let at = |line| format!("at {}:{line}:", file!());
    let places = [at(registrar), at(listener)].map(|place| between.find(&place).unwrap_or_else(|| panic!("{between}")));
    assert!(between.starts_with("`registrar`") && places[0] < places[1], "{between}");
}

#[test]
fn who_closed_is_told_by_its_spawn() {
    let report = Check::new("who").run(|| async {
        let pool = Closable::new("pool");
        let theirs = pool.clone();
        tokio::spawn(async move { theirs.close() }).await.unwrap();
        pool.close();
    });
    let by = said(only(&report, Kind::DoubleClose), "by");
    let task = if HOOKED { format!("the task spawned at {}:{}:", file!(), line!() - 4) } else { "a task;".to_owned() };
    assert!(by.starts_with(&task) && by.ends_with("then the body, or a thread without a task"), "{by}");
}

#[test]
fn use_after_the_end_is_found_with_both_places() {
    let report = Check::new("late use").run(|| async {
        let pool = Closable::new("pool");
        pool.touch();
        pool.close();
        for _ in 0..3 {
            pool.touch();
        }
    });
    lines(&report, Kind::UseAfterClose, [line!() - 5, line!() - 3]);
    assert_eq!(only(&report, Kind::UseAfterClose).count(), 3);
}

#[test]
fn thing_that_ends_once_is_clean() {
    clean(&Check::new("once").run(|| async {
        let pool = Closable::new("pool");
        pool.touch();
        assert!(!pool.is_closed());
        pool.close();
        assert!(pool.is_closed());
    }));
}

#[test]
fn thread_that_closes_again_is_found_too() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let report = Check::new("thread").run(|| async {
        let pool = Closable::new("pool");
        pool.close();
        let theirs = pool.clone();
        thread::spawn(move || theirs.close()).join().unwrap();
    });
    lines(&report, Kind::DoubleClose, [line!() - 4, line!() - 2]);
}

#[test]
fn of_32_concurrent_closes_one_is_right() {
    let report = Check::new("many").multi_thread().worker_threads(2).run(|| async {
        let pool = Arc::new(Closable::new("pool"));
        let closing = (0..32).map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.close() })
        });
        for task in closing.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    });
    assert_eq!(only(&report, Kind::DoubleClose).count(), 31, "{report}");
}

#[test]
fn body_that_panics_hides_no_second_close() {
    let report = Check::new("panic").run(|| async {
        struct Closes(Closable);
        impl Drop for Closes {
            fn drop(&mut self) {
                self.0.close();
            }
        }
        let pool = Closes(Closable::new("pool"));
        pool.0.close();
        panic!("of its own");
    });
    lines(&report, Kind::DoubleClose, [line!() - 3, line!() - 7]);
    assert_eq!(report.ending(), &Ending::Panicked("of its own".to_owned()));
}

#[test]
fn body_that_hangs_hides_no_second_close() {
    let check = Check::new("hang").start_paused(true).deadline(std::time::Duration::from_millis(50));
    let report = check.run(|| async {
        let pool = Closable::new("pool");
        pool.close();
        pool.close();
        std::future::pending::<()>().await;
    });
    let kinds: Vec<Kind> = report.findings().iter().map(lightsout::Finding::kind).collect();
    assert_eq!(kinds, [Kind::Hang, Kind::DoubleClose], "{report}");
}

#[test]
fn runs_do_not_see_each_others_closes() {
    let (tell, told) = std::sync::mpsc::channel();
    let first = Check::new("first").run(move || {
        let tell = tell.clone();
        async move {
            let pool = Closable::new("pool");
            pool.close();
            tell.send(pool).unwrap();
        }
    });
    clean(&first);
    let shared = told.recv().unwrap();
    let report = Check::new("second").run(move || {
        let shared = shared.clone();
        async move { shared.close() }
    });
    lines(&report, Kind::DoubleClose, [line!() - 10, line!() - 2]);
}

#[test]
fn what_is_closed_outside_a_run_is_nobodys() {
    let pool = Closable::new("pool");
    pool.close();
    pool.close();
    clean(&Check::new("beside").run(|| async {}));
    let report = Check::new("inside").run(move || {
        let pool = pool.clone();
        async move { pool.touch() }
    });
    lines(&report, Kind::UseAfterClose, [line!() - 7, line!() - 2]);
}

#[test]
fn closable_may_be_allowed_by_its_name() {
    let twice = |check: Check| {
        check.run(|| async {
            let pool = Closable::new("pool-1");
            pool.close();
            pool.close();
        })
    };
    let report =
        twice(Check::new("allowed").allow(Allow::closable("pool-*").because("closing it twice is documented")));
    clean(&report);
    assert_eq!(report.allowed()[0].count, 1);
    let report = twice(Check::new("all").allow(Allow::closable("*").because("peace and quiet")));
    assert!(report.coverage().unseen().iter().any(|unseen| unseen.what.contains("ended twice")), "{report}");
}

#[lightsout::test(allow(closable = "pool", reason = "the attribute takes the rule too"))]
async fn attribute_allows_a_closable() {
    let (done, is_done) = oneshot::channel();
    let pool = Closable::new("pool");
    pool.close();
    pool.close();
    done.send(()).unwrap();
    is_done.await.unwrap();
}
