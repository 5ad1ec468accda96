//! How the runtime of a run is built.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, RuntimeMetrics};

use crate::disturb::inject::Injector;
use crate::error::Error;
use crate::ledger::{Ledger, Staging};
use crate::source::hooks::{self, Hooks};
use crate::source::tracing;

type Callback = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flavor {
    #[default]
    CurrentThread,
    MultiThread,
    Local,
}

/// What a runtime can wait for beside its own tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Drivers {
    /// Everything; but a rehearsal has timers only.
    #[default]
    AsNeeded,
    All,
    /// Timers, and neither sockets nor signals.
    TimeOnly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Running,
    Paused,
}

/// The recipe of a run's runtime: everything enabled, `current_thread`, a running clock, unless told otherwise.
///
/// It mirrors [`tokio::runtime::Builder`], which cannot be handed in itself: that has one callback an event, the last one set
/// wins, and nothing can read what is set. Here every callback is kept, and called after lightsout's own.
///
/// ```
/// use lightsout::{Check, Runtime};
///
/// let runtime = Runtime::multi_thread().worker_threads(2).on_thread_start(|| println!("a thread starts"));
/// Check::new("chained").runtime(runtime).run(|| async {}).assert_clean();
/// ```
#[derive(Clone, Default)]
#[must_use = "a recipe builds nothing until it is given to `Check::runtime`"]
pub struct Runtime {
    flavor: Flavor,
    /// `None` unless set: a search has a paused clock then, and anything else a running one.
    time: Option<Time>,
    /// `None`: tokio's own choice, as for each of the following.
    worker_threads: Option<usize>,
    max_blocking_threads: Option<usize>,
    thread_name: Option<String>,
    thread_stack_size: Option<usize>,
    thread_keep_alive: Option<Duration>,
    event_interval: Option<u32>,
    global_queue_interval: Option<u32>,
    drivers: Drivers,
    start: Vec<Callback>,
    stop: Vec<Callback>,
    park: Vec<Callback>,
    unpark: Vec<Callback>,
    hooks: Hooks,
}

impl Runtime {
    /// Runs everything on the body's thread.
    pub fn current_thread() -> Self {
        Self::default()
    }

    /// Runs tasks on worker threads, by default one a processor.
    pub fn multi_thread() -> Self {
        Self { flavor: Flavor::MultiThread, ..Self::default() }
    }

    /// Runs everything on the body's thread, where `tokio::task::spawn_local` works without a `LocalSet`. Needs
    /// `--cfg tokio_unstable`: without it the check ends with an error.
    pub fn local() -> Self {
        Self { flavor: Flavor::Local, ..Self::default() }
    }

    pub(crate) fn flavored_like(self, other: &Self) -> Self {
        Self { flavor: other.flavor, ..self }
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.time == Some(Time::Paused)
    }

    /// Returns the recipe with a paused clock, unless it says something else or cannot have one.
    pub(crate) fn paused_unless_set(mut self) -> Self {
        if self.flavor != Flavor::MultiThread {
            self.time.get_or_insert(Time::Paused);
        }
        self
    }

    pub(crate) fn has_workers(&self) -> bool {
        self.flavor == Flavor::MultiThread
    }

