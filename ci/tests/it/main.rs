//! Runs the built gate over throw-away projects.
//!
//! The projects have no dependencies: their tests write the reports themselves that a checked test would write.

mod page;
mod preloaded;
mod project;

mod baseline;
mod black_box;
mod census;
mod config;
mod faults;
mod findings;
mod folders;
mod formats;
mod graphs;
mod init;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod ordinary;
mod runners;
mod self_test;
mod services;
mod suite;
