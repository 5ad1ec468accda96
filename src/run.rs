//! One run, read from top to bottom: build, run, settle, stop.

use std::any::Any;
use std::fmt::Debug;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use crate::allow::Allow;
use crate::census::{Census, State};
use crate::error::Error;
use crate::finding::Ending;
use crate::graph::{self, Look};
use crate::ledger::Ledger;
use crate::ledger::channel::LiveChannel;
use crate::ledger::panic::{Panicked, Who};
use crate::ledger::thread::BODY;
use crate::lock::lock;
use crate::recorder;
use crate::runtime::Built;
use crate::seen::{Hang, Seen};
use crate::settings::{Allocations, Channels, Notes, Settings};
use crate::settle::{self, Settled, settle};
use crate::source::dump::{self, Stacks};
use crate::source::hooks::HOOKED;
use crate::source::{allocation, names, panics};
use crate::system::symbols::Frame;
use crate::system::threads::{self, OsThread};

/// How long a run that was told that time is up may take to say so. A loaded machine needs some of it; a blocked thread, all.
const SLACK: Duration = Duration::from_millis(500);
/// How long threads may take to end, however short the grace: a loaded machine may not give a thread its turn for a while.
const THREADS: Duration = Duration::from_millis(500);
/// How long the await stacks may take.
const DUMP: Duration = Duration::from_secs(2);

/// What a body may return: `()`, or a `Result` whose error can be printed.
#[diagnostic::on_unimplemented(
    message = "a checked body cannot return `{Self}`",
    label = "returns neither `()` nor a `Result`",
    note = "return `()`, or `Result<(), E>` where `E: Debug`"
)]
pub trait Verdict {
    /// Turns the value into how the body ended.
    #[doc(hidden)]
    fn ending(self) -> Ending;
}

impl Verdict for () {
    fn ending(self) -> Ending {
        Ending::Passed
    }
}

impl<T: Verdict, E: Debug> Verdict for Result<T, E> {
    fn ending(self) -> Ending {
        match self {
            Ok(value) => value.ending(),
            Err(error) => Ending::Failed(format!("{error:?}")),
        }
    }
}

/// A body may loop for ever, until it is signalled or its deadline comes.
impl Verdict for Never {
    fn ending(self) -> Ending {
        match self {}
    }
}

/// The type `!`, which stable Rust lets nobody name but as what a function returns.
type Never = <fn() -> ! as Returning>::Output;

/// Names what a function returns.
#[doc(hidden)]
pub trait Returning {
    /// What it returns.
    type Output;
}

impl<T> Returning for fn() -> T {
    type Output = T;
}

/// Makes one run of the body, and returns what was seen of it with its ledger.
///
/// # Errors
///
/// If the runtime or its thread cannot be had.
pub(crate) fn run<B, F>(name: &str, settings: &Settings, body: B) -> Result<(Seen, Arc<Ledger>), Error>
where
    B: Fn() -> F + Send + 'static,
    F: Future,
    F::Output: Verdict,
{
    panics::watch();
    let number = match settings.allocations {
        Allocations::Recorded if allocation::prepare().is_ok() => recorder::fresh_run(),
        Allocations::Recorded | Allocations::Ignored => recorder::NO_RUN,
    };
    let ledger = Ledger::open(number, &settings.kinds);
    Ok((watched(name, &ledger, settings, body)?, ledger))
}

/// Runs the body on a thread of its own and watches that thread.
fn watched<B, F>(name: &str, ledger: &Arc<Ledger>, settings: &Settings, body: B) -> Result<Seen, Error>
where
    B: Fn() -> F + Send + 'static,
    F: Future,
    F::Output: Verdict,
{
    let (ring_in, hear) = mpsc::channel();
    let began = Instant::now();
    let runner = {
        let (ledger, settings) = (ledger.clone(), settings.clone());
        move || live(&ledger, &settings, &body, &ring_in)
    };
    let thread_name = thread::current().name().filter(|name| *name != "main").unwrap_or(name).replace('\0', "");
    let thread = thread::Builder::new().name(thread_name).spawn(runner).map_err(Error::thread)?;
    match listen(&hear, ledger, settings) {
        Thread::Ended => thread.join().unwrap_or_else(|payload| resume_unwind(payload)),
        Thread::Stuck => Ok(given_up(ledger, began.elapsed())),
    }
}

