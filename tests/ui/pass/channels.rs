//! What an open channel means.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(channels = "note")]
async fn noted() {}

#[lightsout::test(channels = "deny", allow(created_at = "src/pool.rs", reason = "the pool lives as long as the process"))]
async fn denied() {}

#[lightsout::test(channels = "ignore", allow(created_in = "pool::start", reason = "the same"))]
async fn ignored() {}

#[cfg(not(test))]
fn main() {}
