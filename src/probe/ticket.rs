//! A piece of work that was handed in.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::finding::Site;
use crate::ledger;
use crate::ledger::ticket::{Settled, Tickets};

/// This file, as debug information has it: the place of a drop lies further out.
pub(crate) const FILE: &str = file!();

/// A piece of work that was handed into a system, and that travels with it: in a job, a message, a closure.
///
/// It is [`done`](Self::done) or [`refused`](Self::refused); dropped without either, or still held when the test is over, it is a
/// `lost-work` finding, with where it was made and where it was dropped. The report of a run adds up: accepted = done + refused + lost.
/// It belongs to the run in which it was made; one that is made outside a run is never lost.
///
/// ```
/// use lightsout::{Check, Kind, Ticket};
/// use tokio::sync::mpsc;
///
/// let report = Check::new("queue").run(|| async {
///     let (jobs, queue) = mpsc::channel(8);
///     jobs.send(("resize", Ticket::new())).await.unwrap();
///     drop(queue);
/// });
/// assert_eq!(report.findings()[0].kind(), Kind::LostWork);
/// assert_eq!(report.coverage().work().lost, 1);
/// ```
#[must_use = "dropped at once it is lost at once"]
pub struct Ticket {
    made: &'static Location<'static>,
    /// What counts it; `None` for a ticket of no run.
    counted: Option<Arc<Tickets>>,
    settled: Option<Settled>,
}

impl Ticket {
    /// Accepts a piece of work.
    #[track_caller]
    pub fn new() -> Self {
        let made = Location::caller();
        let accept = |ledger: &ledger::Ledger| {
            ledger.tickets.accept(made);
            ledger.tickets.clone()
        };
        Self { made, counted: ledger::with_current(accept), settled: None }
    }

    /// Says that the work was done.
    pub fn done(mut self) {
        self.settled = Some(Settled::Done);
    }

    /// Says that the work was refused, and that whoever handed it in knows.
    pub fn refused(mut self) {
        self.settled = Some(Settled::Refused);
    }
}

/// Accepts a piece of work.
impl Default for Ticket {
    #[track_caller]
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        match (&self.counted, self.settled) {
            (None, _) => {}
            (Some(tickets), Some(settled)) => tickets.settle(self.made, settled),
            (Some(tickets), None) => tickets.lose(Site::of(self.made)),
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("made", &Site::of(self.made)).finish_non_exhaustive()
    }
}
