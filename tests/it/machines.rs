//! Random operations on small services.

use std::sync::atomic::{AtomicUsize, Ordering};

use lightsout::machine::{Machine, Operation, Service};
use lightsout::{Check, Ending, Kind};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::claims::{only, said};

/// A worker with a queue; where `LEAKY` a failure is followed by a job that nobody waits for, once work was sent.
struct Worker<const LEAKY: bool> {
    queue: Option<mpsc::Sender<()>>,
    working: Option<JoinHandle<()>>,
    sent: bool,
    results: usize,
}

impl<const LEAKY: bool> Service for Worker<LEAKY> {
    async fn start() -> Self {
        let (queue, mut jobs) = mpsc::channel(4);
        let working = tokio::spawn(async move { while jobs.recv().await.is_some() {} });
        Self { queue: Some(queue), working: Some(working), sent: false, results: 0 }
    }

    async fn apply(&mut self, operation: Operation) {
        match (operation, &self.queue) {
            (Operation::Send, Some(queue)) => {
                queue.send(()).await.unwrap();
                self.sent = true;
            }
            (Operation::Fail, _) if LEAKY && self.sent => drop(tokio::spawn(std::future::pending::<()>())),
            (Operation::Stop, _) => {
                self.queue = None;
                if let Some(working) = self.working.take() {
                    working.await.unwrap();
                    self.results += 1;
                }
            }
            _ => {}
        }
    }

    fn operations() -> Vec<Operation> {
        vec![Operation::Send, Operation::Drain, Operation::Fail]
    }

    fn results(&self) -> usize {
        self.results
    }
}

/// Gives a result for each stop.
#[derive(Default)]
struct Talkative(usize);

impl Service for Talkative {
    async fn start() -> Self {
        Self::default()
    }

    async fn apply(&mut self, operation: Operation) {
        self.0 += usize::from(operation == Operation::Stop);
    }

    fn operations() -> Vec<Operation> {
        vec![Operation::Signal]
    }

    fn results(&self) -> usize {
        self.0
    }
}

/// Leaves a task at its fifth start, and never again.
struct Unsteady;

impl Service for Unsteady {
    async fn start() -> Self {
        static STARTS: AtomicUsize = AtomicUsize::new(1);
        if STARTS.fetch_add(1, Ordering::Relaxed) == 5 {
            tokio::spawn(std::future::pending::<()>());
        }
        Self
    }

    async fn apply(&mut self, _: Operation) {}

    fn operations() -> Vec<Operation> {
        vec![Operation::Send]
    }

    fn results(&self) -> usize {
        1
    }
}

#[test]
fn service_that_ends_is_clean_however_it_is_driven() {
    let report = Machine::<Worker<false>>::new(Check::new("worker")).cases(40).run();
    report.assert_clean();
    assert_eq!(report.coverage().runs(), 40);
}

#[test]
fn leak_that_needs_two_operations_is_shrunk_to_them() {
    let report = Machine::<Worker<true>>::new(Check::new("leaky")).run();
    assert_eq!(said(only(&report, Kind::LeakedTask), "operations"), "start, send, fail", "{report}");
}

#[test]
fn run_that_failed_is_told_also_where_it_does_so_only_once() {
    let report = Machine::<Unsteady>::new(Check::new("unsteady")).run();
    let left = only(&report, Kind::LeakedTask);
    assert!(said(left, "operations").starts_with("start"), "{report}");
    Machine::<Unsteady>::new(Check::new("steady")).run().assert_clean();
}

#[test]
fn second_result_is_found() {
    let report = Machine::<Talkative>::new(Check::new("talkative")).run();
    let said = "2 results after a stop, where there is one";
    assert_eq!(report.ending(), &Ending::Panicked(said.to_owned()), "{report}");
}
