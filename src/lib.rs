//! Tests that async programs stop.
//!
//! A test that passes says that the program did what it should. It does not say that the program is over: a task may still wait
//! for a message that nobody will send, a blocking call hold a thread, a panic have gone where nobody looks. lightsout runs a test
//! body on a tokio runtime that it watches, waits until things should be quiet, and fails the test with place and reason when
//! something is still alive.
//!
//! # A server that leaks, found and mended
//!
//! Here is a small server as one writes it. It counts the lines that its clients send, and `stop` ends it.
//!
//! ```
//! use tokio::io::{AsyncBufReadExt, BufReader};
//! use tokio::net::{TcpListener, TcpStream};
//! use tokio::sync::watch;
//! use tokio::task::JoinHandle;
//!
//! struct Server {
//!     stop: watch::Sender<bool>,
//!     accepting: JoinHandle<()>,
//! }
//!
//! impl Server {
//!     fn start(listener: TcpListener) -> Self {
//!         let (stop, stopped) = watch::channel(false);
//!         Self { stop, accepting: tokio::spawn(accept(listener, stopped)) }
//!     }
//!
//!     async fn stop(self) {
//!         self.stop.send_replace(true);
//!         self.accepting.await.unwrap();
//!     }
//! }
//!
//! async fn accept(listener: TcpListener, mut stopped: watch::Receiver<bool>) {
//!     loop {
//!         tokio::select! {
//!             _ = stopped.changed() => return,
//!             Ok((stream, _)) = listener.accept() => {
//!                 tokio::spawn(serve(stream));
//!             }
//!         }
//!     }
//! }
//!
//! async fn serve(stream: TcpStream) {
//!     let mut lines = BufReader::new(stream).lines();
//!     while let Ok(Some(_line)) = lines.next_line().await {}
//! }
//!
//! // In a test this is `#[lightsout::test] async fn server_stops() { ... }`.
//! let report = lightsout::Check::new("server_stops").run(|| async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let address = listener.local_addr().unwrap();
//!     let server = Server::start(listener);
//!     let client = TcpStream::connect(address).await.unwrap();
//!     tokio::task::yield_now().await;
//!     server.stop().await;
//!     # std::mem::forget(client);
//! });
//! let finding = &report.findings()[0];
//! assert_eq!(finding.kind(), lightsout::Kind::LeakedTask);
//! ```
//!
//! `stop` waits for the accept loop and not for the connections. With a client that stays connected, the report names the task and
//! what it waits for:
//!
//! ```text
//! leaked-task: 1 task is still alive after the test
//!   spawned at  src/server.rs:29:17
//!   state       waiting; polled once, and nothing woke it in the 500 ms after the test
//!   age         501 ms, of which lightsout waited 500 ms for it to end
//!   awaits      tokio::io::util::lines::Lines<R>::next_line at src/server.rs:37:52
//!   to do       keep its JoinHandle and await it after telling it to stop, or abort it, before the test ends
//!   if meant    allow(spawned_at = "src/server.rs:29", reason = "...")
//! ```
//!
//! The mended accept loop keeps its connections in a `JoinSet`, which ends them when it is dropped:
//!
//! ```
//! # use tokio::net::{TcpListener, TcpStream};
//! # use tokio::sync::watch;
//! # async fn serve(stream: TcpStream) { std::future::pending::<()>().await; drop(stream) }
//! async fn accept(listener: TcpListener, mut stopped: watch::Receiver<bool>) {
//!     let mut connections = tokio::task::JoinSet::new();
//!     loop {
//!         tokio::select! {
//!             _ = stopped.changed() => return,
//!             Ok((stream, _)) = listener.accept() => {
//!                 connections.spawn(serve(stream));
//!             }
//!         }
//!     }
//! }
//!
//! lightsout::Check::new("server_stops").run(|| async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let address = listener.local_addr().unwrap();
//!     let (stop, stopped) = watch::channel(false);
//!     let accepting = tokio::spawn(accept(listener, stopped));
//!     let _client = TcpStream::connect(address).await.unwrap();
//!     tokio::task::yield_now().await;
//!     stop.send_replace(true);
//!     accepting.await.unwrap();
//! }).assert_clean();
//! ```
//!
//! # What it finds
//!
//! | [`Kind`] | when |
//! | --- | --- |
//! | `leaked-task` | a task spawned in the test is alive after the grace |
//! | `blocked-thread` | a blocking closure, or a thread that the test started, still runs after the runtime was stopped |
//! | `open-channel` | a channel made in the test is open when all else has ended: a note, unless `channels = "deny"` |
//! | `task-panic` | a task panicked, whether or not anyone looked at its `JoinHandle` |
//! | `double-close` | a [`Closable`] was closed twice |
//! | `use-after-close` | a [`Closable`] was used after its end |
//! | `out-of-order` | a stated order of endings was broken |
//! | `lost-work` | a [`Ticket`] was dropped, or kept, without being done or refused |
//! | `hang` | the body did not end by its deadline, or what it left does not let go |
//! | `died` | the process ended in the middle of a run (exit, abort, signal) |
//! | `vacuous` | nothing was checked |
//!
//! Components that use `tracing` need neither [`Closable`] nor [`Ticket`]: see [`convention`].
//!
//! All of them are told together, and none hides a failed assertion of the test itself. Only a body that hangs is told without leaks:
//! what is alive beside it is in its own finding.
//!
//! # How a test runs
//!
//! The body gets a runtime and a thread of its own. When it has returned and its locals are gone, lightsout looks at what is
//! alive: nothing, and the test is over at once; something, and it gets a *grace* to end (500 ms, virtual where the clock is
//! paused). What is left then is told. A body that has not ended by its *deadline* (60 s of real time) is told with everything
//! that is alive and with what it awaits, instead of hanging the suite.
//!
//! | setting | attribute | [`Check`] | environment |
//! | --- | --- | --- | --- |
//! | deadline of the body | `deadline = "5s"` | [`deadline`](Check::deadline) | `LIGHTSOUT_DEADLINE` |
//! | grace of what it left | `grace = "1s"` | [`grace`](Check::grace) | `LIGHTSOUT_GRACE` |
//! | what an open channel means | `channels = "deny"` | [`channels`](Check::channels) | |
//! | in what order things end | `order = "listener < database"` | [`order`](Check::order) | |
//! | which names there are | `components = "listener, database"` | [`components`](Check::components) | |
//! | what may live on | `allow(spawned_at = "...", reason = "...")` | [`allow`](Check::allow) | |
//! | runtime | `flavor`, `worker_threads`, `start_paused` | [`runtime`](Check::runtime) | |
//! | folder for reports | | | `LIGHTSOUT_REPORT_DIR` |
//! | signals to send | `signals = "SIGTERM, SIGTERM"` | [`signals`](Check::signals) | |
//! | delays in a run | `delays = 1` | [`delays`](Check::delays) | |
//! | seeds to try | `seeds = 4` | [`seeds`](Check::seeds) | `LIGHTSOUT_SEED` is the first one |
//! | plans to run | `runs = 2_000` | [`runs`](Check::runs) | `LIGHTSOUT_RUNS` |
//! | plans to draw at random | `explore = 1_000` | [`explore`](Check::explore) | `LIGHTSOUT_SEED` draws the same again |
//! | the only plan | | [`plan`](Check::plan) | `LIGHTSOUT_REPLAY` |
//! | who should have woken what leaked | `wait_graph = true` | [`wait_graph`](Check::wait_graph) | `LIGHTSOUT_WAIT_GRAPH` |
//! | a console to attach to | | | `LIGHTSOUT_CONSOLE` |
//!
//! # Signals at every moment
//!
//! Shutdown bugs hide in *when*. With `signals`, `delays` or `seeds` a test becomes a search: its body is run many times, on a fresh
//! runtime with a paused clock, each time under another [`Plan`]. A plan says what comes at which *boundary*, which is the point after
//! so many polls of any task of the run:
//!
//! - A *signal* is real, raised on the runtime's thread, so that unmodified code which listens through `tokio::signal` hears it. Two at
//!   one boundary are a burst, which tokio merges into one delivery; two at different ones are two. The search has both.
//! - A *delay* uses up the cooperative budget of the poll that follows, so that its task goes to the back of the queue.
//! - A *seed* decides what `select!` takes when several of its branches are ready.
//!
//! The undisturbed plan comes first, then every plan with one disturbance, then with two, until all have run or `runs` are spent. What
//! a plan does not place comes by itself: a signal when the program is quiet. So a body may run until it is signalled:
//!
//! ```
//! # #[cfg(all(unix, tokio_unstable))] {
//! use lightsout::{Check, Kind, Signal};
//! use tokio::signal::unix::{SignalKind, signal};
//! use tokio::sync::oneshot;
//!
//! // In a test this is `#[lightsout::test(signals = "SIGTERM, SIGTERM")] async fn server_stops() { ... }`.
//! let report = Check::new("server_stops").signals([Signal::Term, Signal::Term]).run(|| async {
//!     let mut term = signal(SignalKind::terminate()).unwrap();
//!     let (close, closed) = oneshot::channel::<()>();
//!     let handler = tokio::spawn(async move {
//!         let mut close = Some(close);
//!         loop {
//!             term.recv().await;
//!             close.take().expect("closed twice").send(()).unwrap();
//!         }
//!     });
//!     closed.await.unwrap();
//!     tokio::time::sleep(std::time::Duration::from_millis(5)).await; // Connections drain.
//!     handler.abort();
//! });
//! let finding = &report.findings()[0];
//! assert_eq!(finding.kind(), Kind::TaskPanic);
//! assert_eq!(finding.plan().unwrap().to_string(), "SIGTERM@1 SIGTERM@3");
//! # }
//! ```
//!
//! The report names the smallest plan that fails, and the line that runs it again: `LIGHTSOUT_REPLAY="SIGTERM@1 SIGTERM@3" cargo test
//! ...`. It says how far the search came, "exhaustive: 21 of 21 plans" or "2,000 of 118,000 plans (1.7 %)". A plan that failed is kept
//! in the folder `lightsout-regressions` beside the package's manifest and tried first the next time. Some plans are run twice: where
//! the two differ the report says where they part, and that the search is no proof.
//!
//! Most of what a run of a small body costs is the runtime's driver of sockets, processes and signals. Where the undisturbed run goes the
//! same way without it, a search that sends no signals leaves it out; a run in which anything is found, or code panics, is made once
//! more with it, and only that one is told. [`Runtime::with_io`] keeps it in every run.
//!
//! A test with signals runs in children of the test process, the test binary once more for this one test: so a signal reaches nobody
//! else, a program that exits or aborts is found with its plan, and what runs print is shown for the failing plan only. Before
//! the program listens a signal would end it at once: these boundaries are the *start-up window*, which is told, and where
//! `startup = "deny"` makes every task that is alive a finding. A program that never listens for a signal would die of it: that is
//! `died`. A [`Check`] searches in its own process.
//!
//! A replay prints who was polled around the disturbances, a column a task. With the feature `proptest`, `explore = n` draws plans at
//! random instead of trying all, and `plans` is a strategy for property tests, beside inputs of their own.
//!
//! [`signal::raise`] and [`signal::listened`] are for tests that raise signals by hand.
//!
//! # Who should have woken it
//!
//! With `wait_graph = true` (or [`Check::wait_graph`], or `LIGHTSOUT_WAIT_GRAPH=1` for all tests) a report says for each leaked task, where allocations are seen, what it waits for,
//! who has that, and whether anything alive can still wake it:
//!
//! ```text
//! leaked-task: 1 task is still alive after the test
//!   spawned at  src/jobs.rs:29:5
//!   ...
//!   verdict     stuck: nothing that is alive can wake it
//!   because     waits for a message on the tokio mpsc of jobs::Job made at src/jobs.rs:20:24, whose sender it holds itself
//!   shape       it holds the other end of the channel that it waits on
//!   to do       drop its own sender before it waits: move clones into what sends, or keep a weak one (`downgrade`)
//! ```
//!
//! | [`Outlook`] | means |
//! | --- | --- |
//! | `stuck` | nothing alive can wake it or end it: proven |
//! | `waiting` | a timer, a source of events, a living task, or something outside of the test may wake or end it |
//! | `runnable`, `looping` | it has been woken, or is woken again and again |
//! | `withheld` | nothing can be said, with the reason |
//!
//! The proof is a garbage collector's mark: from statics, all heaps and mappings, the stacks and thread-locals of all threads, timers and
//! sources of events, through every pointer, to the tasks. Whatever leads to a task counts, a `JoinHandle` too, which may abort it. So a
//! task may be stuck and not be proven so, but none is called stuck that something can wake, on these assumptions: pointers are whole,
//! aligned words (nothing wakes through one that is kept with changed upper bits, in another process, or in memory that can only be
//! read); threads of other tests hold nothing of this one in their registers alone, against which references are counted as well (a handle
//! that was forgotten, `mem::forget`, is mostly seen as one that somebody has out of sight, and never wakes anybody).
//! Memory of C libraries and mappings counts as alive as a whole. The verdict is withheld while a blocking closure or a thread of the
//! test still runs, while a worker does not keep still, and where the memory cannot be read. All of it is tried in each process with planted
//! tasks, one for each way to be woken. A way that is not seen is named in the report: of timers, sources of events and ends of tasks it can be
//! told which tasks may use them, and nothing is proven of those; of all others it cannot, and nothing is proven at all.
//!
//! Who holds what a task waits for is told by what the memory looks like, and must fit the number of handles that are counted: where more seem
//! to have one, those are named that must have one, or it is said that it cannot be told. Where several have it, it is said how many.
//! Asked late in a process, what earlier runs left on other threads' stacks may look like pointers, and hide a proof: that is tried again at
//! each further leak, and told as long as planted tasks are not proven stuck that are.
//!
//! When all that is left is proven to be stuck, the rest of the grace is not waited for in real time.
//!
//! [`Finding::waits`] has the whole graph as data, and draws it: [`WaitGraph::to_dot`], [`WaitGraph::to_svg`], [`WaitGraph::to_text`].
//! `cargo lightsout gate --graph DIR` draws those of a whole suite.
//!
//! It is there on demand since it has its price: from the first check that asks for it, whatever may hold a pointer is written down, comes
//! from memory of its own and is cleared when it is given back, some tens of nanoseconds an allocation. A look costs a test that leaves
//! tasks some milliseconds for each 10 MB of its process' memory, also without optimisation; one that leaves none does not look.
//!
//! # Ordinary tests
//!
//! On Linux with glibc `cargo lightsout gate` looks at test crates that do not even link lightsout. Elsewhere
//! `use lightsout as _;` in a test crate is enough for `cargo lightsout gate` to look at its ordinary tests too, whatever attribute they
//! stand under, and whichever runtimes they build: a task that was alive when its runtime or its `LocalSet` ended is told as
//! `leaked-task`, with the place of its spawn and the test. So is a task that was alive when the process ended, in a runtime that nobody
//! dropped, and, as `blocked-thread`, a blocking closure that still held its thread then. Without the gate nothing is recorded, printed
//! or failed.
//!
//! An ordinary test gives tasks no time to end. One that had been woken, aborted or spawned just before its runtime ended is named as not
//! judged, with its place and test, and is a finding only where the same test left others. What counts is how a task was when the runtime
//! began to end: the end of another task may wake it. A checked test waits for it.
//!
//! Channels that ordinary tests leave open are told with `cargo lightsout gate --channels`, as notes, or with `--channels=deny` as
//! findings.
//!
//! The gate asks by `LIGHTSOUT_REPORT_DIR`. Each test process then keeps its record in a file that it has mapped: what happened before
//! an abort, a SIGKILL or `exit` is there. The files are sparse, lie in memory where there is room (`LIGHTSOUT_RECORD_DIR`), else in the
//! folder for reports, and the gate removes them when it has read them. The gate's runner links lightsout too, and leaves none:
//! `LIGHTSOUT_RECORDER` is set for it alone. `LIGHTSOUT_ASK_FOR_CHANNELS` asks for channels of every kind, too, and `LIGHTSOUT_VTABLES` names
//! the list by which it is seen how tasks are shut down.
//! Before `main` each process plants five tasks; a binary in whose record they are not found as what they are is told, and the gate
//! does not pass.
//!
//! # With and without `tokio_unstable`
//!
//! Everything builds and runs on stable Rust without flags. On Linux with glibc, x86-64 and aarch64, tasks are seen by their allocations
//! (see [`Recorder`]); what a runtime tells of them by itself depends on one flag:
//!
//! | seen | without | with `RUSTFLAGS="--cfg tokio_unstable"` |
//! | --- | --- | --- |
//! | how many tasks leak | yes | yes |
//! | where they were spawned | by allocation | yes |
//! | how old they are, how often they were polled | no | yes |
//! | where they await (Linux, x86-64 and aarch64) | no | yes |
//! | tasks of a `LocalSet`, and of runtimes that the body builds itself | by allocation | by allocation |
//! | where a blocking closure was spawned | by allocation | by allocation |
//! | who waits for whom, and what is stuck | by allocation | by allocation |
//! | what a task runs; open channels, what they carry, who made them | by allocation | by allocation |
//! | blocked threads (Linux: also those that the test started) | yes | yes |
//! | panics, hangs | yes | yes |
//!
//! The source by allocation is tried out on planted tasks at its first use in a process. Each report says what it could not see.
//!
//! # Limitations
//!
//! - A thread of the runtime that is blocked is told with the places of all blocking closures that are left: nothing tells which of them
//!   it runs. So are threads that the test started, also through a runtime of its own: with all places at which such a thread, still running
//!   or with its handle kept, was started; by `std::thread` only, and with debug information.
//! - Channels are known by the type in their allocation, which debug information tells (line tables do). Without it they are known by the
//!   function that made them, and locks not at all. One that lives in another allocation than its own `Arc` or `Box` is not seen.
//! - A panic is seen by a panic hook. One that is set later without calling the one before it ([`std::panic::take_hook`]) blinds the
//!   rest of the process.
//! - A panic that a task catches and raises again with [`std::panic::resume_unwind`] runs no hook and is not seen.
//! - Threads of a run are marked by blocking some of the real-time signals 41 to 64 on them, which threads inherit.
//! - In optimised builds inlining may hide the place of an await, and the path of the function that spawned (`spawned_in`), unless it
//!   spawns an async block of its own; without line tables
//!   (`debug = "line-tables-only"`) places are functions' names, and a panic that a task catches itself may be told as one.
//! - A thread that a library keeps for the whole process, a pool above all, belongs to the first test that made it start; an
//!   [`Allow::thread`] rule names it.
//! - On a paused clock a leaked task that waits for another thread or process is not waited for in real time; nothing that is only
//!   in virtual time can be.
//! - A blocked body cannot be interrupted: its thread is left behind until the test process ends.
//! - The body is built and run on another thread than the test function: thread-locals of the test thread are not seen by it.
//! - Delays: `Notify` takes no part in cooperative budgets, so its waiters are not delayed; nor are leaves of other crates, and what is
//!   under `unconstrained`. Only the first tokio operation of a poll is. A `Mutex` or `Semaphore` is taken before it says that it is
//!   not, so a delayed `lock().await` holds the lock (tokio#8371).
//! - A replay tells who was polled around the disturbances, and what is awaited only where the run hangs or leaks: a task dump polls tasks
//!   itself, and would be a disturbance of its own.
//! - How far back a delayed task goes is the runtime's `event_interval`: at tokio's own 61 it waits until the queue is empty, at 1 for one
//!   round, which makes some orders need two delays and lets others need one. No search tries both: a second test can, by
//!   [`Runtime::event_interval`]. Nor is `global_queue_interval` searched.
//! - In a program that is never quiet, signals are placed up to boundary 250 behind the last one; the report says so.
//! - Without `--cfg tokio_unstable` a search knows the polls of the body only, and cannot seed `select!`.
//! - A search on several threads is stress, and its report says so: no run is the same twice.
//! - On a paused clock a program that waits for another process seems to wait for ever.
//! - How an ordinary test's task is shut down is seen where the gate runs the test binary, and finds the vtables of its tasks by names of functions
//!   and relocations. Elsewhere a task that was cancelled and whose handle outlives its runtime may have been aborted: it is named as not
//!   judged if its handle is never dropped, and is not told otherwise; and one that was aborted is told with the others if its handle is kept
//!   by a task that leaks.
//! - What a task of a runtime in a static spawns belongs to the test that built the runtime. Up to Rust 1.92 a thread that an
//!   ordinary test starts is known as the test's only if the test had spawned a task, or built a runtime, before.
//! - Ordinary tests are looked at on Linux with glibc, x86-64 and aarch64. A process that is forked off is not.
//! - `std::process::exit` in a body ends the test process, and no report is written.
//!
//! # Debugging a finding
//!
//! - With the feature `console` and `--cfg tokio_unstable`, `LIGHTSOUT_CONSOLE=1` lets
//!   [tokio-console](https://docs.rs/tokio-console) attach to a test that hangs, or that has left something: it then stays as it is for an hour,
//!   or until Ctrl-C. Run that test alone: `TOKIO_CONSOLE_BIND` says where the process listens, `127.0.0.1:6669` unless set.
//! - The last line of a report is the command that runs the test again.
//! - [`census`] says inside a body what is alive at that point.
//! - A leak that comes and goes depends on order: a task that is told to stop, and not waited for, may or may not end within the
//!   grace. Await its `JoinHandle` where it is told to stop.
#![cfg_attr(loom, expect(dead_code, unused_imports, reason = "where models are built there are no runs"))]

