//! Rehearsals: runs of a search without the driver of sockets and signals, which count only where nothing goes wrong.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lightsout::{Check, Ending, Report, Runtime};
use tokio::net::UnixStream;

use crate::alone;

/// Returns whether the second of two tasks came first.
async fn is_disturbed() -> bool {
    let order = Arc::new(Mutex::new(String::new()));
    let tasks = ["a", "b"].map(|name| {
        let order = order.clone();
        tokio::spawn(async move {
            tokio::task::consume_budget().await;
            order.lock().unwrap().push_str(name);
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    *order.lock().unwrap() == "ba"
}

/// Returns whether the runtime knows sockets; a panic says no.
fn knows_sockets() -> bool {
    catch_unwind(|| drop(UnixStream::pair().unwrap())).is_ok()
}

/// In how many disturbed runs there were sockets, and in how many there were none.
#[derive(Debug, Default)]
struct Tally {
    with: AtomicU32,
    without: AtomicU32,
}

impl Tally {
    fn take(&self) -> [u32; 2] {
        [&self.with, &self.without].map(|count| count.load(Ordering::Relaxed))
    }
}

/// Searches a body that asks for a socket only in some orders.
fn search(runtime: Runtime) -> (Report, [u32; 2]) {
    let tally = Arc::new(Tally::default());
    let counted = tally.clone();
    let report = Check::new("sockets").runtime(runtime).delays(1).run(move || {
        let counted = counted.clone();
        async move {
            if is_disturbed().await {
                let count = if knows_sockets() { &counted.with } else { &counted.without };
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (report, tally.take())
}

#[test]
fn socket_that_only_some_orders_use_is_there() {
    let _alone = alone();
    let (report, [with, without]) = search(Runtime::current_thread());
    report.assert_clean();
    assert!(report.coverage().searched().unwrap().is_exhaustive(), "{report}");
    // Each was rehearsed, and made once more.
    assert!(without > 0, "nothing was rehearsed");
    assert_eq!(with, without);
}

#[test]
fn runtime_with_io_is_never_rehearsed() {
    let _alone = alone();
    let (report, [with, without]) = search(Runtime::current_thread().with_io());
    report.assert_clean();
    assert!(with > 0);
    assert_eq!(without, 0);
}

#[test]
fn body_that_always_uses_a_socket_is_rehearsed_once() {
    let _alone = alone();
    let without = Arc::new(AtomicU32::new(0));
    let counted = without.clone();
    let report = Check::new("always").delays(1).run(move || {
        let counted = counted.clone();
        async move {
            counted.fetch_add(u32::from(!knows_sockets()), Ordering::Relaxed);
            is_disturbed().await;
        }
    });
    report.assert_clean();
    assert_eq!(without.load(Ordering::Relaxed), 1);
}

#[test]
fn failure_is_told_of_a_run_in_full() {
    let _alone = alone();
    let report = Check::new("fails").delays(1).run(|| async {
        if is_disturbed().await {
            panic!("sockets: {}", knows_sockets());
        }
    });
    assert_eq!(*report.ending(), Ending::Panicked("sockets: true".into()), "{report}");
    let plan = report.plan().expect("it searched").to_string();
    assert!(plan.starts_with("delay@"), "{plan}");
}

#[test]
fn body_that_blocks_for_want_of_a_socket_is_an_error() {
    let _alone = alone();
    let check = Check::new("blocks").deadline(Duration::from_millis(300)).delays(1);
    let error = check.try_run(|| async {
        while is_disturbed().await && !knows_sockets() {
            std::thread::sleep(Duration::from_secs(3_600));
        }
    });
    let error = error.expect_err("the body does not come back").to_string();
    assert!(error.contains("the plan `delay@") && error.contains("with_io()"), "{error}");
}
