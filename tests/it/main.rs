//! The tests of the library, a module a topic.

mod attribute;
mod channels;
mod checked;
mod claims;
mod graph;
mod graph_stress;
mod hangs;
mod leaks;
mod panics;
mod parallel;
mod reliability;
mod reports;
mod rules;
mod runtimes;
mod threads;
mod tidy;
mod ui;
