//! The flavor that needs `--cfg tokio_unstable` to run.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(flavor = "local")]
async fn local() {}

#[lightsout::test(flavor = "local", start_paused = true)]
async fn local_paused() {}

#[cfg(not(test))]
fn main() {}
