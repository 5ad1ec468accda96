//! A queue that is closed while others send to it.

use lightsout::Kind;
use lightsout::model::{Channel, Model, close_after_drain};
use lightsout::sync::Mutex;
use lightsout::sync::atomic::{AtomicBool, Ordering};

use crate::claims::{rejected, tried};

#[derive(Default)]
struct Guard {
    closed: Mutex<bool>,
    /// The flag of the wrong form.
    begun: AtomicBool,
}

impl Guard {
    fn send(&self, queue: &Channel<u32>) {
        let closed = self.closed.lock().unwrap();
        if !*closed {
            queue.send(1);
        }
    }

    fn close(&self, queue: &Channel<u32>) {
        let mut closed = self.closed.lock().unwrap();
        if !*closed {
            *closed = true;
            queue.close();
        }
    }

    /// Bug: the close may come between the look and the send.
    fn send_unguarded(&self, queue: &Channel<u32>) {
        if !self.begun.load(Ordering::Acquire) {
            queue.send(1);
        }
    }

    fn close_once(&self, queue: &Channel<u32>) {
        if !self.begun.swap(true, Ordering::AcqRel) {
            queue.close();
        }
    }
}

#[lightsout::model(preemptions = 2)]
fn nothing_is_sent_after_the_close_and_all_is_read(model: &Model) {
    close_after_drain(model, Guard::default(), Guard::send, Guard::close);
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn once_guard_that_covers_only_the_close_sends_too_late() {
    let report = tried(|model| close_after_drain(model, Guard::default(), Guard::send_unguarded, Guard::close_once));
    let finding = rejected(&report, Kind::UseAfterClose);
    assert_eq!(finding.summary(), "`queue` was used after its end");
}
