//! One ordinary test that leaves something, and then one in whose middle the process dies.

use std::future::pending;

use lightsout as _;
use tokio::task::yield_now;

#[tokio::test]
async fn a_leaks() {
    tokio::spawn(pending::<()>()); // leaked
    yield_now().await;
}

#[tokio::test]
async fn b_dies() {
    tokio::spawn(pending::<()>()); // not judged
    yield_now().await;
    die();
}
