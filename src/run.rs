//! One run, read from top to bottom: build, run, settle, stop. Runs take place on a stage: a thread of their own, which is watched.

use std::future::poll_fn;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::body::{Body, Running};
use crate::census::{Census, State};
use crate::disturb::inject::{Injector, Tracing, Voice};
use crate::disturb::plan::Plan;
use crate::error::Error;
use crate::finding::Ending;
use crate::graph::{self, Look};
use crate::ledger::channel::LiveChannel;
use crate::ledger::panic::{Panicked, Who};
use crate::ledger::table::First;
use crate::ledger::{Ledger, Staging};
use crate::lock::lock;
use crate::recorder;
use crate::runtime::Built;
use crate::seen::{Hang, Seen};
use crate::settings::{Channels, Graph, Notes, Settings};
use crate::settle::{self, Settled, settle};
use crate::source::dump::{self, Stacks};
use crate::source::hooks::HOOKED;
use crate::source::{allocation, console, panics, tracing};
use crate::system::threads::{self, OsThread, Tid};

/// How long a run that was told that time is up may take to say so. A loaded machine needs some of it; a blocked thread, all.
const SLACK: Duration = Duration::from_millis(500);
/// How long threads may take to end, however short the grace: a loaded machine may not give a thread its turn for a while.
const THREADS: Duration = Duration::from_millis(500);
/// Looks at threads that only give way: one that has been joined is listed for a few more microseconds, one that starts has no mark.
const QUICK_LOOKS: u32 = 50;
/// How long a look at who waits for whom may take: it reads all memory, on a loaded machine and without optimisation as well.
const LOOK: Duration = Duration::from_secs(60);
/// How long the await stacks may take: naming the first ones reads the whole binary, which takes seconds on a loaded machine.
const DUMP: Duration = Duration::from_secs(20);

/// How a run is disturbed, and what is written down of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Script {
    pub(crate) plan: Plan,
    pub(crate) voice: Voice,
    pub(crate) tracing: Tracing,
}

impl Script {
    /// Plays a plan as it stands.
    pub(crate) fn of(plan: Plan) -> Self {
        Self { plan, voice: Voice::Loud, tracing: Tracing::Off }
    }
}

/// How a play came out.
pub(crate) enum Curtain<R> {
    /// It came to its end.
    Fell(R),
    /// The last run does not come back: it has this script, if it is disturbed at all.
    Stuck(Option<Script>, Box<(Seen, Arc<Ledger>)>),
}

/// Lets a play of any number of runs take place on a thread of its own, and watches that each ends in time.
///
/// # Errors
///
/// If the thread cannot be had.
pub(crate) fn on_stage<R: Send + 'static>(
    name: &str,
    settings: &Settings,
    play: impl FnOnce(&mut Stage) -> R + Send + 'static,
) -> Result<Curtain<R>, Error> {
    panics::watch();
    // No test's: under the gate the thread would be asked for its name, and its stack be walked, for this channel alone.
    let (bell, hear) = recorder::unrecorded(mpsc::channel);
    let now = Arc::new(Mutex::new(None));
    let (settings_of_runs, behind) = (settings.clone(), tracing::behind());
    let mut stage =
        Stage { settings: settings_of_runs, behind, now: now.clone(), bell, crowd: None, tid: None, base: 0 };
    let thread_name = thread::current().name().filter(|name| *name != "main").unwrap_or(name).replace('\0', "");
    let builder = thread::Builder::new().name(thread_name);
    let act: Box<dyn FnOnce(usize) -> Box<R> + Send> = Box::new(move |base| {
        (stage.tid, stage.base) = (threads::own_tid(), base);
        Box::new(play(&mut stage))
    });
    // Boxed both ways: what is large has gaps, in which the calls that a thread begins with would keep what an earlier thread left there.
    let act = move || {
        let here = 0_u8;
        act(std::ptr::from_ref(&here).addr())
    };
    let thread = builder.spawn(act).map_err(Error::thread)?;
    match listen(&hear, &now, settings) {
        None => Ok(Curtain::Fell(*thread.join().unwrap_or_else(|payload| resume_unwind(payload)))),
        Some(run) => {
            let seen = given_up(&run.ledger, run.began.elapsed());
            Ok(Curtain::Stuck(run.script, Box::new((seen, run.ledger))))
        }
    }
}

