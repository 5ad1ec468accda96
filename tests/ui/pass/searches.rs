//! Searches, in every form.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(delays = 1)]
async fn delays() {}

#[lightsout::test(seeds = 4)]
async fn seeds() {}

#[lightsout::test(delays = 2, seeds = 2, runs = 2_000)]
async fn delays_and_seeds() {}

#[cfg(not(test))]
fn main() {}
