//! Runs the built gate over throw-away projects.
//!
//! The projects have no dependencies: their tests write the reports themselves that a checked test would write.

mod page;
mod project;

mod baseline;
mod black_box;
mod config;
mod faults;
mod findings;
mod folders;
mod formats;
mod init;
mod runners;
mod self_test;
mod services;
mod suite;
