//! Plants a task for each way in which something can wake one, and looks whether it is seen.
//!
//! Nobody promises how a waker lies in memory, where a timer or a source of events keeps its waiters, or what the stack of a thread looks
//! like. So it is tried when the first task leaks. A task that something can wake and that is taken for stuck puts an end to
//! the proofs of all tasks that may use the same [way](super::ways), or to all proofs where that cannot be told; a task that nothing can
//! wake and that is not proven stuck only makes for fewer of them. Both are told.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::sync::{self, Notify, mpsc, oneshot};
use tokio::task::{JoinHandle, yield_now};

use super::heap::{Edge, Heap, NodeId, Order, Part, Points, WakerShape};
use super::memory::Known;
use super::sight::{self, Copied, Sight};
use super::ways::Way;
use crate::ledger::thread::Sleeper;
use crate::lock::lock;
use crate::recorder::{self, NO_RUN, RunNumber};
use crate::source::hooks;
use crate::system::threads;

const WORD: usize = size_of::<usize>();
/// How long planted timers run: far apart, and none of a whole number of seconds.
const DUE: [Duration; 2] = [Duration::from_millis(1_000_250), Duration::from_millis(3_600_750)];
/// How often at once it is tried to prove all that nothing can wake.
const TRIES: u32 = 4;
/// How often in a process.
const MOST: u32 = 40;
/// How far two readings of one clock may be apart.
const EXACT: Duration = Duration::from_millis(5);

/// What was learned from planted tasks.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    pub(super) waker: WakerShape,
    /// How many words a source of events takes; it is aligned as a cell is.
    pub(super) source: u32,
    pub(super) timer: Option<TimerShape>,
    /// What nothing can wake, and was not proven to be stuck.
    pub(super) unproven: Vec<&'static str>,
    /// The ways to be woken that were not seen: nothing is proven of tasks that may use one.
    pub(super) off: Vec<Way>,
}

/// Where a timer says when it is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimerShape {
    /// How many words before or behind the place that the runtime points to.
    offset: i64,
    /// A moment, and what stands there for it: seconds, and nanoseconds in the lower half of the next word.
    zero: (Instant, usize, usize),
}

/// Whether something can wake a planted task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Stuck,
    Wakeable,
}

/// What was planted: a name, the task, whether something can wake it.
type Planted = Vec<(&'static str, u64, Truth)>;

impl Learned {
    /// Returns what is known, or what was not seen. The first call plants; later ones do so again as long as a proof was missed, which is
    /// chance: something happened to look like a pointer, as what earlier runs had at the same addresses may where it is asked late.
    pub(super) fn get() -> Result<&'static Self, &'static str> {
        static LEARNED: Mutex<(u32, Option<&'static Result<Learned, &'static str>>)> = Mutex::new((0, None));
        let mut learned = lock(&LEARNED);
        let (tried, known) = &mut *learned;
        for _ in 0..TRIES {
            if known.is_some_and(is_final) || *tried >= MOST {
                break;
            }
            *tried += 1;
            let again = recorder::unrecorded(|| thread::Builder::new().spawn(learn).ok()?.join().ok());
            *known = Some(better(*known, again.unwrap_or(Err("tasks to try it with"))));
        }
        known.map_or(Err("tasks to try it with"), |known| known.as_ref().map_err(|what| *what))
    }
}

/// Returns whether nothing more can be learned: all is known, or something is not seen that must be.
fn is_final(known: &Result<Learned, &'static str>) -> bool {
    known.as_ref().map_or(true, |known| known.unproven.is_empty() || !known.off.is_empty())
}

/// Returns what is to be believed: the worst of what can be woken, and the best of what cannot.
fn better(
    known: Option<&'static Result<Learned, &'static str>>,
    again: Result<Learned, &'static str>,
) -> &'static Result<Learned, &'static str> {
    match (known, &again) {
        (Some(Ok(before)), Ok(now)) if now.off.is_empty() && now.unproven.len() >= before.unproven.len() => {
            known.expect("it was just looked at")
        }
        // A process learns a few times.
        _ => Box::leak(Box::new(again)),
    }
}

impl TimerShape {
    /// Returns when the timer is due that the runtime points to at a place of an allocation.
    pub(super) fn due(&self, heap: &Heap, node: NodeId, inside: u32) -> Option<Instant> {
        let at = u32::try_from(i64::from(inside / WORD as u32) + self.offset).ok()?;
        let (zero, seconds, nanos) = self.zero;
        let to = (heap.word(node, at)? as i128, (heap.word(node, at + 1)? as u32) as i128);
        let nanos = (to.0 - seconds as i128) * 1_000_000_000 + to.1 - (nanos as u32) as i128;
        let apart = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).ok()?);
        if nanos < 0 { zero.checked_sub(apart) } else { zero.checked_add(apart) }
    }
}

