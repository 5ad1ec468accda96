//! Plans drawn at random, with proptest: for searches whose shape is too large to be swept, and as a strategy for property tests.

use std::ops::RangeInclusive;

use proptest::collection::vec;
use proptest::prelude::Strategy;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::shape::Shape;
use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;

/// Returns a strategy for plans that place the first ones of `signals`, and up to `delays` delays, at these boundaries. It shrinks to
/// fewer disturbances, and to earlier ones.
///
/// ```
/// # #[cfg(all(unix, tokio_unstable))] {
/// use lightsout::{Check, Signal, plans};
/// use proptest::prelude::*;
///
/// proptest!(ProptestConfig::with_cases(20), |(plan in plans([Signal::Term], 1, 1..=20), clients in 0..4_u32)| {
///     let check = Check::new("server").signals([Signal::Term]).drawn_plan(plan);
///     check.run(move || async move {
///         let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
///         for _ in 0..clients {
///             tokio::task::yield_now().await;
///         }
///         term.recv().await;
///     }).assert_clean();
/// });
/// # }
/// ```
pub fn plans(
    signals: impl IntoIterator<Item = Signal>,
    delays: u32,
    boundaries: RangeInclusive<u32>,
) -> impl Strategy<Value = Plan> {
    let signals: Vec<Signal> = signals.into_iter().collect();
    let placed = vec(boundaries.clone(), 0..=signals.len());
    let delayed = vec(0..=*boundaries.end(), 0..=delays as usize);
    (placed, delayed).prop_map(move |(mut placed, delayed)| {
        placed.sort_unstable();
        let plan = placed.iter().zip(&signals).fold(Plan::new(), |plan, (at, signal)| plan.signal(*signal, *at));
        let delayed: std::collections::BTreeSet<u32> = delayed.into_iter().collect();
        delayed.into_iter().fold(plan, Plan::delay)
    })
}

/// Returns plans of a shape, drawn with a seed, for a program with so many boundaries.
pub(super) fn draw(shape: &Shape, seed: u64, boundaries: u32) -> impl Iterator<Item = Plan> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let (signals, delays, seeds) = (shape.signals.clone(), shape.delays, u64::from(shape.seeds.max(1)));
    // A signal makes the program live a little longer.
    let last = boundaries.max(shape.first).saturating_add(boundaries / 4);
    let strategy = (plans(signals, delays, shape.first..=last), 0..seeds).prop_map(|(plan, seed)| plan.seed(seed));
    std::iter::from_fn(move || strategy.new_tree(&mut runner).ok().map(|tree| tree.current()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape { signals: vec![Signal::Term, Signal::Int], delays: 2, seeds: 3, base_seed: 0, first: 2 }
    }

    #[test]
    fn same_seed_draws_the_same_plans() {
        let drawn = |seed| draw(&shape(), seed, 40).take(50).collect::<Vec<_>>();
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn drawn_plans_are_of_the_shape() {
        for plan in draw(&shape(), 1, 40).take(500) {
            assert!(shape().fits(&plan), "{plan}");
            assert!(plan.delays().count() <= 2 && plan.signals().all(|(at, _)| (2..=50).contains(&at)), "{plan}");
            assert_eq!(plan.to_string().parse::<Plan>().unwrap(), plan);
        }
    }
}
