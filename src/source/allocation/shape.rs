//! Knows a task's cell by its shape.
//!
//! A cell begins with a state word; its third word points to a static table that begins with seven functions and goes on with the
//! offsets, inside the cell, of its trailer, its scheduler and its number; its fourth word says in which list of tasks it is. None of this is promised by tokio. So it is looked at,
//! once a process: a task is planted, found among what the recorder wrote down, and read before its first poll, inside it, while it
//! waits, and when it has ended with its handle kept. What is learned from that are the bits of the state word. A blocking closure is
//! planted too, which must be in no list. If any of it is not
//! as expected the source is switched off, and every report says so.
#![expect(unsafe_code, reason = "it reads the memory of live allocations")]

use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::recorder::{self, Allocation, NO_RUN, RunNumber, unwind};
use crate::system::maps::{Mapping, Maps};

/// What a task does, by its state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It is inside a poll.
    Running,
    /// It was woken, or is new, and waits for its turn.
    Runnable,
    /// It waits to be woken.
    Waiting,
    /// It has ended; somebody keeps its handle or a waker.
    Ended,
}

/// A cell that was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    /// tokio's number of the task.
    pub(crate) id: u64,
    pub(crate) doing: Doing,
    /// Whether a runtime or a `LocalSet` has it in its list of tasks, in which blocking closures never are.
    pub(crate) listed: bool,
    /// How many references to it are counted: the list's, handles, and wakers.
    pub(crate) references: usize,
    /// Where its last part begins, in bytes: neighbours in the list, and who waits for its end.
    pub(crate) trailer: usize,
}

/// What was learned from planted tasks.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The bit of the state word that is set inside a poll.
    running: usize,
    /// The bit of the state word that is set from a wake-up to the next poll.
    woken: usize,
    /// The bit of the state word that is set when the task has ended.
    ended: usize,
    memory: Memory,
}

/// Returns the shape, or why cells cannot be told.
pub(crate) fn get() -> Result<&'static Shape, &'static str> {
    static SHAPE: OnceLock<Result<Shape, &'static str>> = OnceLock::new();
    SHAPE.get_or_init(Shape::learn).as_ref().map_err(|why| *why)
}

/// The bits of the state word that are flags; above them references are counted.
const FLAGS: usize = 0b11_1111;
/// The functions at the beginning of a task's table.
const FUNCTIONS: usize = 7;
/// The place of the table's offset of the cell's last part.
const TRAILER_OFFSET: usize = FUNCTIONS;
/// The place of the table's offset of the task's number.
const ID_OFFSET: usize = FUNCTIONS + 2;
const WORD: usize = size_of::<usize>();
/// No pointer is less.
const LEAST_ADDRESS: usize = 4_096;

impl Shape {
    /// Returns what reads allocations one after the other.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { shape: self, table: None }
    }

    /// Plants a task and reads its cell at each stage of its life.
    fn learn() -> Result<Self, &'static str> {
        if !unwind::prepare() {
            return Err("stacks can be walked on Linux with glibc only, x86-64 and aarch64");
        }
        let memory = Memory::of_this_process().ok_or("the memory map of the process cannot be read")?;
        let run = recorder::fresh_run();
        let stages = std::thread::Builder::new().spawn(move || {
            recorder::enter(run);
            let stages = plant(&memory, run);
            recorder::enter(NO_RUN);
            (stages, memory)
        });
        let (stages, memory) =
            stages.ok().and_then(|thread| thread.join().ok()).ok_or("a task could not be planted")?;
        let Stages { fresh, waiting, running, ended } = stages.ok_or(
            "a planted task was not found: another global allocator is in place (see `lightsout::Recorder`), or this tokio keeps tasks \
             in another way",
        )?;
        let bit = |with: usize| Some(with & !waiting & FLAGS).filter(|bit| bit.is_power_of_two());
        let learned = bit(running).zip(bit(fresh)).zip(bit(ended));
        let apart = learned.filter(|((running, woken), ended)| running != woken && running != ended && woken != ended);
        let ((running, woken), ended) = apart.ok_or("the states of a planted task could not be told apart")?;
        if recorder::CELLS.may_have(run) {
            return Err("a planted task ended and its memory is still there");
        }
        Ok(Self { running, woken, ended, memory })
    }
}

/// Reads many allocations: most cells share their table with the one before, which then needs no second look.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    shape: &'a Shape,
    /// The table that was looked at last; `None` at first.
    table: Option<Table>,
}

impl Reader<'_> {
    /// Reads an allocation as a cell; `None` if it is none. The recorder must hold the allocation meanwhile.
    pub(crate) fn cell(&mut self, allocation: &Allocation) -> Option<Cell> {
        let Shape { running, woken, ended, memory } = self.shape;
        let at = memory.table_of(allocation)?;
        let table = match self.table {
            Some(table) if table.at == at => table,
            _ => *self.table.insert(memory.table(at)?),
        };
        let seen = table.cell(allocation)?;
        let doing = match seen.state {
            state if state & ended != 0 => Doing::Ended,
            state if state & running != 0 => Doing::Running,
            state if state & woken != 0 => Doing::Runnable,
            _ => Doing::Waiting,
        };
        let references = seen.state / (FLAGS + 1);
        Some(Cell { id: seen.id, doing, listed: seen.list != 0, references, trailer: table.trailer_offset })
    }
}

/// The static table of a kind of task.
#[derive(Clone, Copy, Debug)]
struct Table {
    at: usize,
    /// Where in a cell its last part begins.
    trailer_offset: usize,
    /// Where in a cell its number stands.
    id_offset: usize,
}