    /// Sets how many worker threads a `multi_thread` runtime has.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.worker_threads = Some(count);
        self
    }

    /// Starts with a paused clock, which jumps to the next timer whenever nothing else can happen. Not for `multi_thread`.
    pub fn start_paused(mut self, paused: bool) -> Self {
        self.time = Some(if paused { Time::Paused } else { Time::Running });
        self
    }

    /// Sets how many threads may run blocking closures at once.
    pub fn max_blocking_threads(mut self, count: usize) -> Self {
        self.max_blocking_threads = Some(count);
        self
    }

    /// Sets the name of the runtime's threads.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = Some(name.into());
        self
    }

    /// Sets the stack size of the runtime's threads, in bytes.
    pub fn thread_stack_size(mut self, bytes: usize) -> Self {
        self.thread_stack_size = Some(bytes);
        self
    }

    /// Sets how long an idle thread of the blocking pool lives.
    pub fn thread_keep_alive(mut self, keep: Duration) -> Self {
        self.thread_keep_alive = Some(keep);
        self
    }

    /// Sets after how many polls the runtime looks for I/O and timers.
    pub fn event_interval(mut self, polls: u32) -> Self {
        self.event_interval = Some(polls);
        self
    }

    /// Sets after how many polls the runtime looks into its global queue.
    pub fn global_queue_interval(mut self, polls: u32) -> Self {
        self.global_queue_interval = Some(polls);
        self
    }

    /// Leaves out the driver of sockets, processes and signals, as `Builder::enable_time` alone does: a body that uses one of them
    /// panics, or gets an error. Building such a runtime takes less than a microsecond where the other takes some, and a jump of a
    /// paused clock costs no system call. A search does so by itself where it can: see [`with_io`](Self::with_io). A search with signals
    /// needs the driver.
    pub fn without_io(mut self) -> Self {
        self.drivers = Drivers::TimeOnly;
        self
    }

    /// Keeps the driver of sockets, processes and signals in every run of a search. Otherwise a search without signals, on a paused
    /// clock, leaves it out if the undisturbed run goes the same way without it; a run in which something is found, or panics, is then
    /// made once more with it, and only that one counts.
    pub fn with_io(mut self) -> Self {
        self.drivers = Drivers::All;
        self
    }

    pub(crate) fn hears_signals(&self) -> bool {
        self.drivers != Drivers::TimeOnly
    }

    /// Returns whether runs of this recipe may be rehearsed: where a panic can be caught, and no real time decides what comes first.
    pub(crate) fn can_be_rehearsed(&self) -> bool {
        cfg!(panic = "unwind") && self.drivers == Drivers::AsNeeded && self.is_paused()
    }

    /// Calls `f` on each thread of the runtime when it starts.
    pub fn on_thread_start(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.start.push(Arc::new(f));
        self
    }

    /// Calls `f` on each thread of the runtime before it ends.
    pub fn on_thread_stop(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.stop.push(Arc::new(f));
        self
    }

    /// Calls `f` before a thread of the runtime goes to sleep.
    pub fn on_thread_park(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.park.push(Arc::new(f));
        self
    }

    /// Calls `f` when a thread of the runtime wakes up.
    pub fn on_thread_unpark(mut self, f: impl Fn() + Send + Sync + 'static) -> Self {
        self.unpark.push(Arc::new(f));
        self
    }

    /// Returns how many workers a runtime of this recipe with these counters has; 0 where tasks run on the body's thread.
    pub(crate) fn workers(&self, metrics: &RuntimeMetrics) -> usize {
        if self.flavor == Flavor::MultiThread { metrics.num_workers() } else { 0 }
    }

    /// Builds the runtime with its hooks chained to the ledger; `disturbed` has the seed and the boundaries of a run
    /// that is.
    pub(crate) fn build(&self, ledger: &Arc<Ledger>, disturbed: Option<(u64, &Arc<Injector>)>) -> Result<Built, Error> {
        let mut builder = match self.flavor {
            Flavor::CurrentThread | Flavor::Local => Builder::new_current_thread(),
            Flavor::MultiThread => Builder::new_multi_thread(),
        };
        match (self.drivers, ledger.staging()) {
            (Drivers::TimeOnly, _) | (Drivers::AsNeeded, Staging::Rehearsal) => builder.enable_time(),
            (Drivers::AsNeeded | Drivers::All, _) => builder.enable_all(),
        };
        builder.start_paused(self.is_paused());
        self.tune(&mut builder);
        self.chain_thread_callbacks(&mut builder, ledger);
        let injector = disturbed.map(|(_, injector)| injector);
        hooks::attach(&mut builder, ledger, &self.hooks, self.has_workers(), injector);
        if let Some((seed, _)) = disturbed {
            hooks::seed(&mut builder, seed);
        }
        match self.flavor {
            Flavor::CurrentThread | Flavor::MultiThread => Ok(Built::Shared(builder.build().map_err(Error::runtime)?)),
            Flavor::Local => local::build(&mut builder),
        }
    }

    fn tune(&self, builder: &mut Builder) {
        if let (Flavor::MultiThread, Some(count)) = (self.flavor, self.worker_threads) {
            builder.worker_threads(count);
        }
        self.max_blocking_threads.map(|count| builder.max_blocking_threads(count));
        self.thread_name.clone().map(|name| builder.thread_name(name));
        self.thread_stack_size.map(|bytes| builder.thread_stack_size(bytes));
        self.thread_keep_alive.map(|keep| builder.thread_keep_alive(keep));
        self.event_interval.map(|polls| builder.event_interval(polls));
        self.global_queue_interval.map(|polls| builder.global_queue_interval(polls));
    }

    /// tokio has none of these callbacks where models are built, and there is no run then.
    #[cfg(loom)]
    fn chain_thread_callbacks(&self, _: &mut Builder, _: &Arc<Ledger>) {}

    #[cfg(not(loom))]
    fn chain_thread_callbacks(&self, builder: &mut Builder, ledger: &Arc<Ledger>) {
        let [start, stop, park, unpark] = [(); 4].map(|()| ledger.clone());
        let ours = move || {
            start.adopt_thread();
            tracing::adopt_thread(&start);
            start.threads.begin();
        };
        builder.on_thread_start(chain(ours, &self.start));
        builder.on_thread_stop(chain(move || stop.threads.end(), &self.stop));
        builder.on_thread_park(chain(move || park.falls_asleep(), &self.park));
        builder.on_thread_unpark(chain(move || unpark.wakes_up(), &self.unpark));
    }
}

