//! Threads that the standard library started: where.
//!
//! A thread and its `JoinHandle` share an allocation for its result, which is there as long as one of the two is.

use super::calibration::Calibration;
use super::copied;
use super::origin::{Origin, origins};
use crate::finding::Site;
use crate::recorder::{self, RunNumber};

/// Returns where the threads of a run were started that still run, or whose handle is kept: each place once, and none without debug
/// information.
pub(crate) fn places_of_threads(run: RunNumber) -> Vec<Site> {
    let calibration = Calibration::get();
    let seen = copied(&recorder::REST, run, |it| calibration.may_be_one(it).then_some(it.stack));
    let mut origins = origins();
    let place = |stack| Some(origins.of(stack)).filter(|origin| is_result(origin)).map(|origin| origin.site.clone());
    let mut places: Vec<Site> = seen.into_iter().filter_map(place).collect();
    places.sort();
    places.dedup();
    places
}

fn is_result(origin: &Origin) -> bool {
    origin.held.as_type().is_some_and(|name| name.starts_with("std::thread::") && name.contains("::Packet<"))
}
