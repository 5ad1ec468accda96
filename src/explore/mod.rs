//! Which plans are run: one that was asked for, or every plan of a shape in its order; and what they came to together.

#[cfg(unix)]
mod child;
mod guard;
#[cfg(unix)]
pub(crate) mod interrupt;
#[cfg(unix)]
mod isolate;
mod log;
mod player;
mod progress;
#[cfg(feature = "proptest")]
pub(crate) mod random;
pub(crate) mod regressions;
pub(crate) mod shape;
mod shrink;
mod sweep;
#[cfg(unix)]
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use crate::allow::Rules;
use crate::body::Body;
use crate::disturb::inject::{Played, Tracing, Voice};
use crate::disturb::plan::Plan;
use crate::error::Error;
use crate::finding::{Ending, Finding, Kind, Site};
use crate::judge::{self, Outcome};
use crate::ledger::{Ledger, Staging};
use crate::lock::lock;
use crate::run::{self, Curtain, Script, Stage};
use crate::seen::{Hang, Seen};
use crate::settings::{self, Home, Settings};

use log::Log;
use player::{Attempt, Inside, Player};
use progress::Progress;
use shape::Shape;
use sweep::Sweep;

/// A check: what it is called, where it stands and what it is told.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) place: Site,
    pub(crate) settings: Settings,
}

impl Question {
    /// Judges one run.
    fn judge(&self, seen: Seen, ledger: &Ledger) -> Result<Outcome, Error> {
        let granted = std::mem::take(&mut *lock(&ledger.granted));
        let rules = Rules::new(self.settings.allow.clone())?.and(granted)?;
        Ok(judge::judge(&self.name, &self.place, &self.settings, ledger, seen, rules))
    }

    /// Returns a finding about the test as a whole.
    fn finding(&self, kind: Kind, summary: String, next: String) -> Finding {
        Finding {
            kind,
            test: self.name.clone(),
            summary,
            count: 1,
            sites: vec![self.place.clone()],
            evidence: Vec::new(),
            next,
            rule: None,
            waits: None,
            plan: None,
        }
    }
}

/// Runs the body once and undisturbed.
///
/// # Errors
///
/// If the run cannot be made.
pub(crate) fn once(question: &Question, body: Body) -> Result<Outcome, Error> {
    let play = move |stage: &mut Stage| stage.run(None, Staging::Full, &body);
    let (seen, ledger) = match run::on_stage(&question.name, &question.settings, play)? {
        Curtain::Fell(run) => run?,
        Curtain::Stuck(_, run) => *run,
    };
    question.judge(seen, &ledger)
}

/// Runs the body under many plans, or under the one that is asked for.
///
/// # Errors
///
/// If a run cannot be made, or the plan that is asked for is none for this check.
pub(crate) fn search(question: &Question, body: Body) -> Result<Outcome, Error> {
    match settings::home(&question.settings.search, &question.name) {
        Home::Here => here(question, body),
        #[cfg(unix)]
        Home::Apart => {
            let listening = interrupt::Listening::begin();
            let log = Mutex::new(Log::new(question));
            Search { question, log: &log, player: isolate::Isolated::new(question), silent: None }.all()?;
            listening.until_told();
            let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(log.outcome(question))
        }
        #[cfg(unix)]
        Home::ChildOf(socket) => child::serve(question, &socket, body).map(|never| match never {}),
    }
}

/// Ends the process after a search of this thread that Ctrl-C has ended, with what it found.
pub(crate) fn leave_if_interrupted(report: impl FnOnce() -> String) {
    #[cfg(unix)]
    interrupt::leave(report);
    #[cfg(not(unix))]
    let _ = report;
}

