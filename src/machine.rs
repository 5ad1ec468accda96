//! Drives a service through random sequences of operations, and judges each as a run of its own.
//!
//! A test stops a service in the one way that its author thought of. Here
//! [proptest-state-machine](https://docs.rs/proptest-state-machine) draws sequences of operations, each sequence is a checked run on a paused clock, and
//! the reference is short: after a stop there is one result, and when the sequence is over no task, no open channel and no panic. A sequence that
//! fails is shrunk to one that still does, and that is what the report is about.
//!
//! ```
//! use lightsout::Check;
//! use lightsout::machine::{Machine, Operation, Service};
//! use tokio::sync::watch;
//! use tokio::task::JoinHandle;
//!
//! struct Worker {
//!     stop: Option<watch::Sender<()>>,
//!     working: Option<JoinHandle<()>>,
//!     results: usize,
//! }
//!
//! impl Service for Worker {
//!     async fn start() -> Self {
//!         let (stop, mut stopped) = watch::channel(());
//!         let working = tokio::spawn(async move { while stopped.changed().await.is_ok() {} });
//!         Self { stop: Some(stop), working: Some(working), results: 0 }
//!     }
//!
//!     async fn apply(&mut self, operation: Operation) {
//!         self.stop = None;
//!         if operation == Operation::Stop {
//!             if let Some(working) = self.working.take() {
//!                 working.await.unwrap();
//!                 self.results += 1;
//!             }
//!         }
//!     }
//!
//!     fn operations() -> Vec<Operation> {
//!         vec![Operation::DropHandle]
//!     }
//!
//!     fn results(&self) -> usize {
//!         self.results
//!     }
//! }
//!
//! Machine::<Worker>::new(Check::new("worker")).cases(32).run().assert_clean();
//! ```

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use proptest::prelude::{BoxedStrategy, Just, Strategy as _};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use crate::body::Body;
use crate::check::Check;
use crate::error::Error;
use crate::finding::{Evidence, Report};
use crate::report::words;
use crate::settings::Channels;

/// What is done to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// It is started, if it is not running.
    Start,
    /// It is told to stop, and has stopped when this is over; also a second time.
    Stop,
    /// A signal arrives, or what stands for one.
    Signal,
    /// One of its handles is dropped, if there is one.
    DropHandle,
    /// Work is handed in.
    Send,
    /// It finishes what it has, and goes on.
    Drain,
    /// One of its components fails.
    Fail,
    /// Time passes on the paused clock.
    Advance(Duration),
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Signal => "signal",
            Self::DropHandle => "drop a handle",
            Self::Send => "send",
            Self::Drain => "drain",
            Self::Fail => "fail",
            Self::Advance(time) => return write!(f, "advance {}", words::time(*time)),
        };
        f.write_str(word)
    }
}

/// A service that a [`Machine`] drives.
pub trait Service: Sized + 'static {
    /// Starts it.
    fn start() -> impl Future<Output = Self>;

    /// Does one of its [operations](Self::operations), or `Stop`, and waits for as long as its caller in production would.
    fn apply(&mut self, operation: Operation) -> impl Future<Output = ()>;

    /// Returns what can be done to it beside `Start`, `Stop` and `Advance`, which are always among it.
    fn operations() -> Vec<Operation>;

    /// Returns how many results it has given since its start; one after a `Stop`, however many there are.
    fn results(&self) -> usize;
}

/// Draws sequences of operations for a service, and judges each.
#[derive(Debug)]
#[must_use = "a machine drives nothing until it is run"]
pub struct Machine<S> {
    check: Check,
    cases: u32,
    longest: usize,
    service: PhantomData<fn() -> S>,
}

impl<S: Service> Machine<S> {
    /// Makes a machine whose runs are set up as this check is; their clock is paused, and an open channel is a finding.
    pub fn new(check: Check) -> Self {
        Self { check: check.start_paused(true).channels(Channels::Deny), cases: 64, longest: 12, service: PhantomData }
    }

    /// Sets how many sequences are drawn; 64 unless set.
    pub fn cases(mut self, count: u32) -> Self {
        self.cases = count;
        self
    }

    /// Sets how many operations a sequence may have; 12 unless set.
    pub fn longest(mut self, count: usize) -> Self {
        self.longest = count.max(1);
        self
    }

