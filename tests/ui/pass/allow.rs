//! What may stay alive.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(allow(spawned_at = "src/pool.rs:40", reason = "ends by itself within its idle time"))]
async fn spawned_at() {}

#[lightsout::test(allow(thread = "metrics-*", reason = "lives as long as the process"))]
async fn thread() {}

#[lightsout::test(allow(panic = "closed by peer*", reason = "is what the test provokes"))]
async fn panic() {}

#[lightsout::test(
    allow(reason = "lives as long as the process", thread = "metrics-*"),
    allow(thread = "dns-*", reason = "lives as long as the process",),
    grace = "1s"
)]
async fn several() {}

#[cfg(not(test))]
fn main() {}
