//! The wrong variants of the models that ship (`tests/loom`), as whole programs: the signal search finds each, and is done with the
//! right one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lightsout::{Check, Closable, Finding, Kind, Signal};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use crate::alone;
use crate::bodies::{self, Buggy, Fixed, Form};
use crate::claims::only;
use crate::sweeps::exhausted;

const MS: Duration = Duration::from_millis(1);

fn listen(kind: SignalKind) -> Listener {
    signal(kind).expect("a listener")
}

/// Something that ends once, and a flag that should see to that.
struct Core {
    resource: Closable,
    over: AtomicBool,
    ended: Notify,
}

impl Core {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { resource: Closable::new(name), over: AtomicBool::new(false), ended: Notify::new() })
    }

    /// Bug: the flag is loaded, there is an await, and only then it is stored.
    async fn end(&self, form: Form) {
        let is_over = match form {
            Fixed => self.over.swap(true, Ordering::AcqRel),
            Buggy => self.over.load(Ordering::Acquire),
        };
        if is_over {
            return;
        }
        sleep(MS).await;
        self.over.store(true, Ordering::Release);
        self.resource.close();
        self.ended.notify_one();
    }
}

/// Every signal starts a shutdown, as a handler in a loop does.
async fn shuts_down(form: Form) {
    let mut term = listen(SignalKind::terminate());
    let (core, mut calls) = (Core::new("pool"), JoinSet::new());
    loop {
        tokio::select! {
            biased;
            () = core.ended.notified() => break,
            _ = term.recv() => {
                let core = core.clone();
                calls.spawn(async move { core.end(form).await });
            }
        }
    }
    while calls.join_next().await.is_some() {}
}

/// Bug: the close has its guard, and what looked before the close sends after it.
async fn drains(form: Form) {
    let mut term = listen(SignalKind::terminate());
    let core = Core::new("queue");
    let producer = core.clone();
    let producer = tokio::spawn(async move {
        for _ in 0..3 {
            if producer.over.load(Ordering::Acquire) {
                break;
            }
            if form == Buggy {
                yield_now().await;
            }
            producer.resource.touch();
            sleep(MS).await;
        }
    });
    term.recv().await;
    if !core.over.swap(true, Ordering::AcqRel) {
        core.resource.close();
    }
    producer.await.expect("it only ends");
}

/// Two members of a run group; whichever returns first interrupts the group.
async fn runs_as_a_group(form: Form) {
    let core = Core::new("interrupt");
    let member = |kind| {
        let (core, mut ends) = (core.clone(), listen(kind));
        async move {
            ends.recv().await;
            core.end(form).await;
        }
    };
    let mut members = JoinSet::new();
    members.spawn(member(SignalKind::terminate()));
    members.spawn(member(SignalKind::interrupt()));
    core.ended.notified().await;
    members.shutdown().await;
}

/// A watch that ends by its stop, or when its connection is lost.
async fn watches(form: Form) {
    let core = Core::new("updates");
    let mut term = listen(SignalKind::terminate());
    let (stop, disconnect) = (core.clone(), core.clone());
    let mut causes = JoinSet::new();
    causes.spawn(async move {
        term.recv().await;
        stop.end(form).await;
    });
    causes.spawn(async move {
        sleep(5 * MS).await;
        disconnect.end(form).await;
    });
    core.ended.notified().await;
    causes.shutdown().await;
}

fn search(name: &str, signals: impl Into<Vec<Signal>>) -> Check {
    Check::new(name).signals(signals.into())
}

/// Claims that a finding came with a plan that has a signal, and is about this resource.
#[track_caller]
fn needs_a_signal(finding: &Finding, resource: &str) {
    assert!(finding.summary().contains(&format!("`{resource}`")), "{}", finding.summary());
    assert!(finding.plan().expect("it searched").to_string().contains("SIGTERM@"), "{:?}", finding.plan());
    assert_eq!(finding.sites()[0].file, file!());
}

#[test]
fn shutdown_whose_flag_is_loaded_and_then_stored_closes_twice() {
    let _alone = alone();
    exhausted(&search("one signal", [Signal::Term]).run(|| shuts_down(Buggy)));
    let report = search("two signals", [Signal::Term; 2]).run(|| shuts_down(Buggy));
    needs_a_signal(only(&report, Kind::DoubleClose), "pool");
    exhausted(&search("two signals, right", [Signal::Term; 2]).run(|| shuts_down(Fixed)));
}

#[test]
fn guard_that_covers_only_the_close_sends_too_late() {
    let _alone = alone();
    let report = search("drain", [Signal::Term]).run(|| drains(Buggy));
    needs_a_signal(only(&report, Kind::UseAfterClose), "queue");
    exhausted(&search("drain, right", [Signal::Term]).run(|| drains(Fixed)));
}

#[test]
fn early_signal_that_is_lost_hangs() {
    let _alone = alone();
    let report = search("latch", [Signal::Term]).run(|| bodies::loses_a_signal(Buggy));
    only(&report, Kind::Hang);
    exhausted(&search("latch, right", [Signal::Term]).run(|| bodies::loses_a_signal(Fixed)));
}

/// A signal while it warms up ends it before there is a pool.
async fn warms_up() {
    let mut term = listen(SignalKind::terminate());
    tokio::select! {
        _ = term.recv() => return,
        () = sleep(MS) => {}
    }
    let (listener, pool) = (Closable::new("listener"), Closable::new("pool"));
    term.recv().await;
    listener.close();
    pool.close();
}

#[test]
fn order_of_things_that_a_disturbed_run_never_makes_is_not_vacuous() {
    let _alone = alone();
    exhausted(&search("order", [Signal::Term]).order("listener < pool").run(warms_up));
    let report = search("wrong order", [Signal::Term]).order("pool < listener").run(warms_up);
    only(&report, Kind::OutOfOrder);
    let report = search("order of nothing", [Signal::Term]).order("listener < cache").run(warms_up);
    only(&report, Kind::Vacuous);
}

#[test]
fn two_first_members_interrupt_twice() {
    let _alone = alone();
    let both = [Signal::Term, Signal::Int];
    let report = search("group", both).run(|| runs_as_a_group(Buggy));
    needs_a_signal(only(&report, Kind::DoubleClose), "interrupt");
    exhausted(&search("group, right", both).run(|| runs_as_a_group(Fixed)));
}

#[test]
fn stop_while_a_lost_connection_is_seen_to_closes_twice() {
    let _alone = alone();
    let report = search("watch", [Signal::Term]).run(|| watches(Buggy));
    needs_a_signal(only(&report, Kind::DoubleClose), "updates");
    exhausted(&search("watch, right", [Signal::Term]).run(|| watches(Fixed)));
}
