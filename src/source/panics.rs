//! Panics, with the run and the task in which they happened.
//!
//! The process has one panic hook. Ours is put in front of whatever stands there at the first run, writes to the ledger of the
//! panicking thread's run, and then calls the one behind it, so that nothing of what is printed changes.

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;

use crate::finding::Site;
use crate::ledger::panic::{Panicked, Who};
use crate::ledger::{self, Staging};
use crate::lock::lock;
use crate::system::symbols;

/// Deep enough to reach tokio's frames from user code that is not itself very deep; a panic further in counts as uncaught.
const DEPTH: usize = 256;

thread_local! {
    /// Set while the hook runs, since a panic inside it would come back here.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Puts the hook in place, once a process.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let behind = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if write_down(info) == Staging::Full {
                behind(info);
            }
        }));
    });
}

/// Returns what sort of run panics: that of a rehearsal is not to be printed.
fn write_down(info: &PanicHookInfo<'_>) -> Staging {
    if INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(true) {
        return Staging::Full;
    }
    let ledger = ledger::current();
    if let Some(ledger) = &ledger {
        ledger.panics();
        let who = tokio::task::try_id().map_or(Who::NoTask, |id| Who::Task(super::hooks::number(id)));
        // The body's own panic is told by its ending.
        if who != Who::NoTask {
            lock(&ledger.panics).push(Panicked {
                who,
                message: message(info.payload()),
                place: info.location().map(Site::of_panic),
                stack: symbols::stack(DEPTH),
            });
        }
    }
    let _ = INSIDE.try_with(|inside| inside.set(false));
    ledger.map_or(Staging::Full, |ledger| ledger.staging())
}

/// Returns what a panic said.
pub(crate) fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a value that is not text".to_owned())
}