/// The thread that runs take place on, one after the other.
pub(crate) struct Stage {
    settings: Settings,
    /// The subscriber of the thread that asked for the runs.
    behind: tracing::Behind,
    /// The run that goes on; `None` before the first.
    now: Arc<Mutex<Option<Now>>>,
    /// Says in how much real time the bell of the run is to be rung.
    bell: Sender<Duration>,
    /// How many threads the process has when none is left behind. `None` where every run looks at each of them.
    crowd: Option<Crowd>,
    /// The system's id of the thread; `None` where it is not known.
    tid: Option<Tid>,
    /// The address on the thread's stack below which there is nothing but what runs need.
    base: usize,
}

/// The run that goes on.
#[derive(Clone)]
struct Now {
    ledger: Arc<Ledger>,
    script: Option<Script>,
    began: Instant,
}

impl Stage {
    /// Makes one run of the body, and returns what was seen of it with its ledger.
    ///
    /// # Errors
    ///
    /// If the runtime cannot be had.
    pub(crate) fn run(
        &mut self,
        script: Option<&Script>,
        staging: Staging,
        body: &Body,
    ) -> Result<(Seen, Arc<Ledger>), Error> {
        let looked = allocation::prepare(self.settings.allocations);
        let number = looked.map_or(recorder::NO_RUN, |()| recorder::fresh_run());
        let tasks = if script.is_some() { First::Small } else { First::Usual };
        let ledger = recorder::unrecorded(|| Ledger::open(number, &self.settings.kinds, staging, tasks));
        *lock(&self.now) = Some(Now { ledger: ledger.clone(), script: script.cloned(), began: Instant::now() });
        ledger.adopt_body_thread(self.tid, self.base);
        tracing::read(&ledger, &self.behind, &self.settings.allow);
        let seen = live(&ledger, &self.settings, script, body, &self.bell, &mut self.crowd);
        // What is done between runs is nobody's.
        recorder::enter(recorder::NO_RUN);
        Ok((seen?, ledger))
    }

    /// Looks at the threads of the process only where there are more of them than now, which is enough for many runs.
    pub(crate) fn count_threads(&mut self) {
        self.crowd = Crowd::of_now();
    }
}

