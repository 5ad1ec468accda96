//! Every plan of a bounded shape, in order: undisturbed first, then with one disturbance, then with two, and so on.
//!
//! A plan with one more disturbance grows out of one that has run: only its run tells how many boundaries there are to go on from. A
//! disturbance is added behind those that are there, so each plan grows in one way only.

use super::shape::Shape;
use crate::disturb::inject::Played;
use crate::disturb::plan::{Disturbance, Plan, Step};

/// How many plans there are, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) done: u64,
    pub(crate) total: u64,
    /// Whether `total` is counted, and not extrapolated.
    pub(crate) is_counted: bool,
}

/// The plans in their order.
#[derive(Debug)]
pub(crate) struct Sweep {
    shape: Shape,
    /// Plans with so many disturbances are tried now.
    depth: u32,
    level: Level,
    /// How many plans of the level were handed out.
    handed: u64,
    /// How many plans of the level have run.
    ran: u64,
    /// In which steps the plans of the level are gone through.
    stride: u64,
    /// What the next level grows from.
    next: Vec<Stem>,
    /// How many plans the next level has, as far as it is known.
    grown: u64,
    /// All levels up to this one.
    known: u64,
    done: u64,
    /// How many plans may run.
    budget: u64,
}

/// A plan that has run, with the places where one more disturbance can be.
#[derive(Debug)]
struct Stem {
    plan: Plan,
    seeds: Vec<u64>,
    /// The next signal, and the boundaries where it can be: from, and up to but not with.
    signal: Option<(Disturbance, u32, u32)>,
    delay: Option<(u32, u32)>,
}

/// The plans with the same number of disturbances.
#[derive(Debug)]
enum Level {
    /// The plan without any.
    Root,
    /// Each stem with the number of plans up to and with it.
    Grown(Vec<(Stem, u64)>),
}

impl Sweep {
    /// Begins a sweep of at most `budget` plans.
    pub(crate) fn new(shape: Shape, budget: u64) -> Self {
        Self {
            shape,
            depth: 0,
            level: Level::Root,
            handed: 0,
            ran: 0,
            stride: 1,
            next: Vec::new(),
            grown: 0,
            known: 1,
            done: 0,
            // The undisturbed one runs in any case.
            budget: budget.max(1),
        }
    }

    /// Returns the next plan; `None` when there is none left, or none may run, or the ones handed out must have run first.
    pub(crate) fn next(&mut self) -> Option<Plan> {
        if self.done + (self.handed - self.ran) >= self.budget {
            return None;
        }
        if self.handed == self.level.size() && (self.ran < self.handed || !self.grow()) {
            return None;
        }
        let place = mul_mod(self.handed, self.stride, self.level.size());
        self.handed += 1;
        Some(self.level.plan(place, self.shape.base_seed))
    }

    /// Takes in how a plan went; what failed is not disturbed any further.
    pub(crate) fn ran(&mut self, plan: &Plan, played: &Played, has_failed: bool) {
        self.ran += 1;
        self.done += 1;
        if !has_failed && self.depth < self.shape.depth() {
            let stem = self.shape.stem(plan, played);
            self.grown += stem.size();
            self.next.push(stem);
        }
    }

    /// Returns whether the plans come in their order, so that the first one that fails is the smallest.
    pub(crate) fn is_ordered(&self) -> bool {
        self.stride == 1
    }

    /// Returns how many plans there are and how many have run.
    pub(crate) fn extent(&self) -> Extent {
        let is_whole = self.ran == self.level.size();
        let levels_below = self.shape.depth() - self.depth;
        if levels_below == 0 || is_whole && (levels_below == 1 || self.grown == 0) {
            return Extent { done: self.done, total: self.known + self.grown, is_counted: true };
        }
        // What grows from the rest of the level is taken to be like what grew so far; further down, an ordered choice of one more out of
        // about as many places.
        let mean = self.grown as f64 / self.ran.max(1) as f64;
        let (mut size, mut total) = (self.level.size() as f64, self.known as f64);
        for below in 1..=levels_below {
            size *= mean / f64::from(below);
            total += size;
        }
        Extent { done: self.done, total: total as u64, is_counted: false }
    }

    /// Goes on to the next level; returns whether there is one.
    fn grow(&mut self) -> bool {
        if self.depth == self.shape.depth() {
            return false;
        }
        let mut size = 0;
        let grown = std::mem::take(&mut self.next).into_iter().filter_map(|stem| {
            size += stem.size();
            (stem.size() > 0).then_some((stem, size))
        });
        self.level = Level::Grown(grown.collect());
        (self.handed, self.ran, self.grown) = (0, 0, 0);
        self.depth += 1;
        self.known += size;
        // A level that cannot be tried whole is tried evenly, and not at its beginning only.
        self.stride = if size <= self.budget.saturating_sub(self.done) { 1 } else { stride(size) };
        size > 0
    }
}

impl Level {
    fn size(&self) -> u64 {
        match self {
            Self::Root => 1,
            Self::Grown(stems) => stems.last().map_or(0, |(_, up_to)| *up_to),
        }
    }

    fn plan(&self, place: u64, base_seed: u64) -> Plan {
        match self {
            Self::Root => Plan::new().seed(base_seed),
            Self::Grown(stems) => {
                let at = stems.partition_point(|(_, up_to)| *up_to <= place);
                let before = if at == 0 { 0 } else { stems[at - 1].1 };
                stems[at].0.child(place - before)
            }
        }
    }
}

impl Stem {
    fn size(&self) -> u64 {
        let places = |from: u32, to: u32| u64::from(to.saturating_sub(from));
        let signals = self.signal.map_or(0, |(_, from, to)| places(from, to));
        let delays = self.delay.map_or(0, |(from, to)| places(from, to));
        self.seeds.len() as u64 + signals + delays
    }

