//! The bounds of a search.

use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;

/// Which plans a search has.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// In the order in which they come.
    pub(crate) signals: Vec<Signal>,
    /// How many delays a plan may have.
    pub(crate) delays: u32,
    /// How many seeds are tried.
    pub(crate) seeds: u32,
    /// The first of them.
    pub(crate) base_seed: u64,
    /// The first boundary at which the program listens.
    pub(crate) first: u32,
}

impl Shape {
    /// Returns how many disturbances a plan may have.
    pub(crate) fn depth(&self) -> u32 {
        self.signals.len() as u32 + self.delays + u32::from(self.seeds > 1)
    }

    /// Returns the plan from which all others grow.
    pub(crate) fn root(&self) -> Plan {
        Plan::new().seed(self.base_seed)
    }

    /// Returns whether the signals of a plan are the first ones of the check, so that it can be played.
    pub(crate) fn fits(&self, plan: &Plan) -> bool {
        plan.signals().map(|(_, signal)| signal).zip(&self.signals).all(|(placed, own)| placed == *own)
            && plan.signals().count() <= self.signals.len()
    }
}
