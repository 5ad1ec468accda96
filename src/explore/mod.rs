//! Which plans are run: one that was asked for, or every plan of a shape in its order; and what they came to together.

mod guard;
mod log;
pub(crate) mod regressions;
pub(crate) mod shape;
mod shrink;
mod sweep;

use std::sync::{Arc, Mutex};

use crate::allow::Rules;
use crate::disturb::inject::{Played, Tracing, Voice};
use crate::disturb::plan::Plan;
use crate::error::Error;
use crate::finding::{Ending, Site};
use crate::judge::{self, Outcome};
use crate::ledger::Ledger;
use crate::lock::lock;
use crate::run::{self, Curtain, Script, Stage, Verdict};
use crate::seen::{Hang, Seen};
use crate::settings::Settings;

use log::Log;
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
}

/// Runs the body once and undisturbed.
///
/// # Errors
///
/// If the run cannot be made.
pub(crate) fn once<B, F>(question: &Question, body: B) -> Result<Outcome, Error>
where
    B: Fn() -> F + Send + 'static,
    F: Future,
    F::Output: Verdict,
{
    let play = move |stage: &mut Stage| stage.run(None, &body);
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
pub(crate) fn search<B, F>(question: &Question, body: B) -> Result<Outcome, Error>
where
    B: Fn() -> F + Send + 'static,
    F: Future,
    F::Output: Verdict,
{
    let question = Arc::new(question.clone());
    let log = Arc::new(Mutex::new(Log::new(&question)));
    let play = {
        let (question, log) = (question.clone(), log.clone());
        move |stage: &mut Stage| Search { question: &question, log: &log, stage, body: &body, silent: None }.all()
    };
    match run::on_stage(&question.name, &question.settings, play)? {
        Curtain::Fell(result) => result?,
        Curtain::Stuck(script, run) => {
            let (seen, ledger) = *run;
            let outcome = question.judge(seen, &ledger)?;
            let plan = script.map(|script| script.plan).unwrap_or_default();
            lock(&log).stuck(plan, outcome);
        }
    }
    let log = std::mem::replace(&mut *lock(&log), Log::new(&question));
    Ok(log.outcome(&question))
}

/// A search that goes on.
struct Search<'a, B> {
    question: &'a Question,
    log: &'a Mutex<Log>,
    stage: &'a mut Stage,
    body: &'a B,
    /// How the run goes that no signal reaches; `None` before that was asked.
    silent: Option<Played>,
}

/// What one plan came to.
struct Attempt {
    played: Played,
    /// `None` where there was nothing to judge.
    outcome: Option<Outcome>,
}

impl Attempt {
    fn has_failed(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::has_failed)
    }
}

impl<B, F> Search<'_, B>
where
    B: Fn() -> F,
    F: Future,
    F::Output: Verdict,
{
    fn all(mut self) -> Result<(), Error> {
        self.stage.count_threads();
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
        let attempt = self.attempt(plan)?;
        let mut log = lock(self.log);
        log.replayed(plan, &attempt.played);
        if let Some(outcome) = attempt.outcome {
            log.add(plan, outcome);
        }
        Ok(())
    }

    /// Runs every plan in its order.
    fn sweep(&mut self) -> Result<(), Error> {
        let search = &self.question.settings.search;
        let root = search.shape(0).root();
        let first = self.attempt(&root)?;
        lock(self.log).begun(&first.played);
        // Where even the undisturbed body fails, every plan would say the same.
        if first.has_failed() || (!search.signals.is_empty() && first.played.listens_from.is_none()) {
            return self.examine(&root, first, IsSmallest::Yes);
        }
        let shape = search.shape(lock(self.log).first());
        self.kept_plans(&shape)?;
        let mut sweep = Sweep::new(shape, search.runs);
        let _ = sweep.next();
        self.take_in(&mut sweep, &root, first)?;
        while let Some(plan) = sweep.next() {
            if lock(self.log).has_enough() {
                break;
            }
            let attempt = self.attempt(&plan)?;
            self.take_in(&mut sweep, &plan, attempt)?;
        }
        Ok(())
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
        lock(self.log).add(&plan, outcome);
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
        let silent = self.mute(plan)?;
        Ok(silent.went_like(played))
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
        let (mut seen, ledger) = self.stage.run(Some(script), self.body)?;
        let played = seen.played.take().expect("lightsout bug: a run with a script has played it");
        let is_first = lock(self.log).ran(&played);
        if seen.is_unremarkable() && !is_first {
            return Ok(Attempt { played, outcome: None });
        }
        let outcome = self.question.judge(seen, &ledger)?;
        lock(self.log).judged(&outcome);
        Ok(Attempt { played, outcome: Some(outcome) })
    }
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
