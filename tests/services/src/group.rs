//! Actors that run together: when the first one returns, all are interrupted, and the group ends when all have returned.
//!
//! An actor is a pair: *execute* does the work, and *interrupt* makes it return. After the run group of Go (`oklog/run`). Its
//! rules, and what breaks them in the faulty form, one [`Fault`] each:
//! - every actor is interrupted once, in the order in which it was added, also the one that returned first;
//! - an interrupt that comes before the actor has begun is not lost ([`Echo`] shows it);
//! - an interrupt that hangs, or panics, costs its own actor and no other;
//! - a signal means stop, and a signal while the group stops means now.

mod echo;

pub use echo::Echo;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use strum::EnumString;
use tokio::sync::{Mutex, oneshot};
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::Faults;
use crate::signal::Signals;

/// What can be wrong with a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "kebab-case")]
pub enum Fault {
    /// Each actor that returns interrupts all of them.
    InterruptTwice,
    /// An interrupt that comes before the actor has begun is lost.
    InterruptTooEarly,
    /// One interrupt that hangs keeps all later actors running.
    InterruptWithoutBound,
    /// A second signal does nothing.
    SecondSignalSwallowed,
}

/// Why a group did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first actor to return failed.
    #[error("actor `{0}` failed: {1}")]
    Failed(&'static str, #[source] Failure),
    /// A signal came while the group was stopping, and what was left was aborted.
    #[error("forced to stop")]
    Forced,
    /// This interrupt did not end in time, or panicked, and its actor was aborted.
    #[error("actor `{0}` could not be interrupted")]
    Aborted(&'static str),
}

/// Why an actor failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

type Execute = BoxFuture<'static, Result<(), Failure>>;
type Interrupt = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Actors that are to run together.
#[must_use = "a group does nothing until it is run"]
pub struct Group {
    actors: Vec<(&'static str, Execute, Interrupt)>,
    /// `None` unless the group was asked to handle signals.
    signals: Option<Arc<Mutex<Signals>>>,
    /// How long one interrupt may take.
    patience: Duration,
    faults: Faults<Fault>,
}

impl Group {
    /// Makes an empty group. An interrupt that takes longer than `patience` is given up.
    pub fn new(patience: Duration, faults: Faults<Fault>) -> Self {
        Self { actors: Vec::new(), signals: None, patience, faults }
    }

    /// Adds an actor. `interrupt` may be called before `execute` has begun and after it has returned.
    pub fn add<F, I>(
        &mut self,
        name: &'static str,
        execute: impl Future<Output = Result<(), Failure>> + Send + 'static,
        interrupt: I,
    ) where
        F: Future<Output = ()> + Send + 'static,
        I: Fn() -> F + Send + Sync + 'static,
    {
        self.actors.push((name, Box::pin(execute), Arc::new(move || Box::pin(interrupt()))));
    }

    /// Adds an actor that returns on a signal, and makes a signal while the group stops mean now.
    ///
    /// The handlers are in place when this returns. A group that is not asked to has none.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub fn handle_signals(&mut self) -> io::Result<()> {
        let signals = Arc::new(Mutex::new(Signals::listen()?));
        self.signals = Some(signals.clone());
        let (quit, mut asked) = oneshot::channel();
        let quit = Arc::new(Mutex::new(Some(quit)));
        let execute = async move {
            let mut signals = signals.lock().await;
            tokio::select! {
                () = signals.next() => {}
                _ = &mut asked => {}
            }
            Ok(())
        };
        self.add("signals", execute, move || {
            let quit = quit.clone();
            async move {
                let quit = quit.lock().await.take().expect("an actor is interrupted once");
                // It fails when the actor has returned.
                let _ = quit.send(());
            }
        });
        Ok(())
    }

    /// Runs all actors until all have returned. When it returns, none is left; dropping the future aborts them.
    ///
    /// # Errors
    /// What the first actor to return failed with; or else, that the end was forced or an actor had to be aborted.
    pub async fn run(self) -> Result<(), Error> {
        let Self { actors, signals, patience, faults } = self;
        let mut running = Running::new();
        let mut interrupts = Vec::new();
        for (name, execute, interrupt) in actors {
            let abort = running.spawn(async move { (name, execute.await) });
            interrupts.push(Handle { name, interrupt, abort });
        }
        let Some(first) = running.join_next().await else { return Ok(()) };
        let stopped = tokio::select! {
            stopped = stop(&mut running, &interrupts, patience, faults) => stopped,
            () = again(signals, faults) => Err(Error::Forced),
        };
        running.shutdown().await;
        outcome(first, &interrupts).and(stopped)
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.actors.iter().map(|(name, ..)| name)).finish()
    }
}

/// What a group keeps of an actor that runs.
struct Handle {
    name: &'static str,
    interrupt: Interrupt,
    abort: AbortHandle,
}

type Running = JoinSet<(&'static str, Result<(), Failure>)>;
type Returned = Result<(&'static str, Result<(), Failure>), JoinError>;

/// Interrupts all, and waits until all have returned.
async fn stop(
    running: &mut Running,
    actors: &[Handle],
    patience: Duration,
    faults: Faults<Fault>,
) -> Result<(), Error> {
    let result = interrupt_all(actors, patience, faults).await;
    while running.join_next().await.is_some() {
        // Bug: every return interrupts the group. Interrupts are written to be called once (in Go they close a channel).
        if faults.has(Fault::InterruptTwice) {
            let _ = interrupt_all(actors, patience, faults).await;
        }
    }
    result
}

/// Interrupts all, in order; returns the first failure.
async fn interrupt_all(actors: &[Handle], patience: Duration, faults: Faults<Fault>) -> Result<(), Error> {
    let mut result = Ok(());
    for Handle { name, interrupt, abort } in actors {
        // In a task of its own, so that a panic ends there.
        let interrupt = interrupt.clone();
        let interrupted = AbortOnDropHandle::new(tokio::spawn(async move { interrupt().await }));
        let interrupted = match faults.has(Fault::InterruptWithoutBound) {
            // Bug: the interrupts wait for one another, and nothing bounds the wait.
            true => Ok(interrupted.await),
            false => timeout(patience, interrupted).await,
        };
        if !matches!(interrupted, Ok(Ok(()))) {
            abort.abort();
            result = result.and(Err(Error::Aborted(name)));
        }
    }
    result
}

/// Waits for a signal while the group stops: the first of the signals is the actor's, which is over then.
async fn again(signals: Option<Arc<Mutex<Signals>>>, faults: Faults<Fault>) {
    match signals {
        // Bug: nobody reads the second signal, and since the handlers stay, it does not kill the process either.
        Some(signals) if !faults.has(Fault::SecondSignalSwallowed) => signals.lock().await.next().await,
        _ => std::future::pending().await,
    }
}

/// What the first actor to return says about the run.
fn outcome(first: Returned, actors: &[Handle]) -> Result<(), Error> {
    match first {
        Ok((_, Ok(()))) => Ok(()),
        Ok((name, Err(failure))) => Err(Error::Failed(name, failure)),
        Err(panic) => {
            let actor = actors.iter().find(|actor| actor.abort.id() == panic.id()).expect("it was spawned here");
            Err(Error::Failed(actor.name, panic.into()))
        }
    }
}
