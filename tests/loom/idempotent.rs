//! One shutdown, and several callers at once.

use lightsout::Kind;
use lightsout::model::{Model, Resource, idempotent_shutdown};
use lightsout::sync::atomic::{AtomicBool, Ordering};
use lightsout::sync::{Condvar, Mutex};

use crate::claims::{has_step, rejected, tried};

/// Runs the shutdown once; all callers return when it is over.
#[derive(Default)]
pub(crate) struct Shutdown {
    begun: AtomicBool,
    over: Mutex<bool>,
    changed: Condvar,
}

impl Shutdown {
    pub(crate) fn run(&self, close: impl FnOnce()) {
        if self.begun.swap(true, Ordering::AcqRel) {
            self.wait();
        } else {
            close();
            self.end();
        }
    }

    /// Bug: between the load and the store another caller may load as well.
    fn run_by_load_and_store(&self, close: impl FnOnce()) {
        if self.begun.load(Ordering::Acquire) {
            self.wait();
        } else {
            self.begun.store(true, Ordering::Release);
            close();
            self.end();
        }
    }

    /// Bug: who comes late does not wait.
    fn run_and_leave(&self, close: impl FnOnce()) {
        if !self.begun.swap(true, Ordering::AcqRel) {
            close();
        }
    }

    fn end(&self) {
        *self.over.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut over = self.over.lock().unwrap();
        while !*over {
            over = self.changed.wait(over).unwrap();
        }
    }
}

#[lightsout::model]
fn every_caller_returns_after_the_one_close(model: &Model) {
    idempotent_shutdown(model, Shutdown::default(), |core, listener| core.run(|| listener.close()));
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn flag_that_is_loaded_and_then_stored_closes_twice() {
    let close = |core: &Shutdown, listener: &Resource| core.run_by_load_and_store(|| listener.close());
    let report = tried(move |model| idempotent_shutdown(model, Shutdown::default(), close));
    let finding = rejected(&report, Kind::DoubleClose);
    assert_eq!(finding.summary(), "`listener` was closed twice");
    let sites: Vec<_> = finding.sites().iter().map(|site| (&*site.file, site.line)).collect();
    assert_eq!(sites, [(file!(), line!() - 5); 2]);
    has_step(finding, "user stop reads false");
    has_step(finding, "signal reads false");
    has_step(finding, "signal closes `listener`");
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn caller_that_does_not_wait_is_rejected() {
    let close = |core: &Shutdown, listener: &Resource| core.run_and_leave(|| listener.close());
    let report = tried(move |model| idempotent_shutdown(model, Shutdown::default(), close));
    let finding = rejected(&report, Kind::TaskPanic);
    assert!(finding.summary().contains("a caller returns before the shutdown is over"), "{report}");
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn same_search_finds_the_same_steps() {
    let close = |core: &Shutdown, listener: &Resource| core.run_by_load_and_store(|| listener.close());
    let search = || tried(move |model| idempotent_shutdown(model, Shutdown::default(), close));
    assert_eq!(search().findings(), search().findings());
}
