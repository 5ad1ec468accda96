//! The recording allocator under threads that do everything at once to it.
#![expect(unsafe_code, reason = "an allocator is asked directly")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::future::pending;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lightsout::{Census, Check, Recorder, Report};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::again::again;
use crate::claims::{ALLOCATED, clean};

/// How often a thread allocates.
const TIMES: usize = 300;
/// How many pieces of memory the threads of a run pass to one another.
const EXCHANGED: usize = 16;
/// How many channels a [`Visitor`] leaves open, each made at another time of its life.
const LEFT: usize = 3;

#[repr(align(64))]
struct Line(#[expect(dead_code, reason = "it takes room")] [u8; 64]);
#[repr(align(128))]
struct Cell(#[expect(dead_code, reason = "it takes room")] [u8; 384]);
#[repr(align(4096))]
struct Page(#[expect(dead_code, reason = "it takes room")] [u8; 4096]);

/// Memory of one layout or another; what is recorded, and what is not.
enum Piece {
    Bytes(Vec<u8>),
    Words(Vec<u64>),
    Lines(Vec<Line>),
    Cells(Vec<Cell>),
    Pages(Vec<Page>),
    /// No memory at all.
    Nothing(
        #[expect(dead_code, reason = "nobody looks at nothing")] Vec<()>,
        #[expect(dead_code, reason = "nor here")] Box<()>,
    ),
}

impl Piece {
    fn new(number: usize) -> Self {
        let len = number % 7;
        match number % 6 {
            0 => Self::Bytes(vec![0; len * 100]),
            1 => Self::Words(vec![1; len * 10]),
            2 => Self::Lines((0..len).map(|_| Line([2; 64])).collect()),
            3 => Self::Cells((0..len).map(|_| Cell([3; 384])).collect()),
            4 => Self::Pages((0..len % 2).map(|_| Page([4; 4096])).collect()),
            _ => Self::Nothing(vec![(); len], Box::new(())),
        }
    }

    /// Makes it larger and smaller again, which reallocates.
    fn resize(&mut self) {
        fn through<T>(items: &mut Vec<T>) {
            items.reserve(items.len() + 1);
            items.shrink_to_fit();
        }
        match self {
            Self::Bytes(items) => through(items),
            Self::Words(items) => through(items),
            Self::Lines(items) => through(items),
            Self::Cells(items) => through(items),
            Self::Pages(items) => through(items),
            Self::Nothing(..) => {}
        }
    }
}

type Channel = (oneshot::Sender<u8>, oneshot::Receiver<u8>);

/// What the threads of one run share.
#[derive(Default)]
struct Place {
    exchange: Mutex<[Option<Piece>; EXCHANGED]>,
    left: Mutex<Vec<Channel>>,
}

impl Place {
    /// Allocates, resizes what another thread has allocated, and gives it back.
    fn churn(&self, times: usize) {
        for number in 0..times {
            let mut piece = Piece::new(number);
            piece.resize();
            drop(black_box(oneshot::channel::<u8>()));
            let other = self.exchange.lock().unwrap()[number % EXCHANGED].replace(piece);
            if let Some(mut other) = other {
                other.resize();
            }
        }
    }

    fn leave_a_channel(&self) {
        let channel = oneshot::channel();
        self.left.lock().unwrap().push(channel);
    }

    fn forget_all(&self) {
        self.left.lock().unwrap().clear();
        *self.exchange.lock().unwrap() = Default::default();
    }
}

/// Allocates when it is dropped.
struct Visitor(Arc<Place>);

impl Drop for Visitor {
    fn drop(&mut self) {
        self.0.churn(20);
        self.0.leave_a_channel();
    }
}

thread_local!(static LAST: RefCell<Option<Visitor>> = const { RefCell::new(None) });

/// Allocates in the middle of its life, while unwinding, and when its thread-locals are dropped.
fn visit(place: &Arc<Place>) {
    LAST.set(Some(Visitor(place.clone())));
    place.churn(TIMES);
    place.leave_a_channel();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _visitor = Visitor(place.clone());
        resume_unwind(Box::new("on its way"));
    }));
    assert!(unwound.is_err());
}

/// Starts threads that visit. Their ends are waited for by joining them: only then are thread-locals dropped.
fn visitors(place: &Arc<Place>, count: usize) -> Vec<JoinHandle<()>> {
    let start = |_| {
        let place = place.clone();
        thread::spawn(move || visit(&place))
    };
    (0..count).map(start).collect()
}

fn oneshots(census: &Census) -> usize {
    census.channels.iter().filter(|channel| channel.kind == "tokio oneshot").count()
}

