//! Tasks and channels as allocations: seen on stable Rust without a flag, on every flavor, in a `LocalSet`, in runtimes that the body
//! builds.
//!
//! tokio keeps each task in one allocation, its cell, and a channel is one allocation that its handles share. The [`door`] writes
//! allocations down with their stacks; [`shape`] knows a cell when it sees one, and whether its task has ended; [`origin`] turns a
//! stack into a place and a type, but only when something is told; [`channel`] knows channels by that type.

mod calibration;
mod channel;
mod door;
mod ordinary;
mod origin;
#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod plants;
mod shape;
mod task;
mod thread;
mod types;

use crate::recorder::{Allocation, RunNumber, Table};
use crate::settings::Allocations;

pub(crate) use calibration::Calibration;
pub(crate) use channel::{Known, Sort, channels, kind_of, known_by};
pub(crate) use door::CELL;
pub use door::Recorder;
pub(crate) use origin::{Origin, Origins, origins, without_recorder};
pub(crate) use shape::{Doing, get as shape};
pub(crate) use task::{Kind, Live, kind_in, runs, runs_in, spawned_in, tasks};
pub(crate) use thread::places_of_threads;

/// Makes the source ready, once a process: plants tasks and sees whether it finds them. Returns why it does not look, if so.
pub(crate) fn prepare(wanted: Allocations) -> Result<(), &'static str> {
    match wanted {
        Allocations::Recorded => shape::get().map(|_| ()),
        Allocations::Ignored => Err("the check was told not to look at allocations"),
    }
}

/// Copies what `read` makes of each allocation of a run. It must not allocate: the recorder is held meanwhile.
pub(crate) fn copied<T>(table: &Table, run: RunNumber, mut read: impl FnMut(&Allocation) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    loop {
        // What does not fit is counted, and fits the next time.
        let mut count = 0;
        found.clear();
        table.each(run, |allocation| {
            let Some(it) = read(allocation) else { return };
            count += 1;
            if found.len() < found.capacity() {
                found.push(it);
            }
        });
        if count <= found.len() {
            return found;
        }
        found = Vec::with_capacity(count + count / 4);
    }
}