mod allow;
mod bell;
mod body;
mod census;
mod check;
pub mod convention;
mod disturb;
mod error;
mod explore;
mod finding;
mod graph;
mod judge;
mod ledger;
mod lock;
#[cfg(feature = "proptest")]
pub mod machine;
pub mod model;
mod order;
#[doc(hidden)]
pub mod private;
mod probe;
mod recorder;
#[doc(hidden)]
pub mod records;
pub mod report;
mod run;
mod runtime;
mod seen;
mod settings;
mod settle;
mod source;
mod system;
mod verdict;

pub use lightsout_macros::{model, test};
#[doc(inline)]
pub use lightsout_sync as sync;

pub use allow::{Allow, Unreasoned};
pub use census::{Census, LiveTask, State, allow, census, channel_kind};
pub use check::Check;
pub use disturb::plan::Plan;
pub use disturb::signal::{self, Signal};
pub use error::Error;
#[cfg(feature = "proptest")]
pub use explore::random::plans;
pub use finding::{
    Allowed, Coverage, Ending, Enforced, Evidence, FORMAT_VERSION, Finding, Kind, Report, Searched, Site, Unseen, Work,
};
pub use graph::data::{EdgeKind, Expected, NodeKind, Outlook, Place, WaitEdge, WaitGraph, WaitNode};
pub use ledger::channel::{ChannelKind, LiveChannel};
pub use probe::{Closable, Ticket};
pub use runtime::Runtime;
pub use settings::Channels;
pub use source::allocation::Recorder;
pub use verdict::Verdict;
