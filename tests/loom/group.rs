//! A run group: the first member that returns interrupts all.

use lightsout::Kind;
use lightsout::model::{Model, Resource, run_group};
use lightsout::sync::atomic::{AtomicBool, Ordering};

use crate::claims::{rejected, tried};

#[derive(Default)]
struct Group {
    interrupted: AtomicBool,
}

impl Group {
    fn returned(&self, interrupts: &[Resource]) {
        if !self.interrupted.swap(true, Ordering::AcqRel) {
            interrupts.iter().for_each(Resource::close);
        }
    }

    /// Bug: two that return at once both think that they are the first.
    fn returned_by_load_and_store(&self, interrupts: &[Resource]) {
        if !self.interrupted.load(Ordering::Acquire) {
            self.interrupted.store(true, Ordering::Release);
            interrupts.iter().for_each(Resource::close);
        }
    }
}

#[lightsout::model]
fn first_member_interrupts_each_once(model: &Model) {
    run_group(model, Group::default(), Group::returned);
}

#[test]
#[cfg_attr(not(loom), ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\"")]
fn two_first_members_interrupt_twice() {
    let report = tried(|model| run_group(model, Group::default(), Group::returned_by_load_and_store));
    let finding = rejected(&report, Kind::DoubleClose);
    assert!(finding.summary().starts_with("`interrupt of member"), "{report}");
}
