//! ai-memory-mcp#3888: each of thousands of passing tests leaks the runtime that it made.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedThread, test_on_a_runtime_of_its_own);

/// What a test of synchronous code does to call something asynchronous.
fn store_on_a_runtime(form: Form) -> u32 {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name("leaked");
    // blocked-thread: its worker waits for tasks until the process ends.
    let runtime = builder.build().expect("threads are left");
    let (sender, mut stored) = mpsc::channel(1);
    runtime.spawn(async move { sender.send(7).await });
    let stored = runtime.block_on(stored.recv()).expect("it was sent");
    match form {
        Form::Buggy => std::mem::forget(runtime),
        Form::Fixed => runtime.shutdown_timeout(Duration::from_secs(10)),
    }
    stored
}

async fn test_on_a_runtime_of_its_own(form: Form) {
    let stored = std::thread::spawn(move || store_on_a_runtime(form)).join().expect("it only stores");
    assert_eq!(stored, 7);
}