/// Takes a census when no more tasks than these are alive, if that comes to be: who awaits a task is woken a moment before it has ended.
async fn census_of_tasks(count: usize) -> Census {
    for _ in 0..1_000 {
        let census = lightsout::census();
        if census.tasks.len() <= count {
            return census;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    lightsout::census()
}

/// Runs waves of so many threads, and counts what they leave, tasks too; then forgets it all.
fn stress(threads: usize, waves: usize) -> Report {
    Check::new("stress").multi_thread().worker_threads(2).run(move || async move {
        let place = Arc::new(Place::default());
        let tasks: Vec<_> = (0..threads).map(|_| tokio::spawn(pending::<()>())).collect();
        for wave in 1..=waves {
            let others = visitors(&place, threads);
            let ended = thread::spawn({
                let (place, handle) = (place.clone(), Handle::current());
                move || handle.block_on(async { tokio::spawn(async move { place.churn(TIMES) }).await.unwrap() })
            });
            // What was there before is there, whatever comes and goes meanwhile.
            let census = lightsout::census();
            assert!(oneshots(&census) >= (wave - 1) * threads * LEFT);
            others.into_iter().chain([ended]).for_each(|thread| thread.join().unwrap());
            let census = census_of_tasks(threads).await;
            assert_eq!(oneshots(&census), wave * threads * LEFT);
            assert_eq!(census.tasks.len(), threads);
        }
        place.forget_all();
        for task in tasks {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert_eq!(oneshots(&lightsout::census()), 0);
    })
}

#[test]
fn threads_at_once_leave_exactly_what_is_alive() {
    if ALLOCATED {
        clean(&stress(6, 3));
    }
}

#[test]
fn runs_side_by_side_count_their_own() {
    if ALLOCATED {
        thread::scope(|scope| {
            let runs: Vec<_> = (1..=4).map(|threads| scope.spawn(move || stress(threads, 2))).collect();
            runs.into_iter().for_each(|run| clean(&run.join().unwrap()));
        });
    }
}

#[test]
fn threads_outside_a_run_give_back_what_is_its_own() {
    if !ALLOCATED {
        return;
    }
    let place = Arc::new(Place::default());
    let inside = place.clone();
    let report = Check::new("inside").run(move || {
        let place = inside.clone();
        async move {
            place.churn(TIMES);
            place.leave_a_channel();
            assert_eq!(oneshots(&lightsout::census()), 1);
        }
    });
    assert_eq!(report.notes().len(), 1, "{report}");
    place.churn(TIMES);
    place.forget_all();
    clean(&Check::new("after").run(|| async { assert_eq!(oneshots(&lightsout::census()), 0) }));
}

/// Returns the bytes of this process that are in memory.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    const PAGE: usize = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * PAGE
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "for `rounds_do_not_make_the_recorder_grow`"]
fn print_growth_over_rounds() {
    let round = || clean(&stress(3, 1));
    (0..5).for_each(|_| round());
    let before = resident();
    (0..40).for_each(|_| round());
    println!("grown by {} bytes", resident().saturating_sub(before));
}

/// A process of its own, since others allocate in this one.
#[test]
#[cfg(target_os = "linux")]
fn rounds_do_not_make_the_recorder_grow() {
    /// A record has 16 bytes, and a round makes some ten thousand.
    const LEAST_OF_A_LEAK: usize = 40 * 10_000 * 16;

    let output = again("allocator::print_growth_over_rounds").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let grown = said.lines().find_map(|line| line.split_once("grown by ")?.1.strip_suffix(" bytes"));
    let grown: usize = grown.unwrap_or_else(|| panic!("{output:?}")).parse().unwrap();
    assert!(grown < LEAST_OF_A_LEAK, "grown by {grown} bytes");
}

/// Counts how often each method is asked.
#[derive(Default)]
struct Counting {
    alloc: AtomicUsize,
    alloc_zeroed: AtomicUsize,
    dealloc: AtomicUsize,
    realloc: AtomicUsize,
}

impl Counting {
    fn counts(&self) -> [usize; 4] {
        [&self.alloc, &self.alloc_zeroed, &self.dealloc, &self.realloc].map(|count| count.load(Ordering::Relaxed))
    }
}

// SAFETY: everything is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.alloc.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.alloc_zeroed.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        self.dealloc.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.realloc.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Asks for memory of this layout in each way, and gives it back.
fn use_all_methods(allocator: &impl GlobalAlloc, layout: Layout) {
    // SAFETY: the layout has a size, all memory is this allocator's, and the larger size is one that this alignment may have.
    unsafe {
        let memory = allocator.alloc(layout);
        assert!(is_right(memory, layout));
        memory.write(7);
        let larger = allocator.realloc(memory, layout, layout.size() * 2);
        assert!(is_right(larger, layout));
        assert_eq!(larger.read(), 7);
        let other = allocator.alloc_zeroed(layout);
        assert_eq!(other.read(), 0);
        allocator.dealloc(other, layout);
        allocator.dealloc(larger, Layout::from_size_align(layout.size() * 2, layout.align()).unwrap());
    }
}

fn is_right(memory: *mut u8, layout: Layout) -> bool {
    !memory.is_null() && memory.addr().is_multiple_of(layout.align())
}

#[test]
fn other_allocator_is_asked_as_the_recorder_is() {
    static COMPOSED: Recorder<Counting> = Recorder(Counting {
        alloc: AtomicUsize::new(0),
        alloc_zeroed: AtomicUsize::new(0),
        dealloc: AtomicUsize::new(0),
        realloc: AtomicUsize::new(0),
    });

    let layouts = [(1, 1), (40, 8), (64, 64), (256, 128), (8192, 4096)];
    clean(&Check::new("composed").run(move || async move {
        for (size, align) in layouts {
            use_all_methods(&COMPOSED, Layout::from_size_align(size, align).unwrap());
        }
    }));
    assert_eq!(COMPOSED.0.counts(), [5, 5, 10, 5]);
}
