//! What the runs of a search came to so far.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use super::Question;
use super::player::Attempt;
use super::sweep::{Extent, Sweep};
use crate::disturb::inject::Played;
use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;
use crate::finding::{Allowed, Coverage, Ending, Evidence, Finding, Kind, Searched, Site};
use crate::judge::Outcome;
use crate::report::steps::Steps;
use crate::report::words;
use crate::settings::{Misfit, StartUp};
use crate::source::hooks::HOOKED;

/// After so many failing plans a search has enough.
const ENOUGH: u64 = 100;

/// What is wrong, by what makes it one thing: the kind and the places, or what the body said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Finding(Kind, Vec<Site>),
    Body(String),
}

/// Faults that were not known before.
#[derive(Debug)]
pub(super) struct News(BTreeSet<Fault>);

impl News {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether all of them are in an outcome.
    pub(super) fn are_in(&self, outcome: &Outcome) -> bool {
        self.0.is_subset(&faults(outcome))
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |fault: &Fault| match fault {
            Fault::Finding(kind, sites) => match sites.first() {
                Some(site) => format!("{kind} at {site}"),
                None => kind.to_string(),
            },
            Fault::Body(message) => message.lines().next().unwrap_or_default().to_owned(),
        };
        f.write_str(&self.0.iter().map(text).collect::<Vec<_>>().join(", "))
    }
}

fn faults(outcome: &Outcome) -> BTreeSet<Fault> {
    let found = outcome.findings.iter().map(|finding| Fault::Finding(finding.kind, finding.sites.clone()));
    let body = match &outcome.ending {
        Ending::Passed | Ending::Unfinished => None,
        Ending::Failed(message) | Ending::Panicked(message) => Some(Fault::Body(message.clone())),
    };
    found.chain(body).collect()
}

/// What is known so far.
#[derive(Debug)]
pub(super) struct Log {
    began: Instant,
    /// How the body ended in the first plan in which it did not pass, and that plan.
    ending: Ending,
    ended_by: Option<Plan>,
    /// Each with how many plans showed it.
    findings: Vec<(Finding, u64)>,
    known: BTreeSet<Fault>,
    allowed: Vec<Allowed>,
    /// Of the first run that was judged; `None` before that.
    coverage: Option<Coverage>,
    /// Signals for which nothing listens, as the first run showed.
    deaf_to: Vec<Signal>,
    /// How many plans failed.
    failed: u64,
    runs: u64,
    raised: u64,
    pub(super) extent: Extent,
    /// The first boundary at which the program listens; `None` if it does not, and without signals.
    pub(super) listens_from: Option<u32>,
    /// Whether the handlers are older than the search, so that nobody knows when the program begins to listen.
    pub(super) was_listened: bool,
    /// The boundary at which a signal came by itself since the program is never quiet; `None` if it is.
    restless_at: Option<u32>,
    /// Whether a signal made a difference to any run.
    pub(super) heard: bool,
    /// Plans whose signals came before the program listened.
    pub(super) unheard: u64,
    /// Plans that are kept from earlier and were tried.
    pub(super) kept: u64,
    /// Plans that are kept from earlier and have other signals.
    pub(super) unfit: u64,
    /// Where two runs of one plan parted; `None` if none did.
    pub(super) parted: Option<String>,
    /// The search ended at a plan that did not come back.
    is_cut: bool,
    /// The one plan that was asked for, with how many of its disturbances could not be placed; `None` in a sweep.
    replayed: Option<(Plan, u32)>,
    is_stress: bool,
    /// What plans are drawn with; `None` in a sweep.
    drawn_with: Option<u64>,
    /// Whether Ctrl-C ended the search.
    pub(super) is_interrupted: bool,
    /// Who was polled around the disturbances of a replay.
    steps: Steps,
    misfit: Misfit,
}

impl Log {
    pub(super) fn new(question: &Question) -> Self {
        Self {
            began: Instant::now(),
            ending: Ending::Passed,
            ended_by: None,
            findings: Vec::new(),
            known: BTreeSet::new(),
            allowed: Vec::new(),
            coverage: None,
            deaf_to: Vec::new(),
            failed: 0,
            runs: 0,
            raised: 0,
            extent: Extent { done: 0, total: 1, is_counted: false },
            listens_from: None,
            was_listened: false,
            restless_at: None,
            heard: false,
            unheard: 0,
            kept: 0,
            unfit: 0,
            parted: None,
            is_cut: false,
            replayed: None,
            is_stress: question.settings.runtime.has_workers(),
            drawn_with: None,
            is_interrupted: false,
            steps: Steps::default(),
            misfit: question.settings.search.misfit,
        }
    }

