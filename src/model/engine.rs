//! loom, and what stands for it where it is not.
//!
//! What loom does, and what is made of it:
//! - It looks at its own limits only every 20,000 iterations, and then returns as if all were well: the limits are ours, and are looked at
//!   before each iteration.
//! - It ends a search with a panic and a text of its own: the text is read, and told in our words.
//! - It panics again in the drop of an `Arc` when it has given up, which would end the process: [`sync`](crate::sync)'s lets go of nothing by then.

use std::sync::Arc;
use std::time::Duration;

use super::actor::Model;
use super::fault::Fault;
use crate::finding::Site;
use crate::sync::steps::Steps;

pub(super) use flavor::{
    Actor, AtomicUsize, Condvar, Mutex, Ordering, join, last_panic, name, search, spawn, step, stop, wait,
};

/// How many actors a model may have: loom's threads, without the test's own.
pub(super) const MOST_ACTORS: usize = 4;

/// What the function under the attribute does.
pub(super) type Body = Arc<dyn Fn(&Model) + Send + Sync>;

/// What a search may take.
#[derive(Clone, Debug)]
pub(super) struct Bounds {
    /// How often an actor may be interrupted in the middle of its steps, in one order.
    pub(super) preemptions: usize,
    /// How many orders may be tried.
    pub(super) iterations: u64,
    /// How long the search may take.
    pub(super) time: Duration,
    /// How many choices one order may have.
    pub(super) steps: usize,
}

/// What a search came to.
#[derive(Debug)]
pub(super) struct Searched {
    /// How many orders were tried, the last one included.
    pub(super) iterations: u64,
    /// How often something was closed, in all orders.
    pub(super) closes: u64,
    /// How many actors the last order had.
    pub(super) actors: usize,
    pub(super) end: End,
}

/// How a search ended.
#[derive(Debug)]
pub(super) enum End {
    /// Every order within the preemptions was tried.
    Complete,
    /// The last order has these faults; its steps are known if they were asked for.
    Found(Vec<Fault>, Steps),
    /// It came to a bound.
    Stopped(Stop),
}

/// Why a search was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Iterations,
    Time,
    Steps,
    /// The model has more actors than loom has threads.
    Actors,
    /// An order with a fault was tried.
    Fault,
}

/// Returns whether a panic with this text is one of loom's own.
pub(super) fn is_looms(text: &str) -> bool {
    [DEADLOCK, BRANCHES, "[loom internal bug]", "cannot access Loom"].iter().any(|start| text.starts_with(start))
}

const DEADLOCK: &str = "deadlock; threads =";
const BRANCHES: &str = "Model exceeded maximum number of branches";

/// Where the last panic was; one place or none.
type Places = Vec<Site>;

#[cfg(loom)]
mod flavor {
    use std::any::Any;
    use std::cell::{Cell, RefCell};
    use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::atomic::{AtomicU64, Ordering as StdOrdering};
    use std::sync::{Arc, Once};
    use std::time::Instant;

    use super::{BRANCHES, Body, Bounds, DEADLOCK, End, Model, Places, Searched, Stop};
    use crate::error::Error;
    use crate::finding::{Kind, Site};
    use crate::model::actor::{act_watched, message};
    use crate::model::fault::{Board, Fault};
    use crate::report::words;
    use crate::sync::steps::{self, Steps};

    pub(in crate::model) use loom::sync::atomic::{AtomicUsize, Ordering};
    pub(in crate::model) use loom::sync::{Condvar, Mutex};
    pub(in crate::model) use steps::{name, step, wait};

    pub(in crate::model) type Actor = loom::thread::JoinHandle<()>;

    thread_local! {
        /// Whether this thread searches: its panics are then told as findings, and not printed.
        static SEARCHING: Cell<bool> = const { Cell::new(false) };
        static LAST_PANIC: RefCell<Places> = const { RefCell::new(Vec::new()) };
    }

    pub(in crate::model) fn spawn(act: impl FnOnce() + 'static) -> Actor {
        loom::thread::spawn(act)
    }

    pub(in crate::model) fn join(actor: Actor) {
        actor.join().expect("lightsout bug: the panics of actors are caught");
    }

    /// Ends the search.
    pub(in crate::model) fn stop(why: Stop) -> ! {
        resume_unwind(Box::new(why))
    }

    /// Returns where the last panic of this thread was.
    pub(in crate::model) fn last_panic() -> Places {
        LAST_PANIC.with(|last| last.borrow().clone())
    }

