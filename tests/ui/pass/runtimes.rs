//! The runtimes.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test]
async fn no_parentheses() {}

#[lightsout::test()]
async fn no_arguments() {}

#[lightsout::test(flavor = "current_thread")]
async fn current_thread() {}

#[lightsout::test(flavor = "current_thread", start_paused = true)]
async fn current_thread_paused() {
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
}

#[lightsout::test(start_paused = false)]
async fn default_flavor_not_paused() {}

#[lightsout::test(flavor = "multi_thread")]
async fn multi_thread() {}

#[lightsout::test(worker_threads = 2, flavor = "multi_thread")]
async fn two_workers() {
    assert_eq!(tokio::runtime::Handle::current().metrics().num_workers(), 2);
}

#[lightsout::test(wait_graph = true)]
async fn told_who_waits_for_whom() {}

#[lightsout::test(flavor = "multi_thread", wait_graph = false)]
async fn not_told_who_waits_for_whom() {}

#[cfg(not(test))]
fn main() {}