    /// Returns the plan with one more disturbance: a seed, a signal, a delay, the earliest of each first.
    fn child(&self, place: u64) -> Plan {
        let Some(place) = place.checked_sub(self.seeds.len() as u64) else {
            return self.plan.clone().seed(self.seeds[place as usize]);
        };
        let place = u32::try_from(place).expect("lightsout bug: a place is a boundary");
        let signals = self.signal.map_or(0, |(_, from, to)| to.saturating_sub(from));
        let step = match (self.signal, self.delay) {
            (Some((what, from, _)), _) if place < signals => Step { at: from + place, what },
            (_, Some((from, _))) => Step { at: from + place - signals, what: Disturbance::Delay },
            _ => unreachable!("lightsout bug: there are not so many places"),
        };
        self.plan.clone().with(step)
    }
}

impl Shape {
    /// Returns where a plan that has run can have one more disturbance.
    fn stem(&self, plan: &Plan, played: &Played) -> Stem {
        let last = plan.steps().last();
        let spent = plan.signals().count();
        let delays = plan.delays().count() as u32;
        let beyond = |boundary: u32| boundary.saturating_add(1);
        // A signal stands before a delay at the same boundary.
        let (signals_from, delays_from) = match last {
            None => (self.first, 0),
            Some(Step { at, what: Disturbance::Signal(_) }) => (*at, *at),
            Some(Step { at, what: Disturbance::Delay }) => (beyond(*at).max(self.first), beyond(*at)),
        };
        // Behind the moment at which a further signal comes by itself it cannot be placed.
        let signals_to = beyond(played.quiet_at.unwrap_or(played.boundaries));
        let signal = self.signals.get(spent).map(|signal| (Disturbance::Signal(*signal), signals_from, signals_to));
        let is_root = plan.steps().is_empty() && plan.chosen_seed() == self.base_seed;
        let seeds = (1..u64::from(self.seeds.max(1))).map(|more| self.base_seed.wrapping_add(more));
        Stem {
            plan: plan.clone(),
            seeds: if is_root { seeds.collect() } else { Vec::new() },
            signal,
            delay: (delays < self.delays).then_some((delays_from, beyond(played.polls))),
        }
    }
}

/// Returns a step that visits each of `size` places once, spread evenly: near the golden section, and without a common divisor.
fn stride(size: u64) -> u64 {
    let near = (size as f64 * 0.618_033_988_75) as u64;
    (near.max(1)..=size.max(1)).find(|step| gcd(*step, size) == 1).unwrap_or(1)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn mul_mod(a: u64, b: u64, modulus: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(modulus.max(1))) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::disturb::signal::Signal;

    /// Sweeps a program with so many boundaries that nothing changes.
    fn sweep(shape: Shape, budget: u64, boundaries: u32) -> (Vec<String>, Extent) {
        let mut sweep = Sweep::new(shape, budget);
        let mut plans = Vec::new();
        while let Some(plan) = sweep.next() {
            sweep.ran(&plan, &Played { boundaries, polls: boundaries, ..Played::default() }, false);
            plans.push(plan.to_string());
        }
        (plans, sweep.extent())
    }

    fn shape(signals: usize, delays: u32, seeds: u32) -> Shape {
        Shape { signals: vec![Signal::Term; signals], delays, seeds, base_seed: 0, first: 0 }
    }

    #[test]
    fn plans_come_with_fewest_and_earliest_disturbances_first() {
        let (plans, extent) = sweep(shape(2, 1, 2), u64::MAX, 1);
        let first = ["undisturbed", "seed=1", "SIGTERM@0", "SIGTERM@1", "delay@0", "delay@1"];
        assert_eq!(plans[..6], first);
        assert_eq!(plans[6], "SIGTERM@0 seed=1");
        assert_eq!(extent, Extent { done: plans.len() as u64, total: plans.len() as u64, is_counted: true });
    }

    #[test]
    fn every_ordered_pair_is_tried_once() {
        let (plans, _) = sweep(shape(2, 0, 1), u64::MAX, 61);
        assert_eq!(plans.len(), 1 + 62 + 1_953);
        assert_eq!(plans.iter().collect::<BTreeSet<_>>().len(), plans.len());
    }

    #[test]
    fn signal_stands_before_a_delay_at_its_boundary() {
        let (plans, _) = sweep(shape(1, 1, 1), u64::MAX, 1);
        let both: Vec<&str> = plans.iter().map(String::as_str).filter(|plan| plan.contains(' ')).collect();
        assert_eq!(both, ["SIGTERM@0 delay@0", "SIGTERM@0 delay@1", "SIGTERM@1 delay@1", "delay@0 SIGTERM@1"]);
    }

    #[test]
    fn level_that_is_too_large_is_tried_evenly_and_said_to_be_larger() {
        let (plans, extent) = sweep(shape(1, 0, 1), 11, 999);
        let last = plans.iter().filter_map(|plan| plan.strip_prefix("SIGTERM@")?.parse::<u32>().ok()).max();
        assert!(last > Some(500), "{plans:?}");
        assert_eq!(plans.iter().collect::<BTreeSet<_>>().len(), 11);
        assert_eq!(extent, Extent { done: 11, total: 1_001, is_counted: true });
    }

    #[test]
    fn what_failed_is_not_disturbed_any_further() {
        let mut sweep = Sweep::new(shape(2, 0, 1), u64::MAX);
        let mut plans = 0;
        while let Some(plan) = sweep.next() {
            plans += 1;
            sweep.ran(&plan, &Played { boundaries: 1, polls: 1, ..Played::default() }, plan.to_string() == "SIGTERM@0");
        }
        assert_eq!(plans, 1 + 2 + 1);
    }
}
