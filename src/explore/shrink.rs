//! Makes a failing plan smaller: fewest disturbances, then the earliest boundaries.

use crate::disturb::plan::{Disturbance, Plan, Step};

/// How many plans may be tried for one that failed.
const TRIES: u32 = 200;

/// Returns the smallest plan found that still fails as `fails` asks for; `first` is the first boundary that a signal may have.
pub(crate) fn shrink(plan: Plan, first: u32, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut tries = 0;
    let mut fails = |plan: &Plan| {
        tries += 1;
        tries <= TRIES && fails(plan)
    };
    let mut plan = plan;
    loop {
        let before = plan.clone();
        plan = with_fewer(plan, &mut fails);
        plan = earlier(plan, first, &mut fails);
        if plan == before {
            return plan;
        }
    }
}

fn with_fewer(mut plan: Plan, fails: &mut impl FnMut(&Plan) -> bool) -> Plan {
    let mut step = 0;
    while step < plan.steps().len() {
        let smaller = plan.without(step);
        // A signal can go only with those behind it: the sequence keeps its order, and the last ones come by themselves.
        if keeps_order(&plan, step) && fails(&smaller) { plan = smaller } else { step += 1 }
    }
    let unseeded = plan.clone().seed(0);
    if unseeded != plan && fails(&unseeded) { unseeded } else { plan }
}

/// Returns whether taking out a step leaves the first signals of the sequence.
fn keeps_order(plan: &Plan, step: usize) -> bool {
    let Disturbance::Signal(signal) = plan.steps()[step].what else { return true };
    let behind = plan.steps()[step + 1..].iter();
    behind.filter(|step| step.what != Disturbance::Delay).all(|step| step.what == Disturbance::Signal(signal))
}

fn earlier(mut plan: Plan, first: u32, fails: &mut impl FnMut(&Plan) -> bool) -> Plan {
    for step in 0..plan.steps().len() {
        let Step { at, what } = plan.steps()[step];
        let before = step.checked_sub(1).map_or(0, |before| plan.steps()[before].at);
        let lowest = if what == Disturbance::Delay { before } else { before.max(first) };
        // The earliest first, and then ever nearer: 0, half the way, three quarters.
        let mut candidate = lowest;
        while candidate < at {
            let moved = plan.without(step).with(Step { at: candidate, what });
            if fails(&moved) {
                plan = moved;
                break;
            }
            candidate += (at - candidate).div_ceil(2);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shrinks(from: &str, to: &str, fails: impl FnMut(&Plan) -> bool) {
        assert_eq!(shrink(from.parse().unwrap(), 1, fails).to_string(), to);
    }

    #[test]
    fn what_is_not_needed_goes() {
        let needs_a_delay = |plan: &Plan| plan.delays().any(|at| at >= 5);
        shrinks("SIGTERM@3 delay@4 delay@9 seed=7", "delay@5", needs_a_delay);
    }

    #[test]
    fn signals_move_to_the_first_boundary_at_which_they_fail() {
        shrinks("SIGTERM@40 SIGTERM@60", "SIGTERM@1 SIGTERM@1", |plan| plan.signals().count() == 2);
    }

    #[test]
    fn sequence_keeps_its_first_signals() {
        shrinks("SIGINT@5 SIGTERM@6", "SIGINT@1 SIGTERM@1", |plan| plan.to_string().contains("SIGTERM"));
    }

    #[test]
    fn number_of_tries_has_a_bound() {
        let mut tries = 0;
        let plan = (0..5_000).fold(Plan::new(), Plan::delay);
        shrink(plan, 0, |_| {
            tries += 1;
            false
        });
        assert_eq!(tries, TRIES);
    }
}