/// How the run's thread came out.
enum Thread {
    Ended,
    /// It did not answer when its time was up.
    Stuck,
}

/// Listens to the run's thread, which says in how much real time it wants the bell rung, until it hangs up at its end. When a
/// time is up the bell is rung, and when that does not help either the thread is given up.
fn listen(hear: &Receiver<Duration>, ledger: &Ledger, settings: &Settings) -> Thread {
    let mut patience = settings.deadline;
    let mut rung = false;
    loop {
        match hear.recv_timeout(patience) {
            Ok(time) => (patience, rung) = (time, false),
            Err(RecvTimeoutError::Disconnected) => return Thread::Ended,
            Err(RecvTimeoutError::Timeout) if rung => return Thread::Stuck,
            Err(RecvTimeoutError::Timeout) => {
                ledger.bell.ring();
                // After the bell its threads may still be waited for, the runtime's and then the others.
                (patience, rung) = (2 * settings.grace.max(THREADS) + settle::STARVED + SLACK, true);
            }
        }
    }
}

/// Says what can be seen of a run whose thread does not come back.
fn given_up(ledger: &Ledger, took: Duration) -> Seen {
    let doing = ledger.body_thread().and_then(threads::doing);
    let ending = ledger.ending();
    let hang = match ending {
        None => Hang::BodyUnfinished { doing },
        Some(_) => Hang::LeftoversBlock { doing },
    };
    let left = Census::of(ledger);
    Seen {
        ending: ending.unwrap_or(Ending::Unfinished),
        hang: Some(hang),
        body_awaits: Vec::new(),
        settled: Settled { before: left.clone(), left, waited: Duration::ZERO, really: Duration::ZERO },
        stacks: Stacks::new(),
        look: None,
        panics: std::mem::take(&mut *lock(&ledger.panics)),
        blocking: Vec::new(),
        runtime_threads: Vec::new(),
        other_threads: Vec::new(),
        channels: Vec::new(),
        took,
    }
}

/// The run itself, on its thread.
fn live<B, F>(ledger: &Arc<Ledger>, settings: &Settings, body: &B, bell: &Sender<Duration>) -> Result<Seen, Error>
where
    B: Fn() -> F,
    F: Future,
    F::Output: Verdict,
{
    let began = Instant::now();
    ledger.adopt_body_thread();
    names::read(ledger, &settings.allow);
    let functions = settings.allow.iter().any(Allow::asks_for_functions);
    // Its workers are tasks too, and not the body's.
    let of_runtime = recorder::of_runtime(ledger.number());
    let runtime = recorder::within(of_runtime, || settings.runtime.build(ledger, functions))?;
    let metrics = runtime.handle().metrics();
    let workers = settings.runtime.workers(&metrics);
    ledger.start(metrics, workers);
    names::read_all(ledger);
    let ring_in = |time| {
        // Nobody listens any more where the run was given up.
        let _ = bell.send(time);
    };

    let (ended, left) = runtime.block_on(async {
        ledger.stamp();
        let mut body = Body::start(ledger, body).await;
        let mut ended = body.until(ledger, settings.deadline).await;
        if ended.ending == Ending::Unfinished {
            // What hangs is looked at before the body is dropped: its locals may be what keeps the rest alive.
            let left = Left::at_once(ledger, ring_in).await;
            ended.awaits = body.awaits().await;
            body.end();
            (ended, left)
        } else {
            ended.ending = body.end().unwrap_or(ended.ending);
            ledger.body_ended(ended.ending.clone());
            (ended, Left::after_settle(ledger, settings.grace, ring_in).await)
        }
    });
    let patience = settings.grace.max(THREADS);
    let before_stop = lock(&ledger.panics).len();
    stop(runtime, ledger, patience);
    let blocking = Census::of(ledger).blocking;
    let other_threads = other_threads(ledger, patience);
    let panics = panics_of(ledger, before_stop, &left.settled.left);
    let runtime_threads = ledger.threads.alive();
    let outlived = !runtime_threads.is_empty() || !other_threads.is_empty();
    let is_clean = ended.ending == Ending::Passed && ended.hang.is_none() && panics.is_empty();
    let channels = if outlived { Vec::new() } else { open_channels(ledger, settings, is_clean) };

    Ok(Seen {
        ending: ended.ending,
        hang: ended.hang,
        body_awaits: ended.awaits,
        settled: left.settled,
        stacks: left.stacks,
        look: left.look,
        panics,
        blocking,
        runtime_threads,
        other_threads,
        channels,
        took: began.elapsed(),
    })
}

