//! The search through the orders of a model, as a value.

use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::actor::Model;
use super::engine::{self, Body, Bounds, End, Searched, Stop};
use super::fault::Fault;
use crate::error::Error;
use crate::finding::{Coverage, Evidence, Finding, Kind, Report, Site};
use crate::judge::Outcome;
use crate::report::file::Draft;
use crate::report::words;
use crate::settings;
use crate::sync::steps::Steps;

/// Tries every order of a model's steps: what [`#[lightsout::model]`](macro@crate::model) does, as a value.
///
/// Without `--cfg loom` it ends with an error.
#[derive(Clone, Debug)]
#[must_use = "a check looks at nothing until it is run"]
pub struct Check {
    name: String,
    package: Option<String>,
    place: Site,
    bounds: Bounds,
}

impl Check {
    /// Makes a check with this name, which its report carries.
    #[track_caller]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            package: settings::package(),
            place: Site::of(Location::caller()),
            bounds: Bounds { preemptions: 3, iterations: 5_000_000, time: Duration::from_secs(60), steps: 1_000 },
        }
    }

    pub(crate) fn of_package(self, package: Option<&str>) -> Self {
        Self { package: package.map(str::to_owned).or(self.package), ..self }
    }

    /// Sets how often an actor may be interrupted in the middle of its steps, in one order; three times unless set. Most faults need one or
    /// two (Musuvathi and Qadeer, PLDI 2007).
    pub fn preemptions(mut self, count: usize) -> Self {
        self.bounds.preemptions = count;
        self
    }

    /// Sets how many orders may be tried; 5,000,000 unless set. A search that needs more is `vacuous`.
    pub fn iterations(mut self, count: u64) -> Self {
        self.bounds.iterations = count;
        self
    }

    /// Sets how long the search may take; 60 s unless set. A search that needs longer is `vacuous`.
    pub fn time(mut self, time: Duration) -> Self {
        self.bounds.time = time;
        self
    }

    /// Sets how many choices one order may have; 1,000 unless set. A model with more is `vacuous`.
    pub fn steps(mut self, count: usize) -> Self {
        self.bounds.steps = count;
        self
    }

    /// Tries every order of the model, and returns what was found. The model is made anew for each.
    ///
    /// # Panics
    ///
    /// Where [`try_run`](Self::try_run) returns an error.
    #[track_caller]
    pub fn run(self, model: impl Fn(&Model) + Send + Sync + 'static) -> Report {
        self.try_run(model).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Tries every order of the model, and returns what was found.
    ///
    /// # Errors
    ///
    /// Without `--cfg loom`, and if the report cannot be written.
    pub fn try_run(self, model: impl Fn(&Model) + Send + Sync + 'static) -> Result<Report, Error> {
        let draft = self.draft()?;
        let report = self.look(model)?;
        draft.finish(&report)?;
        Ok(report)
    }

    /// Begins the report that [`look`](Self::look) returns, for a gate.
    pub(crate) fn draft(&self) -> Result<Draft, Error> {
        Draft::begin(&self.name, self.package.as_deref())
    }

    /// Tries every order of the model, and returns what was found, without writing it anywhere.
    pub(crate) fn look(self, model: impl Fn(&Model) + Send + Sync + 'static) -> Result<Report, Error> {
        let (began, body): (_, Body) = (Instant::now(), Arc::new(model));
        let searched = engine::search(&self.bounds, &body, None)?;
        let findings = match searched.end {
            End::Found(..) => self.counterexample(&searched, &body)?,
            End::Stopped(stop) => vec![self.vacuous(words::search_stopped(stop, searched.iterations))],
            End::Complete => self.nothing_tried(&searched).map(|summary| self.vacuous(summary)).into_iter().collect(),
        };
        let unseen = vec![words::unseen_preemptions(self.bounds.preemptions)];
        let coverage = Coverage { runs: searched.iterations, exact: true, unseen, ..Coverage::default() };
        let outcome = Outcome::of_model(findings, coverage, began.elapsed());
        let again =
            |report: &Report| words::model_again(report.package(), report.binary(), report.case(), report.test());
        let mut report = outcome.into_report(self.name, self.package);
        report.again = again(&report);
        Ok(report)
    }

    /// Returns why a search that found nothing has tried nothing.
    fn nothing_tried(&self, searched: &Searched) -> Option<String> {
        match searched {
            Searched { iterations: 0, .. } => Some(words::no_order()),
            Searched { actors: 0, .. } => Some(words::no_actor()),
            Searched { closes: 0, .. } => Some(words::nothing_closed()),
            _ => None,
        }
    }

    fn vacuous(&self, summary: String) -> Finding {
        let next = words::next_of_vacuous_model();
        self.finding(Fault { kind: Kind::Vacuous, summary, sites: vec![self.place.clone()] }, next, Vec::new())
    }

    /// Returns the findings of the simplest order that shows a fault: one of those with the fewest preemptions.
    fn counterexample(&self, found: &Searched, body: &Body) -> Result<Vec<Finding>, Error> {
        let mut simplest = (self.bounds.clone(), found.iterations);
        for preemptions in 0..self.bounds.preemptions {
            let bounds = Bounds { preemptions, ..self.bounds.clone() };
            let searched = engine::search(&bounds, body, None)?;
            if let End::Found(..) = searched.end {
                simplest = (bounds, searched.iterations);
                break;
            }
        }
        // The same search takes the same orders, so the fault comes at the same number, now with its steps.
        let (bounds, number) = simplest;
        match engine::search(&bounds, body, Some(number))?.end {
            End::Found(faults, steps) => Ok(self.findings(faults, &steps)),
            End::Complete | End::Stopped(_) => Ok(vec![self.vacuous(words::not_the_same_twice())]),
        }
    }

    fn findings(&self, faults: Vec<Fault>, steps: &Steps) -> Vec<Finding> {
        let told = told(steps);
        faults.into_iter().map(|fault| self.finding(fault, words::next_of_model(), told.clone())).collect()
    }

    fn finding(&self, fault: Fault, next: String, evidence: Vec<Evidence>) -> Finding {
        let Fault { kind, summary, sites } = fault;
        Finding {
            kind,
            test: self.name.clone(),
            summary,
            count: 1,
            sites,
            evidence,
            next,
            rule: None,
            plan: None,
            waits: None,
        }
    }
}

/// Returns the steps as evidence, numbered; of very many the last ones.
fn told(steps: &Steps) -> Vec<Evidence> {
    const TOLD: usize = 60;
    let skipped = steps.made.len().saturating_sub(TOLD);
    let numbered = steps.made.iter().enumerate().skip(skipped);
    let made = numbered.map(|(at, step)| Evidence { about: format!("step {}", at + 1), seen: words::step(step) });
    let stuck = steps.waiting.iter().map(|step| Evidence { about: "stuck".to_owned(), seen: words::step(step) });
    made.chain(stuck).collect()
}

impl Stop {
    /// Returns the bound by its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Iterations => "iterations",
            Self::Time => "time",
            Self::Steps => "steps",
            Self::Actors => "actors",
            Self::Fault => "fault",
        }
    }
}
