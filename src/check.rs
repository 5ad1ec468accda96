//! The verb and its settings.

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allow::{Allow, Rules};
use crate::body::Body;
use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;
use crate::error::Error;
use crate::explore::{self, Question, regressions};
use crate::finding::{Report, Site};
use crate::ledger::channel::ChannelKind;
use crate::recorder;
use crate::report::file::Draft;
use crate::runtime::Runtime;
use crate::settings::{self, Allocations, Channels, Graph, Misfit, Notes, Runner, Settings, StartUp};
use crate::source::{allocation, names};
use crate::system::stack;
use crate::verdict::Verdict;

/// Checks that a body, run on a runtime of its own, leaves nothing behind: what [`#[lightsout::test]`](crate::test) does, as a
/// value.
///
/// ```
/// use lightsout::{Check, Kind};
///
/// let report = Check::new("ticker").start_paused(true).run(|| async {
///     tokio::spawn(async {
///         loop {
///             tokio::time::sleep(std::time::Duration::from_secs(1)).await;
///         }
///     });
/// });
/// assert_eq!(report.findings()[0].kind(), Kind::LeakedTask);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check looks at nothing until it is run"]
pub struct Check {
    name: String,
    package: Option<String>,
    place: Site,
    settings: Settings,
}

impl Check {
    /// Makes a check with this name, which its report carries.
    #[track_caller]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            package: settings::package(),
            place: Site::of(Location::caller()),
            settings: Settings::default(),
        }
    }

    pub(crate) fn of_package(self, package: Option<&str>) -> Self {
        Self { package: package.map(str::to_owned).or(self.package), ..self }
    }

    /// Sets how long the body may take, in real time also where the runtime's clock is paused; 60 s unless set. The environment
    /// variable `LIGHTSOUT_DEADLINE` wins over it.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Sets how long what the body left may take to end; 500 ms unless set. For tasks it is time on the runtime's clock, virtual
    /// where that is paused; for threads it is real time. The environment variable `LIGHTSOUT_GRACE` wins over it.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// Allows something to outlive the body, or to panic in it.
    pub fn allow(mut self, rule: Allow) -> Self {
        self.settings.allow.push(rule);
        self
    }

    /// Sets whether tasks and channels are looked for among the allocations, which costs about a tenth of a microsecond for each that may be
    /// one; they are unless set. Without it, channels, tasks of a `LocalSet` and of runtimes that the body builds are not seen, nor where blocking closures were
    /// spawned; without `--cfg tokio_unstable` tasks are then only counted.
    pub fn allocations(mut self, recorded: bool) -> Self {
        self.settings.allocations = if recorded { Allocations::Recorded } else { Allocations::Ignored };
        self
    }

    /// Sets whether it is told of leaked tasks [who should have woken them](crate#who-should-have-woken-it); it is not unless set. From the first
    /// check on that asks for it, every allocation of the process costs some tens of nanoseconds more. The environment variable
    /// `LIGHTSOUT_WAIT_GRAPH` sets it too.
    pub fn wait_graph(mut self, told: bool) -> Self {
        self.settings.graph = if told { Graph::Asked } else { Graph::Unasked };
        self
    }

    /// Sets what a channel means that is still open when everything else of the test has ended; a note in the report unless set.
    pub fn channels(mut self, channels: Channels) -> Self {
        self.settings.channels = channels;
        self
    }

    /// Adds a kind of channel to those that are looked for.
    pub fn channel_kind(mut self, kind: ChannelKind) -> Self {
        self.settings.kinds.push(kind);
        self
    }

    /// States in what order things end, by the names of [`Closable`](crate::Closable)s and of components that tell of their end by
    /// [tracing](crate::convention): `"listener < connections < database"`, and after a comma a further chain. Every thing of a name must have
    /// ended before the first one of a later name does; else that is an `out-of-order` finding. Several orders hold together.
    ///
    /// A name that nothing in the body has is `vacuous`.
    pub fn order(mut self, order: impl Into<String>) -> Self {
        self.settings.order.rule(order.into());
        self
    }

    /// Says which names there are, so that a slip in an [order](Self::order) is an error before the body runs.
    pub fn components<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        names.into_iter().for_each(|name| self.settings.order.component(name.into()));
        self
    }

    /// Leaves notes out of the report of a test that passes, unless somebody reads its file.
    pub(crate) fn without_unread_notes(mut self) -> Self {
        if settings::report_dir().is_none() {
            self.settings.notes = Notes::ReadOfFailures;
        }
        self
    }

    /// Sends these signals, in this order, and searches the moments at which they may come: every boundary, and every ordered choice of
    /// boundaries. So the body is run many times, each time on a fresh runtime, with a paused clock unless
    /// [`start_paused`](Self::start_paused) says otherwise.
    ///
    /// Signals that a plan does not place come once the program is quiet for 10 s of its clock (in real time 200 ms), or has been polled
    /// 250 times since the last: so the body may run until it is signalled, or end by itself. A signal reaches every listener
    /// of the process, so tests that search side by side need a process each.
    ///
    /// ```
    /// # #[cfg(all(unix, tokio_unstable))] {
    /// use lightsout::{Check, Signal};
    /// use tokio::signal::unix::{SignalKind, signal};
    ///
    /// let report = Check::new("server").signals([Signal::Term]).run(|| async {
    ///     let mut term = signal(SignalKind::terminate()).unwrap();
    ///     let server = tokio::spawn(tokio::time::sleep(std::time::Duration::from_secs(3_600)));
    ///     term.recv().await;
    ///     server.abort();
    /// });
    /// report.assert_clean();
    /// assert!(report.coverage().searched().unwrap().is_exhaustive());
    /// # }
    /// ```
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.settings.search.signals = signals.into_iter().collect();
        self
    }

    /// Searches the orders of tasks with up to so many delays in a run; none unless set. A task is delayed at one of its polls by using
    /// up its cooperative budget: see the limits in the [guide](crate#limitations).
    pub fn delays(mut self, most: u32) -> Self {
        self.settings.search.delays = most;
        self
    }

    /// Tries so many seeds of the runtime's random choices, such as the branch order of `select!`; one unless set. The first one is 0,
    /// or what the environment variable `LIGHTSOUT_SEED` says. Needs `--cfg tokio_unstable`.
    pub fn seeds(mut self, count: u32) -> Self {
        self.settings.search.seeds = count;
        self
    }

    /// Sets how many plans a search may run; 5,000 unless set. A search that is cut short says how far it came. The environment variable
    /// `LIGHTSOUT_RUNS` wins over it.
    pub fn runs(mut self, most: u64) -> Self {
        self.settings.search.runs = most;
        self
    }

    /// Runs the body under this plan only. Its signals must be the first ones of [`signals`](Self::signals); where none are set, they
    /// are all that come. The environment variable `LIGHTSOUT_REPLAY` does the same for a check that searches.
    pub fn plan(mut self, plan: Plan) -> Self {
        if self.settings.search.signals.is_empty() {
            self.settings.search.signals = plan.signals().map(|(_, signal)| signal).collect();
        }
        self.settings.search.plan = Some(plan);
        self
    }

    /// Runs the body under a plan that was drawn at random, as with the strategy `plans` of the feature `proptest`: as
    /// [`plan`](Self::plan), but a disturbance whose boundary does not come is no finding.
    pub fn drawn_plan(mut self, plan: Plan) -> Self {
        self.settings.search.misfit = Misfit::Fine;
        self.plan(plan)
    }

    /// Draws so many plans at random instead of trying all of them in order, for shapes that are too large. The seed is told in the report;
    /// the environment variable `LIGHTSOUT_SEED` draws the same plans again. Needs the feature `proptest`.
    pub fn explore(mut self, plans: u32) -> Self {
        self.settings.search.draws = plans;
        self
    }

    /// Keeps plans that fail in this folder, in a file by the name of the check, and tries them first the next time. The attribute
    /// does so in `lightsout-regressions` beside the package's manifest.
    pub fn regressions(mut self, folder: impl Into<PathBuf>) -> Self {
        self.settings.search.regressions = Some(folder.into());
        self
    }

    /// Sets what it means that a task lives before the program listens for its signals: a signal would end the program at once then, and
    /// so is not raised. It is told unless set; `true` makes it a finding. A task is seen only with `--cfg tokio_unstable`, and only
    /// where the process had no handlers before, as in the children that the attribute uses.
    pub fn deny_start_up(mut self, deny: bool) -> Self {
        self.settings.search.start_up = if deny { StartUp::Denied } else { StartUp::Told };
        self
    }

    /// Says that a test runner can run this check by its name.
    pub(crate) fn of_test_runner(mut self) -> Self {
        self.settings.search.runner = Runner::Tests;
        self
    }

    /// Keeps failing plans beside a package's manifest.
    pub(crate) fn kept_beside(self, manifest: Option<&str>) -> Self {
        match manifest {
            Some(manifest) => self.regressions(Path::new(manifest).join(regressions::FOLDER)),
            None => self,
        }
    }

    /// Sets how the runtime is built.
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.settings.runtime = runtime;
        self
    }

    /// Runs everything on the body's thread; this is so unless another flavor is set.
    pub fn current_thread(mut self) -> Self {
        self.settings.runtime = self.settings.runtime.flavored_like(&Runtime::current_thread());
        self
    }

    /// Runs tasks on worker threads.
    pub fn multi_thread(mut self) -> Self {
        self.settings.runtime = self.settings.runtime.flavored_like(&Runtime::multi_thread());
        self
    }

    /// Runs on a `LocalRuntime`, where `spawn_local` works without a `LocalSet`. Needs `--cfg tokio_unstable`.
    pub fn local(mut self) -> Self {
        self.settings.runtime = self.settings.runtime.flavored_like(&Runtime::local());
        self
    }

    /// Sets how many worker threads a `multi_thread` runtime has; one a processor unless set.
    pub fn worker_threads(mut self, count: usize) -> Self {
        self.settings.runtime = self.settings.runtime.worker_threads(count);
        self
    }

    /// Starts with a paused clock, which jumps to the next timer whenever nothing else can happen.
    pub fn start_paused(mut self, paused: bool) -> Self {
        self.settings.runtime = self.settings.runtime.start_paused(paused);
        self
    }

    /// Runs the body, built anew for every run, and returns what was found. A report is written to the folder that the environment
    /// variable `LIGHTSOUT_REPORT_DIR` names, if it is set.
    ///
    /// # Panics
    ///
    /// Where [`try_run`](Self::try_run) returns an error.
    #[track_caller]
    pub fn run<B, F>(self, body: B) -> Report
    where
        B: Fn() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Verdict,
    {
        self.try_run(body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs the body, built anew for every run, and returns what was found.
    ///
    /// # Errors
    ///
    /// If the check could not be made: a variable of the environment, an order or a rule's pattern is malformed, the runtime or its thread
    /// cannot be had, or the report cannot be written.
    pub fn try_run<B, F>(self, body: B) -> Result<Report, Error>
    where
        B: Fn() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Verdict,
    {
        self.report(Body::new(body))
    }

    fn report(self, body: Body) -> Result<Report, Error> {
        let draft = self.draft()?;
        let report = self.look(body)?;
        draft.finish(&report)?;
        Ok(report)
    }

    /// Begins the file of the report, if there is to be one.
    pub(crate) fn draft(&self) -> Result<Draft, Error> {
        Draft::begin(&self.name, self.package.as_deref())
    }

    /// Runs the body and returns what was found, without writing it anywhere.
    pub(crate) fn look(self, body: Body) -> Result<Report, Error> {
        let mut settings = self.settings.with_environment()?;
        if settings.search.is_asked_for() && settings.channels == Channels::Note {
            // Names for notes would make each of thousands of runs slow.
            settings.channels = Channels::Ignore;
        }
        if settings.graph == Graph::Asked {
            recorder::write_whole();
            // What the last report left on this stack names memory that this run may get.
            stack::clear_below();
        }
        check_rules(&settings)?;
        if !settings.search.signals.is_empty() && !settings.runtime.hears_signals() {
            return Err(Error::unsupported(
                "a search with signals on a runtime `without_io`",
                "leave `without_io` out",
            ));
        }
        settings.order.check()?;
        Rules::new(settings.allow.clone())?;
        let question = Question { name: self.name, place: self.place, settings };
        let outcome = if question.settings.search.is_asked_for() {
            explore::search(&question, body)?
        } else {
            explore::once(&question, body)?
        };
        Ok(outcome.into_report(question.name, self.package))
    }
}

/// Returns an error for a rule that this check cannot look at: it would silently allow nothing.
fn check_rules(settings: &Settings) -> Result<(), Error> {
    for rule in &settings.allow {
        let unseen = |why: &'static str| Error::unsupported(format!("the rule `{rule}`"), why);
        if rule.asks_for_names() && !names::AVAILABLE {
            let why = "task names need the feature `tracing` of lightsout and `RUSTFLAGS=\"--cfg tokio_unstable\"`";
            return Err(unseen(why));
        }
        if rule.asks_for_functions() {
            allocation::prepare(settings.allocations).map_err(unseen)?;
        }
    }
    Ok(())
}