/// Takes the panics of the run. Of those since the runtime was told to stop, the ones that count are of blocking closures, which
/// ran on: a task that was alive by then is told as such, and what its end did was our doing.
fn panics_of(ledger: &Ledger, before_stop: usize, left: &Census) -> Vec<Panicked> {
    let of_left = |who: Who| match who {
        Who::Task(id) if HOOKED => left.tasks.iter().any(|task| task.id == id),
        _ => left.counted > 0,
    };
    let panics = std::mem::take(&mut *lock(&ledger.panics));
    let counts = |(at, panicked): (usize, Panicked)| (at < before_stop || !of_left(panicked.who)).then_some(panicked);
    panics.into_iter().enumerate().filter_map(counts).collect()
}

/// How the body ended, or did not.
struct BodyEnd {
    ending: Ending,
    hang: Option<Hang>,
    awaits: Vec<Vec<Frame>>,
}

/// The body of a run.
struct Body<F> {
    /// `None` when making it panicked, and after its end.
    future: Option<Pin<Box<F>>>,
    /// How making it ended, if that panicked.
    stillborn: Option<Ending>,
    began: Instant,
}

impl<F> Body<F>
where
    F: Future,
    F::Output: Verdict,
{
    /// Makes the body's future.
    async fn start(ledger: &Ledger, make: impl Fn() -> F) -> Self {
        poll_fn(|cx| {
            ledger.bell.listen(cx);
            Poll::Ready(())
        })
        .await;
        let began = Instant::now();
        match catch_unwind(AssertUnwindSafe(make)) {
            Ok(future) => Self { future: Some(Box::pin(future)), stillborn: None, began },
            Err(payload) => Self { future: None, stillborn: Some(panicked(&*payload)), began },
        }
    }

    /// Polls the body until it ends or the bell is rung.
    async fn until(&mut self, ledger: &Ledger, deadline: Duration) -> BodyEnd {
        let Some(future) = &mut self.future else {
            let ending = self.stillborn.take().expect("lightsout bug: a body was polled after its end");
            return BodyEnd { ending, hang: None, awaits: Vec::new() };
        };
        let ending = poll_fn(|cx| {
            ledger.threads.show(BODY);
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx).map(Verdict::ending))) {
                Ok(Poll::Ready(ending)) => Poll::Ready(ending),
                Err(payload) => Poll::Ready(panicked(&*payload)),
                Ok(Poll::Pending) if ledger.bell.calls() > 0 => Poll::Ready(Ending::Unfinished),
                Ok(Poll::Pending) => Poll::Pending,
            }
        })
        .await;
        let took = self.began.elapsed();
        let hang = match &ending {
            Ending::Unfinished => Some(Hang::BodyUnfinished { doing: None }),
            _ if took > deadline => Some(Hang::FinishedLate { after: took }),
            _ => None,
        };
        BodyEnd { ending, hang, awaits: Vec::new() }
    }

    /// Returns what the body awaits, by polling it once more.
    async fn awaits(&mut self) -> Vec<Vec<Frame>> {
        let Some(future) = &mut self.future else { return Vec::new() };
        let awaits = poll_fn(|cx| {
            let again = catch_unwind(AssertUnwindSafe(|| dump::body(future.as_mut(), cx)));
            Poll::Ready(again.unwrap_or_default())
        });
        awaits.await
    }

    /// Drops the body with its locals, so that they are gone before anyone looks; returns how that ended if it panicked.
    fn end(&mut self) -> Option<Ending> {
        let future = self.future.take();
        catch_unwind(AssertUnwindSafe(|| drop(future))).err().map(|payload| panicked(&*payload))
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Ending {
    Ending::Panicked(panics::message(payload))
}

/// What the body left.
struct Left {
    settled: Settled,
    stacks: Stacks,
    look: Option<Result<Look, String>>,
}

impl Left {
    /// Looks without waiting: a body that has not finished has left nothing yet.
    async fn at_once(ledger: &Ledger, ring_in: impl Fn(Duration)) -> Self {
        let left = Census::of_root(ledger);
        let stacks = await_stacks(ledger, &left, ring_in).await;
        Self { settled: Settled { before: left.clone(), left, waited: Duration::ZERO, really: Duration::ZERO }, stacks, look: None }
    }

    async fn after_settle(ledger: &Ledger, grace: Duration, ring_in: impl Fn(Duration)) -> Self {
        let settled = settle(ledger, grace, || ring_in(grace)).await;
        // Before the await stacks, for which tasks are polled again.
        let look = (!settled.left.tasks.is_empty()).then(|| graph::look(ledger, &settled.left));
        let stacks = await_stacks(ledger, &settled.left, ring_in).await;
        Self { settled, stacks, look }
    }
}

/// Takes the await stacks of what is left, unless a thread is busy: a dump would wait for it.
async fn await_stacks(ledger: &Ledger, left: &Census, ring_in: impl Fn(Duration)) -> Stacks {
    let is_busy =
        (ledger.has_workers() && !ledger.is_asleep()) || left.tasks.iter().any(|task| task.state == State::Running);
    if !dump::AVAILABLE || left.tasks.is_empty() || is_busy {
        return Stacks::new();
    }
    ring_in(DUMP);
    let rung = ledger.bell.calls();
    let mut dump = Box::pin(dump::tasks());
    poll_fn(|cx| match dump.as_mut().poll(cx) {
        Poll::Ready(stacks) => Poll::Ready(stacks),
        Poll::Pending => ledger.bell.poll_rung(cx, rung).map(|()| Stacks::new()),
    })
    .await
}

/// Stops the runtime and waits for its threads.
fn stop(runtime: Built, ledger: &Ledger, patience: Duration) {
    ledger.release_runtime();
    ledger.bell.rest();
    runtime.stop(patience);
}

/// Returns the channels that are left, where somebody asks for them: what has neither task nor thread to keep it is kept by a static, a
/// cycle, or a value that was forgotten.
fn open_channels(ledger: &Ledger, settings: &Settings, is_clean: bool) -> Vec<LiveChannel> {
    let is_asked = match (settings.channels, settings.notes) {
        (Channels::Ignore, _) => false,
        (Channels::Deny, _) | (Channels::Note, Notes::Read) => true,
        (Channels::Note, Notes::ReadOfFailures) => !is_clean,
    };
    if is_asked { allocation::channels(ledger.number(), &lock(&ledger.kinds)) } else { Vec::new() }
}

/// Returns the threads of this run that are not its runtime's, after giving them time to end.
fn other_threads(ledger: &Ledger, patience: Duration) -> Vec<OsThread> {
    /// Looks that only give way: a thread that has been joined is listed for a few more microseconds.
    const QUICK_LOOKS: u32 = 50;
    let Some(dye) = ledger.dye() else { return Vec::new() };
    let known: Vec<_> =
        ledger.threads.alive().iter().filter_map(|thread| thread.tid).chain(threads::own_tid()).collect();
    let began = Instant::now();
    for look in 0_u32.. {
        let marked = threads::marked(dye, &known);
        let is_over = if marked.threads.is_empty() {
            !marked.starting || look >= QUICK_LOOKS
        } else {
            look > QUICK_LOOKS && began.elapsed() >= patience
        };
        if is_over {
            return marked.threads;
        }
        if look < QUICK_LOOKS { thread::yield_now() } else { thread::sleep(Duration::from_millis(1)) }
    }
    Vec::new()
}
