//! The tests of the library, a module a topic.

mod attribute;
mod channels;
mod checked;
mod claims;
mod closables;
mod events;
mod hangs;
mod leaks;
mod machines;
mod orders;
mod panics;
mod parallel;
mod reliability;
mod reports;
mod rules;
mod runtimes;
mod threads;
mod tickets;
mod tidy;
mod ui;