#[cfg(tokio_unstable)]
mod unstable {
    use super::{Arc, Runtime};
    use tokio::runtime::TaskMeta;

    /// The hooks that tokio has under `--cfg tokio_unstable`.
    impl Runtime {
        /// Calls `f` for each task that is spawned.
        pub fn on_task_spawn(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Self {
            self.hooks.spawn.push(Arc::new(f));
            self
        }

        /// Calls `f` before each poll of a task.
        pub fn on_before_task_poll(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Self {
            self.hooks.before_poll.push(Arc::new(f));
            self
        }

        /// Calls `f` after each poll of a task.
        pub fn on_after_task_poll(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Self {
            self.hooks.after_poll.push(Arc::new(f));
            self
        }

        /// Calls `f` for each task that ends.
        pub fn on_task_terminate(mut self, f: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Self {
            self.hooks.terminate.push(Arc::new(f));
            self
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("flavor", &self.flavor).field("time", &self.time).finish_non_exhaustive()
    }
}

/// Returns a callback that does ours and then all of the user's.
fn chain(ours: impl Fn() + Send + Sync + 'static, users: &[Callback]) -> impl Fn() + Send + Sync + 'static {
    let users: Box<[Callback]> = users.into();
    move || {
        ours();
        for user in &users {
            user();
        }
    }
}

/// A runtime that was built.
#[derive(Debug)]
pub(crate) enum Built {
    Shared(tokio::runtime::Runtime),
    #[cfg(tokio_unstable)]
    Local(tokio::runtime::LocalRuntime),
}

impl Built {
    pub(crate) fn handle(&self) -> &Handle {
        match self {
            Self::Shared(runtime) => runtime.handle(),
            #[cfg(tokio_unstable)]
            Self::Local(runtime) => runtime.handle(),
        }
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        match self {
            Self::Shared(runtime) => runtime.block_on(future),
            #[cfg(tokio_unstable)]
            Self::Local(runtime) => runtime.block_on(future),
        }
    }

    /// Stops the runtime; threads that still run after `patience` of real time are left to themselves.
    pub(crate) fn stop(self, patience: Duration) {
        match self {
            Self::Shared(runtime) => runtime.shutdown_timeout(patience),
            #[cfg(tokio_unstable)]
            Self::Local(runtime) => runtime.shutdown_timeout(patience),
        }
    }
}

#[cfg(tokio_unstable)]
mod local {
    use super::{Builder, Built, Error};
    use tokio::runtime::LocalOptions;

    pub(super) fn build(builder: &mut Builder) -> Result<Built, Error> {
        builder.build_local(LocalOptions::default()).map(Built::Local).map_err(Error::runtime)
    }
}

#[cfg(not(tokio_unstable))]
mod local {
    use super::{Builder, Built, Error};

    pub(super) fn build(_: &mut Builder) -> Result<Built, Error> {
        Err(Error::unsupported("the flavor `local`", "it needs `RUSTFLAGS=\"--cfg tokio_unstable\"`"))
    }
}
