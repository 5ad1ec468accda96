//! Work that was accepted, and what became of it.

use std::sync::Mutex;

use lightsout::{Allow, Check, Ending, Kind, Report, Ticket};
use tokio::sync::mpsc;

use crate::claims::{clean, only, said};

/// Claims what became of the work: done, refused, lost; and that it adds up.
#[track_caller]
fn work(report: &Report, done: u64, refused: u64, lost: u64) {
    let work = report.coverage().work();
    assert_eq!((work.done, work.refused, work.lost), (done, refused, lost), "{report}");
    assert_eq!(work.accepted, done + refused + lost, "{report}");
}

/// Claims the lines of this file in which the only finding has its places.
#[track_caller]
fn lost_at(report: &Report, lines: &[u32]) {
    let sites: Vec<_> = only(report, Kind::LostWork).sites().iter().map(|site| (&*site.file, site.line)).collect();
    assert_eq!(sites, lines.iter().map(|line| (file!(), *line)).collect::<Vec<_>>(), "{report}");
}

#[test]
fn work_that_is_done_or_refused_is_not_lost() {
    let report = Check::new("settled").run(|| async {
        let (jobs, mut queue) = mpsc::channel(8);
        let worker = tokio::spawn(async move {
            while let Some((number, ticket)) = queue.recv().await {
                if number < 3 { Ticket::done(ticket) } else { Ticket::refused(ticket) }
            }
        });
        for number in 0..5 {
            jobs.send((number, Ticket::new())).await.unwrap();
        }
        drop(jobs);
        worker.await.unwrap();
    });
    clean(&report);
    work(&report, 3, 2, 0);
}

#[test]
fn dropped_ticket_is_found_with_both_places() {
    let report = Check::new("dropped").run(|| async {
        let ticket = Ticket::new();
        drop(ticket);
    });
    lost_at(&report, &[line!() - 3, line!() - 2]);
    assert_eq!(said(only(&report, Kind::LostWork), "how"), "dropped");
    work(&report, 0, 0, 1);
    assert!(report.to_text().contains("work        1 accepted = 0 done + 0 refused + 1 lost"), "{report}");
}

#[test]
fn jobs_in_a_dropped_queue_are_lost_where_the_queue_is_dropped() {
    let report = Check::new("queue").run(|| async {
        let (jobs, queue) = mpsc::channel(8);
        for _ in 0..3 {
            jobs.try_send(Ticket::new()).unwrap();
        }
        drop(jobs);
        drop(queue);
    });
    lost_at(&report, &[line!() - 5, line!() - 2]);
    assert_eq!(only(&report, Kind::LostWork).summary(), "3 pieces of work were accepted, and neither done nor refused");
}

#[test]
fn closure_that_never_runs_loses_its_ticket() {
    let report = Check::new("closure").run(|| async {
        let ticket = Ticket::new();
        let job: Box<dyn FnOnce() + Send> = Box::new(move || ticket.done());
        drop(job);
    });
    lost_at(&report, &[line!() - 4, line!() - 2]);
}

#[test]
fn panic_of_a_job_loses_its_ticket() {
    let report = Check::new("panic").run(|| async {
        let ticket = Ticket::new();
        let job = tokio::spawn(async move {
            let _ticket = ticket;
            panic!("in the job");
        });
        job.await.unwrap_err();
    });
    let kinds: Vec<Kind> = report.findings().iter().map(lightsout::Finding::kind).collect();
    assert_eq!(kinds, [Kind::TaskPanic, Kind::LostWork], "{report}");
    assert_eq!(said(&report.findings()[1], "how"), "dropped by a panic");
}

#[test]
fn ticket_that_is_kept_is_lost_too() {
    static KEPT: Mutex<Vec<Ticket>> = Mutex::new(Vec::new());
    let report = Check::new("kept").run(|| async {
        KEPT.lock().unwrap().push(Ticket::new());
    });
    lost_at(&report, &[line!() - 2]);
    assert_eq!(said(only(&report, Kind::LostWork), "how"), "still held when the test was over");
    work(&report, 0, 0, 1);
}

#[test]
fn ticket_of_a_leaked_task_is_lost_beside_the_leak() {
    let report = Check::new("leak").start_paused(true).run(|| async {
        let ticket = Ticket::new();
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            ticket.done();
        });
    });
    let kinds: Vec<Kind> = report.findings().iter().map(lightsout::Finding::kind).collect();
    assert_eq!(kinds, [Kind::LeakedTask, Kind::LostWork], "{report}");
    assert!(said(&report.findings()[1], "how").starts_with("dropped with the runtime"), "{report}");
}

#[test]
fn body_that_panics_hides_no_loss() {
    let report = Check::new("body").run(|| async {
        let _ticket = Ticket::new();
        panic!("of its own");
    });
    assert_eq!(only(&report, Kind::LostWork).sites()[0].line, line!() - 3, "{report}");
    assert_eq!(report.ending(), &Ending::Panicked("of its own".to_owned()));
}

#[test]
fn body_that_hangs_has_lost_nothing_yet() {
    let check = Check::new("hang").start_paused(true).deadline(std::time::Duration::from_millis(50));
    let report = check.run(|| async {
        let _ticket = Ticket::new();
        std::future::pending::<()>().await;
    });
    let _ = only(&report, Kind::Hang);
}

#[test]
fn ticket_of_no_run_is_never_lost() {
    let ticket = Mutex::new(Some(Ticket::new()));
    let report = Check::new("outside").run(move || {
        let ticket = ticket.lock().unwrap().take();
        async move { drop(ticket) }
    });
    clean(&report);
    work(&report, 0, 0, 0);
}

#[test]
fn losses_of_one_run_are_not_seen_by_another() {
    let (tell, told) = std::sync::mpsc::channel();
    let first = Check::new("first").run(move || {
        let tell = tell.clone();
        async move { tell.send(Ticket::new()).unwrap() }
    });
    let _ = only(&first, Kind::LostWork);
    let second = Check::new("second").run(move || {
        let ticket = told.try_recv();
        async move { drop(ticket) }
    });
    clean(&second);
}

#[test]
fn loss_may_be_allowed_by_the_place_of_the_ticket() {
    let rule = Allow::created_at(format!("{}:{}", file!(), line!() + 3)).because("probes of liveness are not work");
    let report = Check::new("allowed").allow(rule).run(|| async {
        for _ in 0..2 {
            drop(Ticket::new());
        }
        drop(Ticket::new());
    });
    assert_eq!(only(&report, Kind::LostWork).sites()[0].line, line!() - 2, "{report}");
    assert_eq!(report.allowed()[0].count, 2);
}

#[test]
fn rule_that_allows_every_loss_is_told_as_a_blind_spot() {
    let rule = Allow::created_at("**").because("peace and quiet");
    let report = Check::new("all").allow(rule).run(|| async { drop(Ticket::new()) });
    clean(&report);
    for what in ["channels", "lost work"] {
        assert!(report.coverage().unseen().iter().any(|unseen| unseen.what == what), "{report}");
    }
}
