//! The tests of the library, a module a topic.

mod again;
mod allocator;
mod attribute;
mod channels;
mod checked;
mod claims;
mod closables;
mod events;
mod graph;
mod graph_stress;
mod hangs;
mod leaks;
mod machines;
mod orders;
mod panics;
mod parallel;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod records;
mod reliability;
mod reports;
mod rules;
mod runtimes;
mod threads;
mod tickets;
mod tidy;
mod ui;