/// Listens to the stage, which says in how much real time it wants the bell rung, until it hangs up at its end. When a time is up
/// the bell is rung, and when that does not help either the run is given up and returned.
fn listen(hear: &Receiver<Duration>, now: &Mutex<Option<Now>>, settings: &Settings) -> Option<Now> {
    let mut patience = settings.deadline;
    let mut rung = false;
    // The run that `patience` is of; each further one has a deadline of its own.
    let mut of: Option<Now> = None;
    loop {
        let heard = hear.recv_timeout(patience);
        let current = lock(now).clone();
        let is_same = matches!((&of, &current), (Some(of), Some(current)) if Arc::ptr_eq(&of.ledger, &current.ledger));
        match (heard, current) {
            (Err(RecvTimeoutError::Disconnected), _) => return None,
            (Ok(time), current) => (patience, rung, of) = (time, false, current),
            (Err(RecvTimeoutError::Timeout), Some(run)) if !is_same => {
                (patience, rung) = (settings.deadline.saturating_sub(run.began.elapsed()), false);
                of = Some(run);
            }
            (Err(RecvTimeoutError::Timeout), Some(run)) if rung => return Some(run),
            (Err(RecvTimeoutError::Timeout), Some(run)) => {
                run.ledger.bell.ring();
                // After the bell its threads may still be waited for, the runtime's and then the others.
                (patience, rung) = (2 * settings.grace.max(THREADS) + settle::STARVED + SLACK, true);
            }
            (Err(RecvTimeoutError::Timeout), None) => {}
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
        settled: Settled { before: left.clone(), left, ..Settled::default() },
        stacks: Stacks::new(),
        look: None,
        panics: std::mem::take(&mut *lock(&ledger.panics)),
        blocking: Vec::new(),
        runtime_threads: Vec::new(),
        other_threads: Vec::new(),
        thread_places: Vec::new(),
        channels: Vec::new(),
        took,
        is_disturbed: false,
        played: None,
    }
}

/// The run itself, on its thread.
fn live(
    ledger: &Arc<Ledger>,
    settings: &Settings,
    script: Option<&Script>,
    body: &Body,
    bell: &Sender<Duration>,
    crowd: &mut Option<Crowd>,
) -> Result<Seen, Error> {
    let began = Instant::now();
    let injector = script.map(|Script { plan, voice, tracing }| {
        recorder::unrecorded(|| Arc::new(Injector::new(ledger, plan, &settings.search.signals, *voice, *tracing)))
    });
    let disturbed = script.zip(injector.as_ref()).map(|(script, injector)| (script.plan.chosen_seed(), injector));
    // Its workers are tasks too, and not the body's.
    let of_runtime = match settings.graph {
        Graph::Asked => recorder::of_runtime(ledger.number()),
        Graph::Unasked => recorder::NO_RUN,
    };
    let runtime = recorder::within(of_runtime, || settings.runtime.build(ledger, disturbed))?;
    let metrics = runtime.handle().metrics();
    let workers = settings.runtime.workers(&metrics);
    ledger.start(metrics, workers);
    tracing::read_all(ledger);
    let ring_in = |time| {
        // Nobody listens any more where the run was given up.
        let _ = bell.send(time);
    };

    let (ended, left) = runtime.block_on(async {
        ledger.stamp();
        if injector.is_some() && !settings.search.signals.is_empty() {
            // What was raised at the end of an earlier run of this process, and reached nobody, is to reach nobody here either.
            tokio::task::yield_now().await;
        }
        let mut body = Running::start(ledger, body).await;
        let mut ended = body.until(ledger, settings, injector.as_deref()).await;
        if let Some(injector) = &injector {
            injector.end(ended.ending != Ending::Unfinished);
        }
        if ended.ending == Ending::Unfinished {
            // What hangs is looked at before the body is dropped: its locals may be what keeps the rest alive.
            let left = Left::at_once(ledger, ring_in).await;
            ended.awaits = body.awaits().await;
            body.end();
            (ended, left)
        } else {
            ended.ending = body.end().unwrap_or(ended.ending);
            ledger.body_ended(ended.ending.clone());
            let left = Left::after_settle(ledger, settings, ring_in).await;
            console::hold(&left.settled.left, ring_in).await;
            (ended, left)
        }
    });
    if let Some(injector) = &injector {
        injector.rest();
    }
    let patience = settings.grace.max(THREADS);
    let before_stop = lock(&ledger.panics).len();
    stop(runtime, ledger, patience);
    let blocking = Census::blocking_of(ledger);
    let is_crowded = crowd.as_ref().is_none_or(Crowd::has_grown);
    let other_threads = if is_crowded { other_threads(ledger, patience) } else { Vec::new() };
    let is_left = !other_threads.is_empty();
    let thread_places = if is_left { allocation::places_of_threads(ledger.number()) } else { Vec::new() };
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
        thread_places,
        channels,
        took: began.elapsed(),
        is_disturbed: script.is_some_and(|script| !script.plan.steps().is_empty()),
        played: injector.map(|injector| injector.played()),
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

/// How many threads the process had.
pub(crate) struct Crowd {
    counter: threads::Counter,
    usual: u64,
}

impl Crowd {
    fn of_now() -> Option<Self> {
        let counter = threads::Counter::open()?;
        let usual = counter.count()?;
        Some(Self { counter, usual })
    }

    /// Returns whether there are more of them now.
    fn has_grown(&self) -> bool {
        self.counter.count().is_none_or(|count| count > self.usual)
    }
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
        Self { settled: Settled { before: left.clone(), left, ..Settled::default() }, stacks, look: None }
    }

    async fn after_settle(ledger: &Ledger, settings: &Settings, ring_in: impl Fn(Duration)) -> Self {
        let (grace, graph) = (settings.grace, settings.graph);
        let mut settled = settle(ledger, grace, graph, || ring_in(grace)).await;
        // Before the await stacks, for which tasks are polled again.
        let look = match settled.proof.take() {
            Some(proof) => Some(Ok(proof)),
            None if graph == Graph::Unasked || settled.left.tasks.is_empty() => None,
            None => {
                ring_in(LOOK);
                let look = graph::look(ledger, &settled.left);
                ring_in(DUMP);
                Some(look)
            }
        };
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
    let Some(dye) = ledger.dye() else { return Vec::new() };
    let known: Vec<_> =
        ledger.threads.alive().iter().filter_map(|thread| thread.tid).chain(threads::own_tid()).collect();
    let began = Instant::now();
    for look in 0_u32.. {
        let marked = threads::marked(dye, &known);
        // On a loaded machine a thread may take its time to get its mark, or to end. Others, of tests beside this one, come and go: some look
        // is free of them.
        if marked.are_none() || (look > QUICK_LOOKS && began.elapsed() >= patience) {
            return marked.threads;
        }
        if look < QUICK_LOOKS { thread::yield_now() } else { thread::sleep(Duration::from_millis(1)) }
    }
    Vec::new()
}