/// What is planted in a static.
static KEPT: Mutex<Vec<Box<dyn Send>>> = Mutex::new(Vec::new());

thread_local! {
    static LOCAL: RefCell<Option<oneshot::Sender<()>>> = const { RefCell::new(None) };
}

fn keep(it: impl Send + 'static) {
    lock(&KEPT).push(Box::new(it));
}

fn learn() -> Result<Learned, &'static str> {
    let run = recorder::fresh_run();
    let runtime = recorder::within(recorder::of_runtime(run), || Builder::new_current_thread().enable_all().build());
    let runtime = runtime.map_err(|_| "a runtime to try it with")?;
    let (stop, stopped) = std_mpsc::channel();
    let own = threads::own_tid().ok_or("threads")?;
    let base = std::ptr::from_ref(&own).addr();
    recorder::enter(run);
    let mut holder = None;
    let learned = runtime.block_on(async {
        let (planted, told) = plant(stopped, &mut holder).await?;
        // All of them have been polled, and what they gave way for has come.
        for _ in 0..4 {
            yield_now().await;
        }
        let known = Known { sleepers: vec![Sleeper { tid: own, base: !base }], notes: !0..!0 };
        sight::apart(|| study(run, &known, &planted, told)).unwrap_or(Err("memory"))
    });
    drop(runtime);
    drop(stop);
    // It was started by somebody's run, and must not look like that run's.
    if let Some(holder) = holder {
        holder.join().map_err(|_| "threads")?;
    }
    LOCAL.with_borrow_mut(Option::take);
    lock(&KEPT).clear();
    recorder::enter(NO_RUN);
    learned
}

/// What the planted tasks told.
#[derive(Clone, Copy, Debug)]
struct Told {
    /// The address of the table of tokio's wakers.
    table: usize,
    /// When the planted timers are due.
    due: [Instant; 2],
}

async fn plant(
    stop: std_mpsc::Receiver<()>,
    holder: &mut Option<thread::JoinHandle<()>>,
) -> Result<(Planted, Told), &'static str> {
    let mut planted = Planted::new();
    let table = plant_wakers(&mut planted).await.ok_or("wakers")?;
    let due = plant_sources(&mut planted).await.ok_or("sources of events")?;
    *holder = Some(plant_holders(&mut planted, stop).ok_or("threads")?);
    plant_stuck(&mut planted);
    Ok((planted, Told { table, due }))
}

fn wakeable<T: Send + 'static>(
    planted: &mut Planted,
    what: &'static str,
    task: impl Future<Output = T> + Send + 'static,
) {
    planted.push((what, id(&tokio::spawn(task)), Truth::Wakeable));
}

fn stuck(planted: &mut Planted, what: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    planted.push((what, id(&tokio::spawn(task)), Truth::Stuck));
}

fn id<T>(task: &JoinHandle<T>) -> u64 {
    hooks::number(task.id())
}

/// Plants what wakes by a waker of its own or a list of waiters, in a static.
async fn plant_wakers(planted: &mut Planted) -> Option<usize> {
    let (tell, told) = oneshot::channel();
    let plain = poll_fn({
        let mut tell = Some(tell);
        move |cx| {
            if let Some(tell) = tell.take() {
                keep(Box::new(cx.waker().clone()) as Box<Waker>);
                let _ = tell.send(std::ptr::from_ref(cx.waker().vtable()).addr());
            }
            Poll::<()>::Pending
        }
    });
    wakeable(planted, "wakers", plain);
    let (sender, receiver) = oneshot::channel::<()>();
    keep(sender);
    wakeable(planted, "channels", receiver);
    let notify = Arc::new(Notify::new());
    keep(notify.clone());
    wakeable(planted, "lists of waiters", async move { notify.notified().await });
    wakeable(planted, "tasks that give way", async {
        loop {
            yield_now().await;
        }
    });
    told.await.ok()
}

