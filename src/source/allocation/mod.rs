//! Tasks as allocations: seen on stable Rust without a flag, on every flavor, in a `LocalSet`, in runtimes that the body builds.
//!
//! tokio keeps each task in one allocation, its cell, aligned to 128 bytes on the platforms that are looked at here. The
//! [`door`] writes down such allocations with their stacks; [`shape`] knows a cell when it sees one, and whether its task has ended;
//! the stack tells where it was spawned and what kind it is, but is turned into names only when a task is left.

mod door;
mod shape;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use crate::finding::Site;
use crate::lock::lock;
use crate::recorder::stacks::{self, StackId};
use crate::recorder::{self, RunNumber};
use crate::system::symbols::{self, Frame};

pub use door::Recorder;
pub(crate) use door::unrecorded;
pub(crate) use shape::Doing;
use shape::Shape;

/// What kind of task a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An async task of a runtime or of a `LocalSet`.
    Async,
    /// A closure given to `spawn_blocking`.
    Blocking,
    /// A worker of a multi-threaded runtime, which tokio runs as a blocking closure of its own.
    Worker,
}

/// One task that has not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live {
    /// tokio's number of it.
    pub(crate) id: u64,
    pub(crate) doing: Doing,
    listed: bool,
    stack: StackId,
}

/// Turns stacks into places and kinds, each stack once: a thousand tasks of one place are common, and names are slow.
#[derive(Debug)]
pub(crate) struct Stacks(BTreeMap<StackId, (Kind, Site)>);

/// Returns the stacks that were turned into names so far; they are the same for all runs of the process.
pub(crate) fn stacks() -> MutexGuard<'static, Stacks> {
    static STACKS: Mutex<Stacks> = Mutex::new(Stacks(BTreeMap::new()));
    lock(&STACKS)
}

impl Stacks {
    /// Returns what kind of task it is.
    pub(crate) fn kind(&mut self, task: &Live) -> Kind {
        if task.listed { Kind::Async } else { self.resolve(task.stack).0 }
    }

    /// Returns where a task was spawned: the first place outside tokio and the standard library, as a function's name where there is
    /// no debug information.
    pub(crate) fn site(&mut self, task: &Live) -> Site {
        self.resolve(task.stack).1.clone()
    }

    fn resolve(&mut self, stack: StackId) -> &(Kind, Site) {
        self.0.entry(stack).or_insert_with(|| {
            let frames = frames(stack);
            (kind_of_unlisted(&frames), site(&frames))
        })
    }
}

fn site(frames: &[Frame]) -> Site {
    let users =
        |frame: &&Frame| !frame.is_std() && !frame.is_tokio() && !frame.is_allocator() && !frame.function.is_empty();
    let place = |frame: &Frame| frame.site.clone().unwrap_or_else(|| Site::of_function(&frame.function));
    frames.iter().find(users).map_or_else(Site::unknown, place)
}

/// Makes the source ready, once a process: plants tasks and sees whether it finds them. Returns why it cannot look, if so.
pub(crate) fn prepare() -> Result<(), &'static str> {
    shape::get().map(|_| ())
}

/// Returns the tasks of a run that have not ended and whose number is not known otherwise, oldest first; none where the source cannot
/// look. `is_known` must not allocate.
pub(crate) fn tasks(run: RunNumber, is_known: impl Fn(u64) -> bool) -> Vec<Live> {
    let Ok(shape) = shape::get() else { return Vec::new() };
    if !recorder::may_have(run) {
        return Vec::new();
    }
    let mut live = alive(shape, run, is_known);
    live.sort_unstable_by_key(|task| task.id);
    live
}

/// Copies out the tasks that have not ended.
fn alive(shape: &Shape, run: RunNumber, is_known: impl Fn(u64) -> bool) -> Vec<Live> {
    let mut found = Vec::new();
    loop {
        // Nothing may be allocated while the recorder is looked at: what does not fit is counted, and fits the next time.
        let mut count = 0;
        let mut reader = shape.reader();
        recorder::each(run, |allocation| {
            let Some(cell) = reader.cell(allocation) else { return };
            if cell.doing == Doing::Ended || is_known(cell.id) {
                return;
            }
            count += 1;
            if found.len() < found.capacity() {
                found.push(Live { id: cell.id, doing: cell.doing, listed: cell.listed, stack: allocation.stack });
            }
        });
        if count <= found.len() {
            return found;
        }
        found = Vec::with_capacity(count + count / 4);
    }
}

/// tokio runs its own workers as blocking closures; without debug information they are taken for the user's.
fn kind_of_unlisted(frames: &[Frame]) -> Kind {
    let of_worker = |frame: &Frame| {
        frame.passes("/scheduler/multi_thread/worker.rs") || frame.function.contains("::multi_thread::worker::Launch")
    };
    if frames.iter().any(|frame| frame.is_tokio() && of_worker(frame)) { Kind::Worker } else { Kind::Blocking }
}

/// Returns the functions of a stack, innermost first, without those of the recorder.
fn frames(stack: StackId) -> Vec<Frame> {
    let mut addresses = [0; stacks::DEPTH];
    let len = stacks::read(stack, &mut addresses);
    // A return address is behind its call, which may be the last of its line.
    let calls: Vec<usize> = addresses[..len].iter().map(|address| address - 1).collect();
    let mut frames = symbols::frames(&calls);
    let own = frames.iter().rposition(|frame| frame.passes(door::FILE)).map_or(0, |last| last + 1);
    frames.drain(..own);
    frames
}
