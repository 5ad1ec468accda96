//! Runs the built gate over throw-away projects.
//!
//! The projects have no dependencies: their tests write the reports themselves that a checked test would write.

mod project;

mod baseline;
mod faults;
mod findings;
mod folders;
mod formats;
mod services;
mod suite;