/// Plants what the runtime itself wakes.
async fn plant_sources(planted: &mut Planted) -> Option<[Instant; 2]> {
    let due = DUE.map(|due| tokio::time::Instant::now() + due);
    for due in due {
        wakeable(planted, "timers", tokio::time::sleep_until(due));
    }
    let boxed = Box::pin(tokio::time::sleep(DUE[0] * 2));
    let sleeper = tokio::spawn(boxed);
    wakeable(planted, "ends of tasks", sleeper);
    let (near, far) = UnixStream::pair().ok()?;
    keep(far);
    wakeable(planted, "sources of events", async move { near.readable().await });
    Some(due.map(tokio::time::Instant::into_std))
}

/// Plants what somebody holds who is no task.
fn plant_holders(planted: &mut Planted, stop: std_mpsc::Receiver<()>) -> Option<thread::JoinHandle<()>> {
    let (local, receiver) = oneshot::channel::<()>();
    LOCAL.set(Some(local));
    wakeable(planted, "thread-locals", receiver);
    let (sender, receiver) = oneshot::channel::<()>();
    wakeable(planted, "stacks", receiver);
    let holder = move || {
        recorder::enter(NO_RUN);
        let held = std::hint::black_box([sender]);
        let _ = stop.recv();
        drop(std::hint::black_box(held));
    };
    recorder::unrecorded(|| thread::Builder::new().spawn(holder)).ok()
}

/// Plants what nothing can wake.
fn plant_stuck(planted: &mut Planted) {
    stuck(planted, "tasks that wait for nothing", pending());
    let (sender, mut receiver) = mpsc::channel::<()>(1);
    let boxed = Box::new(sender);
    stuck(planted, "channels that a task holds itself", async move {
        receiver.recv().await;
        drop(boxed);
    });
    let (a, b) = (Arc::new(sync::Mutex::new(())), Arc::new(sync::Mutex::new(())));
    for (first, second) in [(a.clone(), b.clone()), (b, a)] {
        stuck(planted, "locks", async move {
            let _first = first.lock().await;
            yield_now().await;
            let _second = second.lock().await;
        });
    }
    let (sender, receiver) = oneshot::channel::<()>();
    let waits = async move {
        let _ = receiver.await;
    };
    stuck(planted, "channels that another task holds", waits);
    stuck(planted, "channels that another task holds", async move {
        let _sender = sender;
        pending().await
    });
}

/// Looks at what was planted, and learns from it.
fn study(run: RunNumber, known: &Known, planted: &Planted, told: Told) -> Result<Learned, &'static str> {
    let copied = Copied::take(run, known).ok_or("memory")?;
    let order = order(&copied.heap, told.table).ok_or("wakers")?;
    let waker = WakerShape { table: told.table, order };
    let sight = Sight::take(run, known, waker).ok_or("memory")?;
    let cells: Vec<Option<NodeId>> = planted.iter().map(|(_, id, _)| sight.cell(*id)).collect();
    let mut verdict = Verdict::default();
    for ((what, _, truth), cell) in planted.iter().zip(&cells) {
        verdict.of(what, *truth, sight.reach.cause(cell.ok_or(*what)?).is_some())?;
    }
    let of = |kind: &str| -> Vec<NodeId> {
        let is_kind = |((what, ..), cell): (&(&str, _, _), &Option<NodeId>)| cell.filter(|_| *what == kind);
        planted.iter().zip(&cells).filter_map(is_kind).collect()
    };
    let sources = of("sources of events");
    let source = sources.into_iter().find_map(|cell| source(&sight, cell));
    if source.is_none() {
        verdict.of("sources of events", Truth::Wakeable, false)?;
    }
    let timers = of("timers");
    let Verdict { unproven, off } = verdict;
    // No allocation is empty.
    let source = source.unwrap_or(0);
    Ok(Learned { waker, source, timer: timer(&sight, &timers, told.due), unproven, off })
}

/// What was seen of the planted tasks.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    unproven: Vec<&'static str>,
    off: Vec<Way>,
}

