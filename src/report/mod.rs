//! How a report is shown: for a person, as JSON, and as a file. Renderers read findings and nothing else.

pub(crate) mod file;
mod human;
mod json;
mod mould;
pub(crate) mod steps;
pub(crate) mod words;

pub use human::{finding, human};
