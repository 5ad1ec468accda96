//! Delays: other orders of the same tasks, and the limits of how they are made.

use std::sync::{Arc, Mutex};

use lightsout::{Check, Ending, Runtime, Signal};
use tokio::sync::Notify;

use crate::alone;
use crate::bodies::{self, Buggy, Fixed};

#[test]
fn worker_that_is_late_drops_its_job() {
    let _alone = alone();
    let report = Check::new("late").delays(1).run(|| bodies::drops_a_job_when_it_is_late(Buggy));
    assert!(
        matches!(report.ending(), Ending::Panicked(message) if message.contains("the job was dropped")),
        "{report}"
    );
    let plan = report.plan().expect("it searched").to_string();
    assert!(plan.starts_with("delay@"), "{plan}");
    let report = Check::new("late, mended").delays(2).run(|| bodies::drops_a_job_when_it_is_late(Fixed));
    report.assert_clean();
    assert!(report.coverage().searched().unwrap().is_exhaustive(), "{report}");
}

#[test]
fn runtime_without_io_finds_the_same() {
    let _alone = alone();
    let light = Check::new("late, light").runtime(Runtime::current_thread().without_io()).delays(1);
    let report = light.run(|| bodies::drops_a_job_when_it_is_late(Buggy));
    assert!(matches!(report.ending(), Ending::Panicked(_)), "{report}");
}

#[test]
fn runtime_without_io_hears_no_signals() {
    let deaf = Check::new("deaf").runtime(Runtime::current_thread().without_io()).signals([Signal::Term]);
    let error = deaf.try_run(async || {}).unwrap_err().to_string();
    assert!(error.contains("a search with signals on a runtime `without_io`"), "{error}");
}

/// Lets three tasks wait for something, and returns the orders in which they went on under up to two delays.
fn orders<F: Future + Send + 'static>(
    wait: impl Fn(usize) -> (F, Box<dyn FnOnce() + Send>) + Send + Copy + 'static,
) -> Vec<String> {
    let seen = Arc::new(Mutex::new(std::collections::BTreeSet::new()));
    let all = seen.clone();
    Check::new("orders")
        .delays(2)
        .run(move || {
            let all = all.clone();
            async move {
                let order = Arc::new(Mutex::new(String::new()));
                let (mut tasks, mut wake) = (Vec::new(), Vec::new());
                for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
                    let (wait, go) = wait(number);
                    let order = order.clone();
                    wake.push(go);
                    tasks.push(tokio::spawn(async move {
                        wait.await;
                        order.lock().unwrap().push_str(name);
                    }));
                }
                tokio::task::yield_now().await;
                wake.into_iter().for_each(|go| go());
                for task in tasks {
                    task.await.unwrap();
                }
                all.lock().unwrap().insert(order.lock().unwrap().clone());
            }
        })
        .assert_clean();
    let seen = seen.lock().unwrap();
    seen.iter().cloned().collect()
}

#[test]
fn two_delays_reach_every_order_of_three_tasks() {
    let _alone = alone();
    let orders = orders(|_| {
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        (async move { receive.await.unwrap() }, Box::new(move || send.send(()).unwrap()))
    });
    assert_eq!(orders, ["abc", "acb", "bac", "bca", "cab", "cba"]);
}

#[test]
#[ignore = "a limit: `Notify` takes no part in budgets, so its waiters are not delayed"]
fn two_delays_reach_every_order_of_three_waiters_of_notify() {
    let _alone = alone();
    let orders = orders(|_| {
        let notify = Arc::new(Notify::new());
        let waiter = notify.clone();
        (async move { waiter.notified().await }, Box::new(move || notify.notify_one()))
    });
    assert_eq!(orders.len(), 6, "{orders:?}");
}