    /// Counts a run, and takes in what it was judged to be, apart from what is wrong.
    pub(super) fn ran(&mut self, attempt: &Attempt) {
        self.runs += 1;
        self.raised += u64::from(attempt.played.raised);
        if let Some(outcome) = &attempt.outcome {
            self.judged(outcome);
        }
    }

    fn judged(&mut self, outcome: &Outcome) {
        self.coverage.get_or_insert_with(|| outcome.coverage.clone());
        for allowed in &outcome.allowed {
            let is_same = |known: &&mut Allowed| (&known.rule, &known.reason) == (&allowed.rule, &allowed.reason);
            match self.allowed.iter_mut().find(is_same) {
                Some(known) => known.count += allowed.count,
                None => self.allowed.push(allowed.clone()),
            }
        }
    }

    /// Says what a signal would do to a task that lives before the program listens, if that is not to be.
    pub(super) fn start_up(&mut self, question: &Question, played: &Played) {
        let Some((boundary, site)) = played.early.as_ref().filter(|_| played.listens_from.is_some()) else { return };
        let search = &question.settings.search;
        let (StartUp::Denied, Some(signal)) = (search.start_up, search.signals.first()) else { return };
        let summary = words::dies_in_start_up(*signal, *boundary);
        self.dies(Finding {
            sites: vec![site.clone()],
            plan: Some(Plan::new().signal(*signal, *boundary)),
            ..question.finding(Kind::Died, summary, words::next_of_start_up())
        });
    }

    /// Says that a signal would have ended the program, for which nothing listens. What the run came to without it is told too, but that
    /// it went on waiting.
    pub(super) fn killed(&mut self, question: &Question, attempt: Attempt, (boundary, signal): (u32, Signal)) {
        let Attempt { played, outcome } = attempt;
        let plan = Plan::new().signal(signal, boundary).seed(question.settings.search.seed);
        let mut evidence = Vec::new();
        if let Some(mut outcome) = outcome {
            let waits = |finding: &&mut Finding| finding.kind == Kind::Hang;
            evidence.extend(outcome.findings.iter_mut().find(waits).map(|hang| std::mem::take(&mut hang.evidence)));
            outcome.findings.retain(|finding| finding.kind != Kind::Hang);
            self.add(&plan, *outcome);
        }
        let summary = words::killed_by(signal, boundary);
        let is_late = !played.deaf_to.contains(&signal);
        let next = if is_late { words::next_of_start_up() } else { words::next_of_nobody_listens() };
        self.dies(Finding {
            evidence: evidence.into_iter().flatten().collect(),
            plan: Some(plan),
            ..question.finding(Kind::Died, summary, next)
        });
    }

    fn dies(&mut self, finding: Finding) {
        self.known.insert(Fault::Finding(finding.kind, finding.sites.clone()));
        self.findings.push((finding, 1));
    }

    /// Takes in how the undisturbed run went.
    pub(super) fn begun(&mut self, played: &Played) {
        self.listens_from = played.listens_from;
        self.was_listened = played.was_listened;
        self.deaf_to.clone_from(&played.deaf_to);
    }

    /// Takes in how far the sweep has come with this run.
    pub(super) fn extends(&mut self, sweep: &Sweep, played: &Played) {
        self.extent = sweep.extent();
        self.restless_at = self.restless_at.or(played.quiet_at.filter(|_| played.is_restless));
    }

    pub(super) fn replayed(&mut self, plan: &Plan, played: &Played) {
        self.listens_from = played.listens_from;
        self.extent = Extent { done: 1, total: 1, is_counted: true };
        self.replayed = Some((plan.clone(), played.missed + played.refused));
        let delays = plan.delays().map(|at| (at, words::delays_next()));
        let done: Vec<(u32, String)> =
            played.sent.iter().map(|(at, signal)| (*at, signal.to_string())).chain(delays).collect();
        self.steps = Steps::of(played, &done);
    }

    /// Begins to take in plans that are drawn.
    #[cfg(feature = "proptest")]
    pub(super) fn draws(&mut self, seed: u64, plans: u32) {
        self.drawn_with = Some(seed);
        self.extent = Extent { done: 0, total: plans.into(), is_counted: true };
    }

    pub(super) fn count_of_findings(&self) -> usize {
        self.findings.len()
    }

    /// Returns the first boundary at which a signal can be heard: never the one before the first poll where nobody knows better.
    pub(super) fn first(&self) -> u32 {
        if self.was_listened { 1 } else { self.listens_from.unwrap_or(0) }
    }

    /// Returns what an outcome has that was not known.
    pub(super) fn news(&self, outcome: &Outcome) -> News {
        News(faults(outcome).difference(&self.known).cloned().collect())
    }

    /// Counts a plan that failed as others did.
    pub(super) fn count(&mut self, outcome: &Outcome) {
        self.failed += 1;
        for found in &outcome.findings {
            let same = self.findings.iter_mut().find(|(known, _)| is_same(known, found));
            same.into_iter().for_each(|(_, plans)| *plans += 1);
        }
    }

