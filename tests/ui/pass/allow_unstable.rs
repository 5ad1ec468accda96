//! What may stay alive, by rules that need `--cfg tokio_unstable` to run.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(allow(spawned_in = "pool::reaper", reason = "ends by itself within its idle time"))]
async fn spawned_in() {}

#[lightsout::test(allow(task = "pool-*", reason = "ends by itself within its idle time"))]
async fn task() {}

#[cfg(not(test))]
fn main() {}
