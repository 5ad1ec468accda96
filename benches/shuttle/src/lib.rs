//! Small models of shutdowns, compiled twice: with tokio, and with shuttle in its place. In each some order of events goes wrong, and
//! none that the runtime takes by itself does. Every model waits for all of its tasks, since shuttle does not miss one that is left.

use std::future::Future;
use std::pin::Pin;

mod locks;
mod messages;
#[cfg(feature = "signals")]
mod signalled;
mod stops;

/// Whether a model has its bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// It has.
    Buggy,
    /// It has not.
    Fixed,
}

/// A started model.
pub type Body = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A model with one bug.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// The report of the real bug, and what is wrong.
    pub name: &'static str,
    /// How many times SIGTERM comes.
    pub signals: usize,
    /// Starts it.
    pub start: fn(Form) -> Body,
}

macro_rules! model {
    ($name:literal, $program:path) => {
        model!($name, $program, 0)
    };
    ($name:literal, $program:path, $signals:literal) => {
        Model { name: $name, signals: $signals, start: |form| Box::pin($program(form)) }
    };
}

/// The models with a bug.
pub const MODELS: &[Model] = &[
    model!("cockroach#7504: two locks, taken in both orders", locks::taken_in_both_orders),
    model!("cockroach#3710: a second read lock behind a writer", locks::read_again_behind_a_writer),
    model!("moby#28462: a lock held until its taker answers", locks::held_until_its_taker_answers),
    model!("grpc#1687: a write to a stream that was closed", messages::written_to_what_was_closed),
    model!("pg2any#14: a message dropped by the cancel branch", messages::dropped_by_the_cancel_branch),
    model!("libdatadog#2005: the last batch is not flushed", messages::last_batch_not_flushed),
    model!("kubernetes#25331: a send that no stop ends", stops::send_that_no_stop_ends),
    model!("ockam#3105: the second stop is never answered", stops::second_stop_never_answered),
    #[cfg(feature = "signals")]
    model!("temporal sdk-rust#59: a second signal closes twice", signalled::closed_twice, 2),
    #[cfg(feature = "signals")]
    model!("gofr#3801: a signal before the server is published", signalled::lost_before_the_server, 1),
];

/// A worker that takes jobs until it is told to stop: what schedules are counted on.
pub const FEW_JOBS: Model = model!("mpsc and watch, 4 jobs", messages::stopped_by_a_watch::<4>);

/// The same with more to do.
pub const MANY_JOBS: Model = model!("mpsc and watch, 32 jobs", messages::stopped_by_a_watch::<32>);
