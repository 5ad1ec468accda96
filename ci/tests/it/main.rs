//! Runs the built gate over throw-away projects.
//!
//! The projects have no dependencies: their tests write the reports themselves that a checked test would write.

mod project;

mod faults;
mod findings;
mod folders;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod ordinary;
mod services;
mod suite;
