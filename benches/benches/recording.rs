//! What it costs to write an allocation down, and what it costs others that this is done.
//!
//! ```text
//! cargo bench -p benches --bench recording [-- --quick]
//! ```
//!
//! Contenders, in turns: the system's allocator, asked directly, and the one that records, on a thread of its own inside a run or
//! outside of any. Each asks for a batch and gives it back, the way down to where it asks included. The best that a thread can meet
//! is one stack over and over; the worst is another one each time.
#![expect(unsafe_code, reason = "allocators are asked directly")]

use std::alloc::{self, GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use benches::{Bar, budget, differences, head, line, nanos_each, rounds};
use lightsout::Check;

const BATCH: usize = 64;
const BATCHES: usize = 60;
const WARM_UP: usize = 20;
/// What runs have alive while others are measured.
const KEPT: usize = 1_000;
/// A bit for each function of a stack.
const ONE_STACK: u64 = 0x5a5a_a5a5_3c3c_c3c3;
/// Multiplied with a number, it makes a stack of its own.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy, Debug)]
enum Allocator {
    System,
    Recording,
}

impl Allocator {
    fn alloc(self, layout: Layout) -> *mut u8 {
        // SAFETY: no layout here has a size of zero.
        unsafe {
            match self {
                Self::System => System.alloc(layout),
                Self::Recording => alloc::alloc(layout),
            }
        }
    }

    /// # Safety
    /// The memory comes from this allocator, with this layout.
    unsafe fn free(self, memory: *mut u8, layout: Layout) {
        // SAFETY: as promised by the caller.
        unsafe {
            match self {
                Self::System => System.dealloc(memory, layout),
                Self::Recording => alloc::dealloc(memory, layout),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Variety {
    OneStack,
    ManyStacks,
}

/// What a thread does again and again.
#[derive(Clone, Copy, Debug)]
struct Load {
    layout: Layout,
    /// Between the thread's first function and the one that allocates.
    functions: u32,
    variety: Variety,
}

/// Nanoseconds each.
#[derive(Clone, Copy, Debug)]
struct Cost {
    alloc: f64,
    free: f64,
}

impl Cost {
    fn both(self) -> f64 {
        self.alloc + self.free
    }
}

#[inline(never)]
fn left(functions: u32, path: u64, then: &mut dyn FnMut()) {
    let mut room = [0_u64; 2];
    black_box(&mut room);
    descend(functions, path, then);
    black_box(&mut room);
}

#[inline(never)]
fn right(functions: u32, path: u64, then: &mut dyn FnMut()) {
    let mut room = [0_u64; 9];
    black_box(&mut room);
    descend(functions, path, then);
    black_box(&mut room);
}

/// Calls `then` under so many functions; the bits of `path` say which.
#[inline(always)]
fn descend(functions: u32, path: u64, then: &mut dyn FnMut()) {
    match (functions, path & 1) {
        (0, _) => then(),
        (_, 0) => left(functions - 1, path >> 1, then),
        _ => right(functions - 1, path >> 1, then),
    }
}

impl Load {
    fn path(self, number: usize) -> u64 {
        match self.variety {
            Variety::OneStack => ONE_STACK,
            Variety::ManyStacks => (number as u64 + 1).wrapping_mul(SPREAD) >> 20,
        }
    }

    fn batches(self, allocator: Allocator, batches: usize) -> Cost {
        let mut held = [std::ptr::null_mut(); BATCH];
        let (mut asked, mut given_back) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..batches {
            let began = Instant::now();
            for (number, memory) in held.iter_mut().enumerate() {
                descend(self.functions, self.path(number), &mut || *memory = black_box(allocator.alloc(self.layout)));
            }
            let middle = Instant::now();
            for memory in &held {
                // SAFETY: it was allocated just now.
                unsafe { allocator.free(*memory, self.layout) };
            }
            asked += middle - began;
            given_back += middle.elapsed();
        }
        let count = batches * BATCH;
        Cost { alloc: nanos_each(asked, count), free: nanos_each(given_back, count) }
    }

    /// Measures on so many threads at once; returns what one of them paid.
    fn on_threads(self, allocator: Allocator, threads: usize) -> Cost {
        let barrier = Barrier::new(threads);
        let measure = || {
            self.batches(allocator, WARM_UP);
            barrier.wait();
            self.batches(allocator, BATCHES)
        };
        thread::scope(|scope| {
            let others: Vec<_> = (0..threads).map(|_| scope.spawn(measure)).collect();
            let costs: Vec<_> = others.into_iter().map(|thread| thread.join().expect("it only measures")).collect();
            costs[0]
        })
    }
}

/// Does something inside a run.
fn in_run<T: Send + 'static>(act: impl Fn() -> T + Send + Sync + Clone + 'static) -> T {
    let (tell, hear) = mpsc::channel();
    let report = Check::new("recording").run(move || {
        let (tell, act) = (tell.clone(), act.clone());
        async move { tell.send(act()).expect("somebody listens") }
    });
    report.assert_clean();
    hear.recv().expect("the body ran to its end")
}

fn compare(what: &str, load: Load, threads: usize) {
    let [bare, recorded] = rounds(
        budget(Duration::from_secs(3)),
        [&mut || in_run(move || load.on_threads(Allocator::System, threads)).both(), &mut || {
            in_run(move || load.on_threads(Allocator::Recording, threads)).both()
        }],
    );
    line(what, &bare, &recorded, &differences(&recorded, &bare), " ns", Bar::AtMost(300.0));
}

fn compare_outside(what: &str, layout: Layout) {
    let load = Load { layout, functions: 4, variety: Variety::OneStack };
    let turns: [&mut dyn FnMut() -> Cost; 2] =
        [&mut || load.on_threads(Allocator::System, 1), &mut || load.on_threads(Allocator::Recording, 1)];
    let [bare, passing] = rounds(budget(Duration::from_secs(3)), turns);
    let allocated: fn(&Cost) -> f64 = |cost| cost.alloc;
    for (part, of) in [("allocated", allocated), ("given back", |cost| cost.free)] {
        let [bare, passing] = [&bare, &passing].map(|costs| costs.iter().map(of).collect::<Vec<_>>());
        line(&format!("{what}, {part}"), &bare, &passing, &differences(&passing, &bare), " ns", Bar::None);
    }
}

fn main() {
    let layout = |size, align| Layout::from_size_align(size, align).expect("it is a layout");
    let (cell, channel, text) = (layout(256, 128), layout(128, 8), layout(128, 1));
    head("nanoseconds to write an allocation down and to forget it", "system", "added");
    for (what, layout) in [("task's cell", cell), ("channel", channel)] {
        for functions in [2, 16, 40] {
            let load = Load { layout, functions, variety: Variety::OneStack };
            compare(&format!("{what}, {functions} functions deep"), load, 1);
        }
        let load = Load { layout, functions: 16, variety: Variety::ManyStacks };
        compare(&format!("{what}, {BATCH} stacks of 16 in turns"), load, 1);
    }
    let load = Load { layout: channel, functions: 16, variety: Variety::OneStack };
    compare("channel, 16 functions deep, two threads", load, 2);

    in_run(move || {
        for _ in 0..KEPT {
            black_box(Allocator::Recording.alloc(channel));
        }
    });
    head("nanoseconds that a thread outside any run pays", "system", "added");
    for (what, layout) in [("like a task's cell", cell), ("like a channel", channel), ("text", text)] {
        compare_outside(what, layout);
    }
}
