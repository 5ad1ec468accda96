//! A watch that ends by its stop, the loss of its connection, or a cancel.

use lightsout::Kind;
use lightsout::model::{Channel, Model, stream_end};
use lightsout::sync::atomic::{AtomicBool, Ordering};

use crate::claims::{has_step, rejected, tried};

#[derive(Default)]
struct Watch {
    over: AtomicBool,
    stopped: AtomicBool,
}

impl Watch {
    fn end(&self, _: &str, updates: &Channel<u32>) {
        if !self.over.swap(true, Ordering::AcqRel) {
            updates.close();
        }
    }

    /// Bug: each cause has a flag of its own.
    fn end_by_cause(&self, cause: &str, updates: &Channel<u32>) {
        let flag = if cause == "stop" { &self.stopped } else { &self.over };
        if !flag.swap(true, Ordering::AcqRel) {
            updates.close();
        }
    }

    /// Bug: a stop unsubscribes, and leaves the stream to whoever comes next; who comes next sees that it is over.
    fn end_but_for_stop(&self, cause: &str, updates: &Channel<u32>) {
        if !self.over.swap(true, Ordering::AcqRel) && cause != "stop" {
            updates.close();
        }
    }
}

#[lightsout::model(preemptions = 2)]
fn stream_is_closed_once_whoever_comes_first(model: &Model) {
    stream_end(model, Watch::default(), Watch::end);
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn flag_for_each_cause_closes_twice() {
    let report = tried(|model| stream_end(model, Watch::default(), Watch::end_by_cause));
    has_step(rejected(&report, Kind::DoubleClose), "stop closes `updates`");
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn stop_that_leaves_the_stream_open_hangs_its_consumer() {
    let report = tried(|model| stream_end(model, Watch::default(), Watch::end_but_for_stop));
    let finding = rejected(&report, Kind::Hang);
    assert!(finding.evidence().iter().any(|line| line.seen.starts_with("consumer waits for a message")), "{report}");
}