    /// Writes down what a plan has shown.
    pub(super) fn add(&mut self, plan: &Plan, outcome: Outcome) {
        self.count(&outcome);
        self.known.extend(faults(&outcome));
        if self.ending == Ending::Passed && outcome.ending != Ending::Passed {
            // What did not finish is a finding, which has its plan.
            self.ended_by = (outcome.ending != Ending::Unfinished).then(|| plan.clone());
            self.ending = outcome.ending;
        }
        for mut finding in outcome.findings {
            if !self.findings.iter().any(|(known, _)| is_same(known, &finding)) {
                finding.plan = Some(plan.clone());
                self.findings.push((finding, 1));
            }
        }
    }

    /// Says of findings that a second run of the same plan did not show them.
    pub(super) fn never_again(&mut self, news: &News) {
        for (finding, _) in &mut self.findings {
            if news.0.contains(&Fault::Finding(finding.kind, finding.sites.clone())) {
                finding.evidence.push(Evidence { about: "again".to_owned(), seen: words::never_again() });
            }
        }
    }

    /// Writes down the plan at which the search ended since it did not come back.
    pub(super) fn stuck(&mut self, plan: Plan, outcome: Outcome) {
        self.is_cut = true;
        self.judged(&outcome);
        self.add(&plan, outcome);
    }

    /// Returns whether further plans would only say the same.
    pub(super) fn has_enough(&self) -> bool {
        self.failed >= ENOUGH
    }

    /// Returns what the search came to.
    pub(super) fn outcome(mut self, question: &Question) -> Outcome {
        let vacuous = self.vacuous(question);
        let searched = self.searched(question);
        let mut coverage = self.coverage.take().unwrap_or_default();
        coverage.runs = self.runs;
        coverage.unseen.extend((!HOOKED).then(words::unseen_boundaries));
        coverage.unseen.extend((!HOOKED).then(words::unseen_seeds));
        coverage.searched = Some(searched);
        let told = |(mut finding, plans): (Finding, u64)| {
            if plans > 1 {
                finding.evidence.push(Evidence { about: "plans".to_owned(), seen: words::shown_by(plans) });
            }
            finding
        };
        let mut findings: Vec<Finding> = self.findings.into_iter().map(told).chain(vacuous).collect();
        findings.sort_by(|a, b| (a.kind, &a.sites, &a.summary).cmp(&(b.kind, &b.sites, &b.summary)));
        Outcome {
            ending: self.ending,
            plan: self.ended_by,
            hang: None,
            findings,
            notes: Vec::new(),
            allowed: self.allowed,
            coverage,
            took: self.began.elapsed(),
        }
    }

    fn searched(&self, question: &Question) -> Searched {
        Searched {
            done: self.extent.done,
            total: self.extent.total,
            is_counted: self.extent.is_counted,
            raised: self.raised,
            listens_from: self
                .listens_from
                .filter(|_| !self.was_listened && !question.settings.search.signals.is_empty()),
            restless_at: self.restless_at,
            unheard: self.unheard,
            kept: self.kept,
            unfit: self.unfit,
            parted: self.parted.clone(),
            is_stress: self.is_stress,
            is_replay: self.replayed.is_some(),
            drawn_with: self.drawn_with,
            is_interrupted: self.is_interrupted,
            steps: self.steps.clone(),
        }
    }

    /// Returns the finding that nothing was searched, if so.
    fn vacuous(&self, question: &Question) -> Option<Finding> {
        let (summary, next) = match &self.replayed {
            Some((plan, missed)) if *missed > 0 && self.misfit == Misfit::Vacuous && self.findings.is_empty() => {
                (words::plan_missed(plan, *missed), words::next_of_missed())
            }
            Some(_) => return None,
            None => self.unheard_signals(question)?,
        };
        Some(question.finding(Kind::Vacuous, summary, next))
    }

    /// Says that signals were to be searched and reached nobody.
    fn unheard_signals(&self, question: &Question) -> Option<(String, String)> {
        let signals = &question.settings.search.signals;
        if signals.is_empty() || !self.findings.is_empty() || self.ending != Ending::Passed {
            return None;
        }
        match self.listens_from {
            None => Some((words::nobody_listens(&self.deaf_to), words::next_of_nobody_listens())),
            Some(_) if self.raised == 0 => Some((words::nothing_raised(), words::next_of_nothing_raised())),
            Some(_) if !self.heard && self.extent.done > 1 => {
                Some((words::nobody_hears(signals), words::next_of_nobody_listens()))
            }
            Some(_) => None,
        }
    }
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    (one.kind, &one.sites) == (other.kind, &other.sites)
}
