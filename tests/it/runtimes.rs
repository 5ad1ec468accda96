//! Runtimes as users want them: hooks chained, every flavor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lightsout::{Check, Runtime};

use crate::claims::clean;

#[test]
fn callbacks_of_the_user_are_chained() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = |calls: &Arc<AtomicU32>| {
        let calls = calls.clone();
        move || {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let runtime = Runtime::multi_thread()
        .worker_threads(1)
        .on_thread_start(count(&calls))
        .on_thread_start(count(&calls))
        .on_thread_stop(count(&calls));
    clean(&Check::new("callbacks").runtime(runtime).run(|| async {}));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[test]
#[cfg(tokio_unstable)]
fn hooks_of_the_user_are_chained() {
    use crate::claims::leaked;

    let calls: [Arc<AtomicU32>; 4] = Default::default();
    let count = |index: usize| {
        let calls = calls[index].clone();
        move |_: &tokio::runtime::TaskMeta<'_>| {
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    let runtime = Runtime::current_thread()
        .start_paused(true)
        .on_task_spawn(count(0))
        .on_before_task_poll(count(1))
        .on_after_task_poll(count(2))
        .on_task_terminate(count(3));
    let report = Check::new("hooks").runtime(runtime).run(|| async {
        tokio::spawn(tokio::task::yield_now()).await.unwrap();
        tokio::spawn(std::future::pending::<()>());
    });
    leaked(&report, 1, file!(), line!() - 2);
    let counts = calls.map(|calls| calls.load(Ordering::Relaxed));
    // The leaked task ends when the runtime is dropped.
    assert_eq!(counts, [2, 3, 3, 2]);
}

#[test]
#[cfg(tokio_unstable)]
fn local_runtime_is_watched() {
    use crate::claims::leaked;

    let report = Check::new("local").local().start_paused(true).run(|| async {
        let not_send = std::rc::Rc::new(());
        tokio::task::spawn_local(async move {
            std::future::pending::<()>().await;
            drop(not_send);
        });
    });
    leaked(&report, 1, file!(), line!() - 5);
}

#[test]
#[cfg(not(tokio_unstable))]
fn local_runtime_without_the_flag_is_an_error() {
    let error = Check::new("local").local().try_run(|| async {}).unwrap_err().to_string();
    assert!(error.contains("failed to set up the flavor `local`"), "{error}");
}
