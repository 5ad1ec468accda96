//! The verb and its settings.

use std::panic::Location;
use std::time::Duration;

use crate::allow::{Allow, Rules};
use crate::error::Error;
use crate::finding::{Report, Site};
use crate::judge;
use crate::ledger::channel::ChannelKind;
use crate::lock::lock;
use crate::report;
use crate::run::{self, Verdict};
use crate::runtime::Runtime;
use crate::settings::{self, Allocations, Channels, Notes, Settings};
use crate::source::names;

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
        F: Future,
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
        F: Future,
        F::Output: Verdict,
    {
        let report = self.look(body)?;
        report::file::write_if_asked(&report)?;
        Ok(report)
    }

    /// Runs the body and returns what was found, without writing it anywhere.
    pub(crate) fn look<B, F>(self, body: B) -> Result<Report, Error>
    where
        B: Fn() -> F + Send + 'static,
        F: Future,
        F::Output: Verdict,
    {
        let settings = self.settings.with_environment()?;
        names::check_rules(&settings.allow)?;
        settings.order.check()?;
        let rules = Rules::new(settings.allow.clone())?;
        let (seen, ledger) = run::run(&self.name, &settings, body)?;
        let rules = rules.and(std::mem::take(&mut *lock(&ledger.granted)))?;
        let outcome = judge::judge(&self.name, &self.place, &settings, &ledger, seen, rules);
        Ok(outcome.into_report(self.name, self.package))
    }
}
