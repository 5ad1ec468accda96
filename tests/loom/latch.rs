//! A signal that may come before anyone waits for it.

use lightsout::Kind;
use lightsout::model::{Model, signal_latch};
use lightsout::sync::atomic::{AtomicBool, Ordering};
use lightsout::sync::{Condvar, Mutex};

use crate::claims::{rejected, tried};

/// Remembers that a signal came.
#[derive(Default)]
struct Latch {
    came: Mutex<bool>,
    changed: Condvar,
    /// The flag of the wrong form, which is not under the lock.
    seen: AtomicBool,
}

impl Latch {
    fn signal(&self) {
        *self.came.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut came = self.came.lock().unwrap();
        while !*came {
            came = self.changed.wait(came).unwrap();
        }
    }

    /// Bug: nothing keeps the signal out between the look and the wait.
    fn look_and_wait(&self) {
        if !self.seen.load(Ordering::Acquire) {
            let came = self.came.lock().unwrap();
            drop(self.changed.wait(came).unwrap());
        }
    }

    fn signal_beside_the_lock(&self) {
        self.seen.store(true, Ordering::Release);
        self.changed.notify_all();
    }
}

#[lightsout::model]
fn early_signal_is_remembered(model: &Model) {
    signal_latch(model, Latch::default(), Latch::signal, Latch::wait);
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn early_signal_that_is_lost_hangs_the_service() {
    let report =
        tried(|model| signal_latch(model, Latch::default(), Latch::signal_beside_the_lock, Latch::look_and_wait));
    let finding = rejected(&report, Kind::Hang);
    let stuck: Vec<_> = finding.evidence().iter().filter(|line| line.about == "stuck").collect();
    assert!(stuck.iter().any(|line| line.seen.starts_with("service waits to be woken")), "{report}");
    assert!(finding.sites().iter().any(|site| site.file == file!()), "{report}");
}
