//! serving#2137: requests are released in the order in which they came, but the first to come need not be the first to run.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::task::JoinHandle;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, release_in_order);

/// A request that runs until its lock is released.
struct Request {
    hold: OwnedMutexGuard<()>,
    accepted: JoinHandle<()>,
}

/// Starts a request, which comes to the breaker so many turns late.
async fn request(breaker: &Arc<Semaphore>, late: u32) -> Request {
    let lock = Arc::new(Mutex::new(()));
    let hold = lock.clone().lock_owned().await;
    let breaker = breaker.clone();
    // leaked-task: one is active and waits for its lock, the other one for its turn.
    // waits for `Mutex::new(())`, held by task 2.
    // waits for `Semaphore::new(1)`, held by task 1.
    let accepted = tokio::spawn(async move {
        for _ in 0..late {
            tokio::task::yield_now().await;
        }
        let _active = breaker.acquire().await.expect("nobody closes it");
        drop(lock.lock().await);
    });
    Request { hold, accepted }
}

/// Releases one request after the other, and waits for each; in the fixed form, releases all of them first.
async fn release_one_by_one(form: Form, requests: Vec<Request>) {
    let mut released = Vec::new();
    for request in requests {
        drop(request.hold);
        match form {
            Form::Buggy => request.accepted.await.expect("it is only waited for"),
            Form::Fixed => released.push(request.accepted),
        }
    }
    for accepted in released {
        accepted.await.expect("it is only waited for");
    }
}

async fn release_in_order(form: Form) {
    let breaker = Arc::new(Semaphore::new(1));
    let requests = vec![request(&breaker, 3).await, request(&breaker, 0).await];
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    // leaked-task: it waits for the first request, with the second one's lock.
    // waits for the end of task 1.
    tokio::spawn(release_one_by_one(form, requests));
}