/// Searches in this process.
fn here(question: &Question, body: Body) -> Result<Outcome, Error> {
    let question = Arc::new(question.clone());
    let log = Arc::new(Mutex::new(Log::new(&question)));
    let play = {
        let (question, log) = (question.clone(), log.clone());
        move |stage: &mut Stage| {
            stage.count_threads();
            let player = Inside::new(&question, stage, &body);
            Search { question: &question, log: &log, player, silent: None }.all()
        }
    };
    match run::on_stage(&question.name, &question.settings, play)? {
        Curtain::Fell(result) => result?,
        Curtain::Stuck(script, run) => {
            let (seen, ledger) = *run;
            let plan = script.map(|script| script.plan).unwrap_or_default();
            if ledger.staging() == Staging::Rehearsal && ledger.has_panicked() {
                return Err(Error::stuck_in_rehearsal(&plan));
            }
            let outcome = question.judge(seen, &ledger)?;
            lock(&log).stuck(plan, outcome);
        }
    }
    let log = std::mem::replace(&mut *lock(&log), Log::new(&question));
    Ok(log.outcome(&question))
}

/// A search that goes on.
struct Search<'a, P> {
    question: &'a Question,
    log: &'a Mutex<Log>,
    player: P,
    /// How the run goes that no signal reaches; `None` before that was asked.
    silent: Option<Played>,
}

