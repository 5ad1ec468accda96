//! Who plays plans: this process, or children of it.

use serde::{Deserialize, Serialize};

use super::Question;
use crate::body::Body;
use crate::disturb::inject::{Played, Tracing, Voice};
use crate::disturb::plan::Plan;
use crate::error::Error;
use crate::judge::Outcome;
use crate::ledger::Staging;
use crate::run::{Script, Stage};

/// What one plan came to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) played: Played,
    /// `None` where there was nothing to judge.
    pub(crate) outcome: Option<Box<Outcome>>,
}

impl Attempt {
    pub(crate) fn has_failed(&self) -> bool {
        self.outcome.as_deref().is_some_and(Outcome::has_failed)
    }
}

/// Plays plans.
pub(crate) trait Player {
    /// How many plans are best asked for at once.
    const BLOCK: usize;

    /// Plays one.
    ///
    /// # Errors
    ///
    /// If the run cannot be made.
    fn play(&mut self, script: &Script) -> Result<Attempt, Error>;

    /// Plays several, and returns what they came to in their order.
    ///
    /// # Errors
    ///
    /// If a run cannot be made.
    fn play_all(&mut self, plans: &[Plan]) -> Result<Vec<Attempt>, Error>;

    /// Returns whether the signals of a plan that hangs reached nobody, since the program did not listen yet.
    ///
    /// # Errors
    ///
    /// If a run cannot be made.
    fn is_unheard(&mut self, plan: &Plan, played: &Played) -> Result<bool, Error>;
}

/// Plays plans in this process.
pub(crate) struct Inside<'a> {
    question: &'a Question,
    stage: &'a mut Stage,
    body: &'a Body,
    /// Whether a run was judged, as the first one always is: for what it says about what cannot be seen.
    has_judged: bool,
    rehearsals: Rehearsals,
}

/// Whether runs are rehearsed: made without the driver of sockets and signals first, and only that way where nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rehearsals {
    /// The first run is to be made both ways.
    Untried,
    Fit,
    Unfit,
}

impl<'a> Inside<'a> {
    pub(crate) fn new(question: &'a Question, stage: &'a mut Stage, body: &'a Body) -> Self {
        let settings = &question.settings;
        let may_rehearse = settings.search.signals.is_empty() && settings.runtime.can_be_rehearsed();
        let rehearsals = if may_rehearse { Rehearsals::Untried } else { Rehearsals::Unfit };
        Self { question, stage, body, has_judged: false, rehearsals }
    }

    /// Makes a run, and says whether it went without a failure and without a panic.
    fn stage(&mut self, script: &Script, staging: Staging) -> Result<(Attempt, bool), Error> {
        let (mut seen, ledger) = self.stage.run(Some(script), staging, self.body)?;
        let played = seen.played.take().expect("lightsout bug: a run with a script has played it");
        let is_judged_at_a_look =
            seen.is_unremarkable() && ledger.is_untold() && self.question.settings.order.is_empty();
        let outcome = if is_judged_at_a_look && std::mem::replace(&mut self.has_judged, true) {
            None
        } else {
            Some(self.question.judge(seen, &ledger)?.into())
        };
        let attempt = Attempt { played, outcome };
        let went_well = !attempt.has_failed() && !ledger.has_panicked();
        Ok((attempt, went_well))
    }
}

impl Player for Inside<'_> {
    const BLOCK: usize = 1;

    fn play(&mut self, script: &Script) -> Result<Attempt, Error> {
        if self.rehearsals == Rehearsals::Fit && script.tracing == Tracing::Off {
            let (attempt, went_well) = self.stage(script, Staging::Rehearsal)?;
            if went_well {
                return Ok(attempt);
            }
        }
        let (attempt, went_well) = self.stage(script, Staging::Full)?;
        if self.rehearsals == Rehearsals::Untried {
            let is_fit = went_well && {
                let (rehearsed, went_well) = self.stage(script, Staging::Rehearsal)?;
                went_well && rehearsed.played.went_like(&attempt.played)
            };
            self.rehearsals = if is_fit { Rehearsals::Fit } else { Rehearsals::Unfit };
        }
        Ok(attempt)
    }

    fn play_all(&mut self, plans: &[Plan]) -> Result<Vec<Attempt>, Error> {
        plans.iter().map(|plan| self.play(&Script::of(plan.clone()))).collect()
    }

    /// In a process whose handlers are older than the run, a signal that came too early makes no difference.
    fn is_unheard(&mut self, plan: &Plan, played: &Played) -> Result<bool, Error> {
        let silent = self.play(&Script { voice: Voice::Mute, ..Script::of(plan.clone()) })?;
        Ok(silent.played.went_like(played))
    }
}