impl Verdict {
    /// Takes down whether a planted task was found alive.
    ///
    /// # Errors
    ///
    /// Its kind, if something can wake it and it was not, and each task of a program might wait for the like.
    fn of(&mut self, what: &'static str, truth: Truth, is_alive: bool) -> Result<(), &'static str> {
        match truth {
            Truth::Wakeable if !is_alive => {
                let way = Way::named(what).ok_or(what)?;
                if !self.off.contains(&way) {
                    self.off.push(way);
                }
            }
            Truth::Stuck if is_alive && !self.unproven.contains(&what) => self.unproven.push(what),
            Truth::Wakeable | Truth::Stuck => {}
        }
        Ok(())
    }
}

/// Finds the waker that was planted in a box of its own.
fn order(heap: &Heap, table: usize) -> Option<Order> {
    let is_cell =
        |word: Option<usize>| word.and_then(|word| heap.find(word)).is_some_and(|node| heap.cell(node).is_some());
    heap.all().filter(|(_, own)| own.words == 2).find_map(|(node, _)| match (heap.word(node, 0), heap.word(node, 1)) {
        (Some(first), second) if first == table && is_cell(second) => Some(Order::TableFirst),
        (first, Some(second)) if second == table && is_cell(first) => Some(Order::DataFirst),
        _ => None,
    })
}

/// Returns the size of the source that a task waits for, and for nothing else.
fn source(sight: &Sight, cell: NodeId) -> Option<u32> {
    let sources = sight.graph.to(cell).map(|edge| sight.heap.own(edge.from));
    sources.into_iter().find(|it| it.is_wide && it.part == Part::Memory).map(|it| it.words)
}

/// Learns from two timers of different moments where each says when it is due.
fn timer(sight: &Sight, timers: &[NodeId], due: [Instant; 2]) -> Option<TimerShape> {
    let place = |cell: &NodeId| {
        let is_runtimes =
            |edge: &&Edge| sight.heap.own(edge.from).part == Part::Runtime && edge.points == Points::Inside;
        Some((*cell, sight.graph.to(*cell).find(is_runtimes)?.inside))
    };
    let [first, second] = [place(timers.first()?)?, place(timers.get(1)?)?];
    let read = |(cell, inside): (NodeId, u32), offset: i64| {
        let at = u32::try_from(i64::from(inside / WORD as u32) + offset).ok()?;
        sight.heap.word(cell, at).zip(sight.heap.word(cell, at + 1))
    };
    let shape = |offset| Some(TimerShape { offset, zero: read(first, offset).map(|(s, n)| (due[0], s, n))? });
    let is_right = |shape: &TimerShape| {
        let found = shape.due(&sight.heap, second.0, second.1);
        found.is_some_and(|found| found.max(due[1]) - found.min(due[1]) < EXACT)
    };
    (-32..32).filter_map(shape).find(is_right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn seen(planted: &[(&'static str, Truth, bool)], unproven: &[&str], off: &[Way]) {
        let mut verdict = Verdict::default();
        for (what, truth, is_alive) in planted {
            verdict.of(what, *truth, *is_alive).expect("it can be told which tasks are not judged");
        }
        assert_eq!((verdict.unproven.as_slice(), verdict.off.as_slice()), (unproven, off));
    }

    #[test]
    fn way_that_is_not_seen_is_switched_off_alone() {
        let timers = ("timers", Truth::Wakeable, false);
        seen(&[("wakers", Truth::Wakeable, true), timers, timers], &[], &[Way::Timer]);
        seen(&[("ends of tasks", Truth::Wakeable, false), timers], &[], &[Way::End, Way::Timer]);
    }

    #[test]
    fn way_that_any_task_may_use_ends_all_proofs() {
        for what in ["wakers", "channels", "lists of waiters", "tasks that give way", "thread-locals", "stacks"] {
            assert_eq!(Verdict::default().of(what, Truth::Wakeable, false), Err(what));
        }
    }

    #[test]
    fn proof_that_is_missed_is_told_and_switches_nothing_off() {
        let locks = ("locks", Truth::Stuck, true);
        seen(&[locks, locks, ("tasks that wait for nothing", Truth::Stuck, false)], &["locks"], &[]);
    }
}