    /// Puts a hook in front of the panic hook, once a process.
    fn watch_panics() {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let behind = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                if SEARCHING.get() {
                    LAST_PANIC
                        .with(|last| *last.borrow_mut() = info.location().map(Site::of_panic).into_iter().collect());
                } else {
                    behind(info);
                }
            }));
        });
    }

    /// Tries the orders of a model, one after the other; the steps of the order with the number `write` are written down.
    pub(in crate::model) fn search(bounds: &Bounds, body: &Body, write: Option<u64>) -> Result<Searched, Error> {
        watch_panics();
        let (board, iterations) = (Arc::new(Board::default()), Arc::new(AtomicU64::new(0)));
        let iteration = {
            let (board, iterations, body) = (board.clone(), iterations.clone(), body.clone());
            let (bounds, began) = (bounds.clone(), Instant::now());
            move || {
                let number = iterations.load(StdOrdering::Relaxed);
                check_bounds(&bounds, &board, number, began);
                iterations.store(number + 1, StdOrdering::Relaxed);
                if write == Some(number + 1) {
                    steps::begin();
                }
                let model = Model::new(board.clone());
                act_watched(&board, || body(&model));
                model.finish();
            }
        };
        SEARCHING.set(true);
        let result = catch_unwind(AssertUnwindSafe(|| builder(bounds).check(iteration)));
        SEARCHING.set(false);
        let steps = steps::take();
        let end = result.map_or_else(|payload| understand(&board, &*payload, &steps), |()| None);
        let chalked = board.look();
        let faults = chalked.faults.clone();
        let end = end.unwrap_or(if faults.is_empty() { End::Complete } else { End::Found(faults, steps) });
        let iterations = iterations.load(StdOrdering::Relaxed);
        Ok(Searched { iterations, closes: chalked.closes, actors: chalked.actors, end })
    }

    fn builder(bounds: &Bounds) -> loom::model::Builder {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(bounds.preemptions);
        builder.max_branches = bounds.steps;
        (builder.max_permutations, builder.max_duration) = (None, None);
        builder
    }

    /// Stops the search where it has found something or come to a bound; nothing of the next order has been made by then.
    fn check_bounds(bounds: &Bounds, board: &Board, tried: u64, began: Instant) {
        /// A look at the clock costs about a thousandth of this many iterations.
        const OFTEN: u64 = 32;
        if !board.look().faults.is_empty() {
            stop(Stop::Fault);
        }
        if tried >= bounds.iterations {
            stop(Stop::Iterations);
        }
        if tried % OFTEN == 0 && began.elapsed() >= bounds.time {
            stop(Stop::Time);
        }
    }

    /// Returns how a search ended that a panic ended; `None` where the board has it.
    fn understand(board: &Board, payload: &(dyn Any + Send), steps: &Steps) -> Option<End> {
        if let Some(stop) = payload.downcast_ref::<Stop>() {
            return (*stop != Stop::Fault).then_some(End::Stopped(*stop));
        }
        let text = message(payload).unwrap_or_default();
        if text.starts_with(BRANCHES) {
            return Some(End::Stopped(Stop::Steps));
        }
        if !board.look().faults.is_empty() {
            // What an actor that panicked still holds, or what the others then wait for, is not another fault.
            return None;
        }
        let (kind, summary) = if text.starts_with(DEADLOCK) {
            (Kind::Hang, words::actors_stuck())
        } else if text.starts_with("Arc leaked") || text.starts_with("Allocation leaked") {
            (Kind::OpenChannel, words::arc_held())
        } else if text.starts_with("Messages leaked") {
            (Kind::LostWork, words::unread_by_anyone())
        } else {
            (Kind::TaskPanic, words::actor_panicked(text.trim()))
        };
        let sites = match kind {
            Kind::Hang => steps.waiting.iter().map(|step| Site::of(step.at)).collect(),
            Kind::TaskPanic => last_panic(),
            _ => Vec::new(),
        };
        board.look().faults.push(Fault { kind, summary, sites });
        None
    }
}

#[cfg(not(loom))]
mod flavor {
    use std::panic::Location;

    use super::{Body, Bounds, Places, Searched, Stop};
    use crate::error::Error;

    pub(in crate::model) use std::sync::atomic::{AtomicUsize, Ordering};
    pub(in crate::model) use std::sync::{Condvar, Mutex};

    /// Nobody acts here.
    #[derive(Debug)]
    pub(in crate::model) struct Actor;

    pub(in crate::model) fn spawn(_: impl FnOnce() + 'static) -> Actor {
        unreachable!("lightsout bug: without loom no model is made")
    }

    pub(in crate::model) fn join(_: Actor) {
        unreachable!("lightsout bug: without loom nobody acts")
    }

    pub(in crate::model) fn stop(_: Stop) -> ! {
        unreachable!("lightsout bug: without loom nothing is searched")
    }

    pub(in crate::model) fn name(_: &str) {}

    pub(in crate::model) fn step(_: &'static Location<'static>, _: impl FnOnce() -> String) {}

    pub(in crate::model) fn wait<R>(_: &str, _: &'static Location<'static>, act: impl FnOnce() -> R) -> R {
        act()
    }

    pub(in crate::model) fn last_panic() -> Places {
        Vec::new()
    }

    pub(in crate::model) fn search(_: &Bounds, _: &Body, _: Option<u64>) -> Result<Searched, Error> {
        Err(Error::unsupported("a model", "it needs `RUSTFLAGS=\"--cfg loom\"`"))
    }
}
