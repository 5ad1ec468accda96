//! Whether two runs of one plan are the same, and where they part.

use std::collections::BTreeMap;

use crate::disturb::inject::Turn;
use crate::disturb::plan::Plan;
use crate::finding::Site;
use crate::report::words;

/// Says where two runs of a plan part.
pub(super) fn parted(plan: &Plan, one: &[Turn], other: &[Turn]) -> String {
    let (one, other) = (numbered(one), numbered(other));
    let boundary = one.iter().zip(&other).position(|(one, other)| one != other);
    let boundary = boundary.or_else(|| (one.len() != other.len()).then(|| one.len().min(other.len())));
    let polled = |turns: &[(usize, Option<Site>)], at: usize| match turns.get(at) {
        None => words::nobody_polled(),
        Some((_, None)) => words::body_polled(),
        Some((_, Some(site))) => words::task_polled(site),
    };
    match boundary {
        Some(at) => words::parted(plan, at, &polled(&one, at), &polled(&other, at)),
        None => words::parted_elsewhere(plan),
    }
}

/// Returns the turns with tasks numbered in the order of their first polls, which is the same where the runs are.
fn numbered(turns: &[Turn]) -> Vec<(usize, Option<Site>)> {
    let mut numbers = BTreeMap::new();
    let number = |turn: &Turn| {
        let next = numbers.len();
        (*numbers.entry(turn.id).or_insert(next), turn.place.clone())
    };
    turns.iter().map(number).collect()
}
