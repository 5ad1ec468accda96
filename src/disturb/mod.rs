//! What disturbs a run: signals and delays, each at a boundary, and the seed of its runtime.

pub(crate) mod delay;
pub(crate) mod inject;
pub(crate) mod notices;
pub(crate) mod plan;
pub(crate) mod quiet;
pub mod signal;
