//! `tokio-graceful-shutdown`: a tree of subsystems that stops on a signal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lightsout::Check;
use tokio::time::sleep;
use tokio_graceful_shutdown::errors::GracefulShutdownError;
use tokio_graceful_shutdown::{SubsystemBuilder, SubsystemHandle, Toplevel};

use crate::alone;
use crate::claims::leaked;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TIMEOUT: Duration = Duration::from_secs(1);

/// Finishes within the timeout once it is asked to.
async fn orderly(subsystem: &mut SubsystemHandle) -> Result<(), Failure> {
    subsystem.on_shutdown_requested().await;
    sleep(Duration::from_millis(100)).await;
    Ok(())
}

/// "Clean shutdown procedure", with nested subsystems: whatever signals come, and when.
#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn tree_is_over_when_the_shutdown_was_handled() {
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    let toplevel = Toplevel::<Failure>::new(async move |top: &mut SubsystemHandle| {
        top.start(SubsystemBuilder::new("parent", async move |parent: &mut SubsystemHandle| {
            for name in ["left", "right"] {
                let count = count.clone();
                parent.start(SubsystemBuilder::new(name, async move |child: &mut SubsystemHandle| {
                    let result = orderly(child).await;
                    count.fetch_add(1, Ordering::Relaxed);
                    result
                }));
            }
            orderly(parent).await
        }));
    });
    toplevel.catch_signals().handle_shutdown_requests(TIMEOUT).await.unwrap();
    assert_eq!(ended.load(Ordering::Relaxed), 2);
}

#[lightsout::test(signals = "SIGINT, SIGTERM", delays = 1)]
async fn one_subsystem_is_over_when_the_shutdown_was_handled() {
    let toplevel = Toplevel::<Failure>::new(async |top: &mut SubsystemHandle| {
        top.start(SubsystemBuilder::new("only", orderly));
    });
    toplevel.catch_signals().handle_shutdown_requests(TIMEOUT).await.unwrap();
}

/// "When the shutdown takes longer than the given timeout, an error will be returned and remaining subsystems will be cancelled."
#[lightsout::test(signals = "SIGTERM, SIGTERM")]
async fn subsystem_that_takes_too_long_is_cancelled() {
    let toplevel = Toplevel::<Failure>::new(async |top: &mut SubsystemHandle| {
        top.start(SubsystemBuilder::new("deaf", async |_: &mut SubsystemHandle| {
            std::future::pending::<Result<(), Failure>>().await
        }));
        top.start(SubsystemBuilder::new("orderly", orderly));
    });
    let result = toplevel.catch_signals().handle_shutdown_requests(TIMEOUT).await;
    assert!(matches!(result, Err(GracefulShutdownError::ShutdownTimeout(_))), "{result:?}");
}

/// A partial shutdown, and a signal in the middle of it.
#[lightsout::test(signals = "SIGTERM")]
async fn part_may_be_shut_down_while_a_signal_comes() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let ends = order.clone();
    let toplevel = Toplevel::<Failure>::new(async move |top: &mut SubsystemHandle| {
        let inner = ends.clone();
        let part = top.start(SubsystemBuilder::new("part", async move |part: &mut SubsystemHandle| {
            let result = orderly(part).await;
            inner.lock().unwrap().push("part");
            result
        }));
        part.initiate_shutdown();
        part.join().await.unwrap();
        ends.lock().unwrap().push("joined");
        top.on_shutdown_requested().await;
    });
    toplevel.catch_signals().handle_shutdown_requests(TIMEOUT).await.unwrap();
    assert_eq!(*order.lock().unwrap(), ["part", "joined"]);
}

/// A program that asks for the shutdown itself leaves the task that listens for signals: nobody has its handle.
#[test]
fn shutdown_that_no_signal_began_leaves_the_signal_listener() {
    let _alone = alone();
    let report = Check::new("listener").start_paused(true).run(|| async {
        let toplevel = Toplevel::<Failure>::new(async |top: &mut SubsystemHandle| {
            top.start(SubsystemBuilder::new("only", async |only: &mut SubsystemHandle| {
                only.request_shutdown();
                Ok::<(), Failure>(())
            }));
        });
        toplevel.catch_signals().handle_shutdown_requests(TIMEOUT).await.unwrap();
    });
    leaked(&report, 1, file!(), line!() - 2);
}

/// The same when a subsystem fails.
#[test]
fn shutdown_that_a_failure_began_leaves_the_signal_listener() {
    let _alone = alone();
    let report = Check::new("listener").start_paused(true).run(|| async {
        let toplevel = Toplevel::<Failure>::new(async |top: &mut SubsystemHandle| {
            top.start(SubsystemBuilder::new("only", async |_: &mut SubsystemHandle| {
                Err::<(), Failure>("no more paper".into())
            }));
        });
        let result = toplevel.catch_signals().handle_shutdown_requests(TIMEOUT).await;
        assert!(matches!(result, Err(GracefulShutdownError::SubsystemsFailed(_))), "{result:?}");
    });
    leaked(&report, 1, file!(), line!() - 3);
}
