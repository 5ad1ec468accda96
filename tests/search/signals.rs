//! Signals: by hand, and what is said where they reach nobody.

use lightsout::{Check, Kind, Signal, signal};
use tokio::signal::unix::{SignalKind, signal as listen};

use crate::alone;
use crate::claims::only;

#[test]
fn signal_by_hand_reaches_a_program_that_listens() {
    let _alone = alone();
    let report = Check::new("by hand").run(|| async {
        let server = tokio::spawn(async {
            let mut int = listen(SignalKind::interrupt()).unwrap();
            int.recv().await
        });
        signal::listened(Signal::Int).await;
        tokio::task::yield_now().await;
        signal::raise(Signal::Int);
        assert_eq!(server.await.unwrap(), Some(()));
    });
    report.assert_clean();
}

#[test]
#[should_panic(expected = "nothing listens for SIGUSR1, which would end the process")]
fn signal_that_would_end_the_process_is_refused() {
    signal::raise(Signal::Usr1);
}

#[test]
fn body_that_does_not_listen_is_vacuous() {
    let _alone = alone();
    // Nothing in this process listens for it, and it is not ignored as that of hanging up is below `nohup`.
    let report = Check::new("deaf").signals([Signal::Usr1]).run(|| async {
        tokio::task::yield_now().await;
    });
    let finding = only(&report, Kind::Vacuous);
    assert_eq!(finding.summary(), "nothing in the program listens for `SIGUSR1`, so no moments were searched");
}

#[test]
fn body_beside_an_old_handler_is_vacuous_too() {
    let _alone = alone();
    let listening = Check::new("once").signals([Signal::Quit]).run(|| async {
        let mut quit = listen(SignalKind::quit()).unwrap();
        quit.recv().await;
    });
    listening.assert_clean();
    let report = Check::new("deaf").signals([Signal::Quit]).run(|| async {
        tokio::task::yield_now().await;
    });
    let finding = only(&report, Kind::Vacuous);
    assert!(finding.summary().starts_with("no run went differently for its signals"), "{report}");
}

#[test]
fn signal_for_which_nothing_listens_ends_the_program() {
    let _alone = alone();
    let waits = || async {
        let mut int = listen(SignalKind::interrupt()).unwrap();
        int.recv().await;
    };
    let report = Check::new("half deaf").signals([Signal::Usr1]).run(waits);
    let died = only(&report, Kind::Died);
    assert_eq!(
        died.summary(),
        "SIGUSR1 at boundary 1 ends the program at once: nothing in it listens for SIGUSR1 by then"
    );
    let again = Check::new("half deaf").plan(died.plan().unwrap().clone()).run(waits);
    assert_eq!(only(&again, Kind::Died).summary(), died.summary());
}

#[test]
fn body_runs_until_it_is_signalled() {
    let _alone = alone();
    let report = Check::new("server").signals([Signal::Int]).run(|| async {
        let mut int = listen(SignalKind::interrupt()).unwrap();
        int.recv().await;
    });
    report.assert_clean();
    let searched = report.coverage().searched().unwrap();
    assert!(searched.raised() > 0, "{searched:?}");
}

#[test]
fn signal_before_the_program_listens_is_start_up_and_no_hang() {
    let _alone = alone();
    let late = || async {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        let mut usr2 = listen(SignalKind::user_defined2()).unwrap();
        usr2.recv().await;
    };
    let first = Check::new("late").signals([Signal::Usr2]).run(late);
    first.assert_clean();
    let searched = first.coverage().searched().unwrap();
    assert_eq!(searched.listens_from(), Some(4), "{first}");
    assert!(first.to_text().contains("a signal at boundaries 0 to 3 ends the program"), "{first}");

    // In the same process once more: the handler is there from the beginning, and those signals reach nobody.
    let second = Check::new("late again").signals([Signal::Usr2]).run(late);
    second.assert_clean();
    assert!(second.to_text().contains("the signals of 3 plans came before the program listened"), "{second}");
}
