//! What is wrong with one order of steps.

use std::sync::{Mutex, MutexGuard};

use crate::finding::{Kind, Site};
use crate::lock::lock;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) summary: String,
    pub(super) sites: Vec<Site>,
}

/// What is known of the order that is being tried, and of all before it.
#[derive(Debug, Default)]
pub(super) struct Board(Mutex<Chalked>);

#[derive(Debug, Default)]
pub(super) struct Chalked {
    /// What is wrong with this order; a search ends with the first order that has a fault.
    pub(super) faults: Vec<Fault>,
    /// How often something was closed, in all orders.
    pub(super) closes: u64,
    /// How many actors the last order had.
    pub(super) actors: usize,
}

impl Board {
    pub(super) fn fault(&self, kind: Kind, summary: String, sites: Vec<Site>) {
        self.look().faults.push(Fault { kind, summary, sites });
    }

    pub(super) fn closed(&self) {
        self.look().closes += 1;
    }

    /// Never held across a step of a model.
    pub(super) fn look(&self) -> MutexGuard<'_, Chalked> {
        lock(&self.0)
    }
}