impl<P: Player> Search<'_, P> {
    fn all(mut self) -> Result<(), Error> {
        match &self.question.settings.search.plan {
            Some(plan) => self.replay(plan),
            None => self.sweep(),
        }
    }

    /// Runs the one plan that is asked for.
    fn replay(&mut self, plan: &Plan) -> Result<(), Error> {
        let shape = self.question.settings.search.shape(0);
        if !shape.fits(plan) {
            return Err(Error::unfit(plan, &shape.signals));
        }
        let attempt = self.attempt_script(&Script { tracing: Tracing::On, ..Script::of(plan.clone()) })?;
        let mut log = lock(self.log);
        log.replayed(plan, &attempt.played);
        log.start_up(self.question, &attempt.played);
        match attempt {
            Attempt { played: Played { deadly: Some(signal), .. }, .. } => log.killed(self.question, attempt, signal),
            Attempt { outcome: Some(outcome), .. } => log.add(plan, *outcome),
            Attempt { outcome: None, .. } => {}
        }
        Ok(())
    }

    /// Runs every plan in its order.
    fn sweep(&mut self) -> Result<(), Error> {
        let search = &self.question.settings.search;
        let root = search.shape(0).root();
        let first = self.attempt(&root)?;
        lock(self.log).begun(&first.played);
        lock(self.log).start_up(self.question, &first.played);
        if let Some(signal) = first.played.deadly {
            lock(self.log).killed(self.question, first, signal);
            return Ok(());
        }
        // Where even the undisturbed body fails, every plan would say the same.
        if first.has_failed() || (!search.signals.is_empty() && first.played.listens_from.is_none()) {
            return self.examine(&root, first, IsSmallest::Yes);
        }
        let shape = search.shape(lock(self.log).first());
        self.kept_plans(&shape)?;
        if search.draws > 0 {
            return self.draw(&shape, &root, first);
        }
        let mut sweep = Sweep::new(shape, search.runs);
        let _ = sweep.next();
        self.take_in(&mut sweep, &root, first)?;
        let mut progress = Progress::begin();
        while !self.is_over() {
            let plans: Vec<Plan> = std::iter::from_fn(|| sweep.next()).take(P::BLOCK).collect();
            if plans.is_empty() {
                break;
            }
            let attempts = self.player.play_all(&plans)?;
            for (plan, attempt) in plans.iter().zip(attempts) {
                lock(self.log).ran(&attempt);
                self.take_in(&mut sweep, plan, attempt)?;
                progress.show(&self.question.name, sweep.extent(), lock(self.log).count_of_findings());
            }
        }
        Ok(())
    }

    /// Returns whether the search ends before all plans have run.
    fn is_over(&self) -> bool {
        let mut log = lock(self.log);
        #[cfg(unix)]
        if interrupt::is_asked() {
            log.is_interrupted = true;
        }
        log.has_enough() || log.is_interrupted
    }

    /// Runs plans that are drawn at random.
    #[cfg(feature = "proptest")]
    fn draw(&mut self, shape: &Shape, root: &Plan, first: Attempt) -> Result<(), Error> {
        let search = &self.question.settings.search;
        let seed = search.draw_seed.unwrap_or_else(fresh_seed);
        let places = if shape.signals.is_empty() { first.played.polls } else { first.played.boundaries };
        let mut plans = random::draw(shape, seed, places).take(search.draws as usize);
        lock(self.log).draws(seed, search.draws);
        self.hear(root, &first.played)?;
        let mut progress = Progress::begin();
        while !self.is_over() {
            let block: Vec<Plan> = plans.by_ref().take(P::BLOCK).collect();
            if block.is_empty() {
                break;
            }
            let attempts = self.player.play_all(&block)?;
            for (plan, attempt) in block.iter().zip(attempts) {
                lock(self.log).ran(&attempt);
                self.take_in_drawn(plan, attempt)?;
                let log = lock(self.log);
                progress.show(&self.question.name, log.extent, log.count_of_findings());
            }
        }
        Ok(())
    }

    /// Takes in how a plan went that was drawn.
    #[cfg(feature = "proptest")]
    fn take_in_drawn(&mut self, plan: &Plan, attempt: Attempt) -> Result<(), Error> {
        let done = {
            let mut log = lock(self.log);
            log.extent.done += 1;
            log.extent.done
        };
        if attempt.has_failed() {
            return self.examine(plan, attempt, IsSmallest::No);
        }
        self.hear(plan, &attempt.played)?;
        if done.is_power_of_two() { self.repeat(plan, &attempt.played) } else { Ok(()) }
    }

    #[cfg(not(feature = "proptest"))]
    fn draw(&mut self, _: &Shape, _: &Plan, _: Attempt) -> Result<(), Error> {
        Err(Error::unsupported("`explore`", "plans are drawn with the feature `proptest` of lightsout"))
    }

    /// Runs the plans that failed in an earlier search.
    fn kept_plans(&mut self, shape: &Shape) -> Result<(), Error> {
        let search = &self.question.settings.search;
        for plan in regressions::read(search.regressions.as_deref(), &self.question.name)? {
            if !shape.fits(&plan) {
                lock(self.log).unfit += 1;
                continue;
            }
            let attempt = self.attempt(&plan)?;
            lock(self.log).kept += 1;
            if attempt.has_failed() {
                self.examine(&plan, attempt, IsSmallest::No)?;
            }
        }
        Ok(())
    }

    /// Takes in how a plan of the sweep went.
    fn take_in(&mut self, sweep: &mut Sweep, plan: &Plan, attempt: Attempt) -> Result<(), Error> {
        sweep.ran(plan, &attempt.played, attempt.has_failed());
        let extent = {
            let mut log = lock(self.log);
            log.extends(sweep, &attempt.played);
            log.extent
        };
        if attempt.has_failed() {
            let smallest = if sweep.is_ordered() { IsSmallest::Yes } else { IsSmallest::No };
            return self.examine(plan, attempt, smallest);
        }
        self.hear(plan, &attempt.played)?;
        // Ever fewer of those that pass are run twice.
        if extent.done.is_power_of_two() { self.repeat(plan, &attempt.played) } else { Ok(()) }
    }

    /// Writes down whether a signal made a difference, until one has.
    fn hear(&mut self, plan: &Plan, played: &Played) -> Result<(), Error> {
        let by_signals_only =
            plan.delays().next().is_none() && plan.chosen_seed() == self.question.settings.search.seed;
        if played.raised == 0 || !by_signals_only || lock(self.log).heard {
            return Ok(());
        }
        let silent = self.silent()?;
        lock(self.log).heard |= !silent.went_like(played);
        Ok(())
    }

    /// Returns how the undisturbed run goes that no signal reaches.
    fn silent(&mut self) -> Result<Played, Error> {
        if let Some(silent) = &self.silent {
            return Ok(silent.clone());
        }
        let root = self.question.settings.search.shape(0).root();
        let silent = self.mute(&root)?;
        Ok(self.silent.insert(silent).clone())
    }

    /// Returns how a plan goes when its signals are not raised.
    fn mute(&mut self, plan: &Plan) -> Result<Played, Error> {
        let script = Script { voice: Voice::Mute, ..Script::of(plan.clone()) };
        Ok(self.attempt_script(&script)?.played)
    }

    /// Looks closely at a plan that failed: whether it is what it seems, whether it does so again, and whether a smaller one does.
    fn examine(&mut self, plan: &Plan, attempt: Attempt, is_smallest: IsSmallest) -> Result<(), Error> {
        let Some(outcome) = attempt.outcome else { return Ok(()) };
        if self.is_unheard(plan, &attempt.played, &outcome)? {
            lock(self.log).unheard += 1;
            return Ok(());
        }
        let news = lock(self.log).news(&outcome);
        if news.is_empty() {
            lock(self.log).count(&outcome);
            return Ok(());
        }
        let mut plan = plan.clone();
        if is_smallest == IsSmallest::No {
            let first = lock(self.log).first();
            let still = |smaller: &Plan| {
                let attempt = self.attempt(smaller);
                attempt.is_ok_and(|attempt| attempt.outcome.is_some_and(|outcome| news.are_in(&outcome)))
            };
            plan = shrink::shrink(plan, first, still);
        }
        let again = self.attempt(&plan)?;
        let (outcome, shown) = match again.outcome {
            Some(again) if news.are_in(&again) => (again, true),
            _ => (outcome, false),
        };
        lock(self.log).add(&plan, *outcome);
        if !shown {
            lock(self.log).never_again(&news);
        }
        if is_smallest == IsSmallest::Yes && !attempt.played.went_like(&again.played) {
            self.part(&plan)?;
        }
        let search = &self.question.settings.search;
        regressions::keep(search.regressions.as_deref(), &self.question.name, &plan, &news.to_string())
    }

    /// Returns whether a hang came only of signals that reached nobody, in a process whose handlers are older than this run: in a
    /// fresh one the first of them would have ended the program, which is not a hang.
    fn is_unheard(&mut self, plan: &Plan, played: &Played, outcome: &Outcome) -> Result<bool, Error> {
        let shifted = plan.delays().next().is_some() || plan.chosen_seed() != self.question.settings.search.seed;
        let is_known = !lock(self.log).was_listened && !shifted;
        if plan.signals().next().is_none() || is_known || !matches!(outcome.hang, Some(Hang::Endless { .. })) {
            return Ok(false);
        }
        self.player.is_unheard(plan, played)
    }

    /// Runs a plan that passed once more.
    fn repeat(&mut self, plan: &Plan, played: &Played) -> Result<(), Error> {
        if lock(self.log).parted.is_some() {
            return Ok(());
        }
        let again = self.attempt(plan)?;
        if again.has_failed() {
            self.examine(plan, again, IsSmallest::Yes)?;
            return self.part(plan);
        }
        if again.played.went_like(played) { Ok(()) } else { self.part(plan) }
    }

    /// Finds out where two runs of a plan part.
    fn part(&mut self, plan: &Plan) -> Result<(), Error> {
        let script = Script { tracing: Tracing::On, ..Script::of(plan.clone()) };
        let (one, other) = (self.attempt_script(&script)?, self.attempt_script(&script)?);
        let parted = guard::parted(plan, &one.played.turns, &other.played.turns);
        lock(self.log).parted.get_or_insert(parted);
        Ok(())
    }

    fn attempt(&mut self, plan: &Plan) -> Result<Attempt, Error> {
        self.attempt_script(&Script::of(plan.clone()))
    }

    fn attempt_script(&mut self, script: &Script) -> Result<Attempt, Error> {
        let attempt = self.player.play(script)?;
        lock(self.log).ran(&attempt);
        Ok(attempt)
    }
}

/// Returns a seed that nobody has chosen.
#[cfg(feature = "proptest")]
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // A short one is copied more easily.
    RandomState::new().hash_one(std::process::id()) % 1_000_000_007
}

/// Whether no smaller plan can fail: all of them have run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IsSmallest {
    Yes,
    No,
}

impl Outcome {
    /// Returns whether something is wrong.
    pub(crate) fn has_failed(&self) -> bool {
        !self.findings.is_empty() || self.ending != Ending::Passed
    }
}