impl Table {
    fn cell(self, allocation: &Allocation) -> Option<Read> {
        let id = word(allocation, self.id_offset).filter(|id| *id != 0)?;
        let (state, next) = (word(allocation, 0)?, word(allocation, WORD)?);
        // What an `Arc` shares begins with two counts, and what lies between them and an aligned value is left over from anything: it may
        // look like the rest of a cell. A cell's second word is a pointer or nothing.
        let is_count = (1..LEAST_ADDRESS).contains(&next);
        let is_inside = self.trailer_offset < allocation.size as usize;
        (!is_count && is_inside).then_some(Read { state, id: id as u64, list: word(allocation, 3 * WORD)? })
    }
}

/// Reads a word of an allocation that the recorder holds; `None` beyond its end.
pub(super) fn word(allocation: &Allocation, offset: usize) -> Option<usize> {
    let inside = offset.is_multiple_of(WORD) && offset + WORD <= allocation.size as usize;
    // SAFETY: the place is aligned and inside a live allocation, which the recorder holds while it is looked at. Others may write
    // there, in whole words.
    inside.then(|| unsafe { read(allocation.address + offset) })
}

/// The state word of a planted task at the stages of its life.
struct Stages {
    /// Before its first poll.
    fresh: usize,
    waiting: usize,
    running: usize,
    ended: usize,
}

/// Runs a task on a runtime of its own, and reads its cell inside its poll, while it waits, and when it has ended.
fn plant(memory: &Memory, run: RunNumber) -> Option<Stages> {
    let runtime = Builder::new_current_thread().build().ok()?;
    let state = || memory.only_cell(run).map(|cell| cell.state);
    let stages = runtime.block_on(async {
        let (end, mut ending) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let mut tell = Some(tell);
        let state_inside = memory.clone();
        let task = tokio::spawn(std::future::poll_fn(move |cx| {
            if let Some(tell) = tell.take() {
                let _ = tell.send(state_inside.only_cell(run).map(|cell| cell.state));
            }
            std::pin::Pin::new(&mut ending).poll(cx).map(|_| ())
        }));
        let fresh = state()?;
        let running = told.await.ok()??;
        let waiting = state()?;
        let Read { id, list, .. } = memory.only_cell(run)?;
        end.send(()).ok()?;
        while !task.is_finished() {
            tokio::task::yield_now().await;
        }
        let ended = state()?;
        let same = task.id().to_string() == id.to_string();
        drop(task);
        poll_once().await;
        (same && list != 0).then_some(Stages { fresh, waiting, running, ended })
    });
    let closure_memory = memory.clone();
    let closure = runtime.spawn_blocking(move || closure_memory.only_cell(run).map(|cell| cell.list));
    let list = runtime.block_on(closure).ok()?;
    stages.filter(|_| list == Some(0))
}

/// Gives the runtime a turn.
async fn poll_once() {
    let mut turned = false;
    std::future::poll_fn(|cx| {
        if turned {
            return Poll::Ready(());
        }
        turned = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What may be read, and what is code.
#[derive(Clone, Debug)]
struct Memory {
    /// Readable parts of the program and its libraries.
    readable: Vec<Range<usize>>,
    /// Executable ones.
    code: Vec<Range<usize>>,
}

/// A cell as it was read.
struct Read {
    state: usize,
    id: u64,
    /// The number of the list that it is in; 0 for none.
    list: usize,
}

impl Memory {
    fn of_this_process() -> Option<Self> {
        let maps = Maps::of_this_process()?;
        let of = |is: fn(&Mapping) -> bool| maps.iter().filter(|it| is(it)).map(|it| it.addresses.clone()).collect();
        Some(Self { readable: of(|it| it.is_readable), code: of(|it| it.is_code) })
    }

    /// Returns where the table of a cell would be.
    fn table_of(&self, allocation: &Allocation) -> Option<usize> {
        word(allocation, 2 * WORD)
    }

    /// Looks at what may be a task's table.
    fn table(&self, at: usize) -> Option<Table> {
        let entry = |number: usize| self.read_static(at.checked_add(number * WORD)?);
        for function in 0..FUNCTIONS {
            entry(function).filter(|address| contains(&self.code, *address))?;
        }
        Some(Table { at, trailer_offset: entry(TRAILER_OFFSET)?, id_offset: entry(ID_OFFSET)? })
    }

    fn cell(&self, allocation: &Allocation) -> Option<Read> {
        self.table(self.table_of(allocation)?)?.cell(allocation)
    }

    /// Returns the only cell of a run.
    fn only_cell(&self, run: RunNumber) -> Option<Read> {
        let (mut found, mut count) = (None, 0);
        recorder::CELLS.each(run, |allocation| {
            if let Some(cell) = self.cell(allocation) {
                count += 1;
                found = Some(cell);
            }
        });
        found.filter(|_| count == 1)
    }

    fn read_static(&self, place: usize) -> Option<usize> {
        let whole =
            place.is_multiple_of(WORD) && contains(&self.readable, place) && contains(&self.readable, place + WORD - 1);
        // SAFETY: the place is aligned and in a part of the program or a library that is mapped readable. A library may have been
        // unloaded since; a live task's table is in none that was.
        whole.then(|| unsafe { read(place) })
    }
}

fn contains(ranges: &[Range<usize>], address: usize) -> bool {
    ranges.iter().any(|range| range.contains(&address))
}

/// # Safety
///
/// The place must be aligned and mapped.
unsafe fn read(place: usize) -> usize {
    // SAFETY: as promised by the caller; atomic, since others may write there.
    unsafe { AtomicUsize::from_ptr(std::ptr::with_exposed_provenance_mut(place)) }.load(Ordering::Acquire)
}