    /// Draws the sequences, the same ones each time, and returns the report of the first that fails, shrunk; or of the last one.
    ///
    /// # Panics
    ///
    /// Where [`Check::run`] does.
    #[track_caller]
    pub fn run(self) -> Report {
        self.try_run().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Draws the sequences, the same ones each time, and returns the report of the first that fails, shrunk; or of the last one.
    ///
    /// # Errors
    ///
    /// If a check could not be made.
    pub fn try_run(self) -> Result<Report, Error> {
        let draft = self.check.draft()?;
        // A check that cannot be made is told as such, and not as a failure of some sequence.
        let shortest = self.judge(&[Operation::Start, Operation::Stop])?;
        let report = if shortest.is_clean() { self.search(shortest)? } else { shortest };
        draft.finish(&report)?;
        Ok(report)
    }

    /// Draws the sequences; where all are clean, the report is that of the shortest one.
    fn search(&self, mut shortest: Report) -> Result<Report, Error> {
        let config = Config { cases: self.cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let sequences = Reference::<S>::sequential_strategy(1..=self.longest);
        // The last one that failed is the one that it was shrunk to.
        let last = RefCell::new(None);
        let failed = runner.run(&sequences, |(_, operations, seen)| {
            // What was never reached is shrunk away first; a run reaches all or hangs.
            seen.iter().for_each(|seen| seen.store(operations.len(), std::sync::atomic::Ordering::SeqCst));
            let judged = self.judge(&operations);
            if judged.as_ref().is_ok_and(Report::is_clean) {
                return Ok(());
            }
            last.replace(Some(judged));
            Err(TestCaseError::fail("it is not clean"))
        });
        match failed {
            Err(TestError::Fail(_, (_, operations, _))) => {
                let judged = last.take().expect("lightsout bug: a sequence failed");
                Ok(told(judged?, &operations))
            }
            // No draw is ever refused.
            Err(TestError::Abort(reason)) => unreachable!("lightsout bug: {reason}"),
            Ok(()) => {
                shortest.coverage.runs = u64::from(self.cases);
                Ok(shortest)
            }
        }
    }

    fn judge(&self, operations: &[Operation]) -> Result<Report, Error> {
        let operations = operations.to_vec();
        self.check.clone().look(Body::new(move || drive::<S>(operations.clone())))
    }
}

/// Returns the report of a sequence, in which each finding says what was done.
fn told(mut report: Report, operations: &[Operation]) -> Report {
    let done: Vec<String> = operations.iter().map(ToString::to_string).collect();
    for finding in &mut report.findings {
        finding.evidence.push(Evidence { about: "operations".to_owned(), seen: done.join(", ") });
    }
    report
}

/// Does one thing after the other, and stops the service at the end.
async fn drive<S: Service>(operations: Vec<Operation>) {
    let mut service: Option<S> = None;
    let mut stopped = false;
    for operation in operations.into_iter().chain([Operation::Stop]) {
        match (operation, &mut service) {
            (Operation::Start, Some(_)) if !stopped => {}
            (Operation::Start, _) => (service, stopped) = (Some(S::start().await), false),
            (Operation::Advance(time), _) => tokio::time::sleep(time).await,
            (_, None) => {}
            (operation, Some(service)) => {
                service.apply(operation).await;
                stopped |= operation == Operation::Stop;
                let results = service.results();
                assert!(!stopped || results == 1, "{results} results after a stop, where there is one");
            }
        }
    }
}

/// What is known of a service without looking at it.
struct Reference<S>(PhantomData<S>);

impl<S: Service> ReferenceStateMachine for Reference<S> {
    /// Whether it was started.
    type State = bool;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<bool> {
        Just(false).boxed()
    }

    fn transitions(started: &bool) -> BoxedStrategy<Operation> {
        if !started {
            return Just(Operation::Start).boxed();
        }
        let mut operations = S::operations();
        operations.extend([Operation::Start, Operation::Stop]);
        operations.extend([1, 100, 10_000].map(|millis| Operation::Advance(Duration::from_millis(millis))));
        select(operations).boxed()
    }

    fn apply(started: bool, operation: &Operation) -> bool {
        started || *operation == Operation::Start
    }
}
