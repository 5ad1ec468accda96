//! Tries every order of the steps of a small shutdown core, with [loom](https://docs.rs/loom).
//!
//! A run of a program shows one order of events. Who may close what, and when, is a question about all of them: two stops at once, a
//! signal before its listener, a send beside a close. Programs cannot be built on loom; their *core* can, the few lines that decide who
//! closes. So the core is written on [`sync`](crate::sync), which is the standard library in production and loom in a model, and a model says
//! who acts on it at once:
//!
//! ```
//! use lightsout::model::Model;
//! use lightsout::sync::Arc;
//! use lightsout::sync::atomic::{AtomicBool, Ordering};
//!
//! /// The core: the first caller closes.
//! #[derive(Default)]
//! struct Shutdown(AtomicBool);
//!
//! impl Shutdown {
//!     fn run(&self, close: impl FnOnce()) {
//!         if !self.0.swap(true, Ordering::AcqRel) {
//!             close();
//!         }
//!     }
//! }
//!
//! #[lightsout::model(preemptions = 3)]
//! fn shutdown_closes_once(model: &Model) {
//!     let listener = model.resource("listener").must_end();
//!     let shutdown = Arc::new(Shutdown::default());
//!     model.actors(2, "signal", || {
//!         let (shutdown, listener) = (shutdown.clone(), listener.clone());
//!         move || shutdown.run(|| listener.close())
//!     });
//! }
//! ```
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release     # all models of the package
//! ```
//!
//! Without `--cfg loom` such a test is ignored, and says so.
//!
//! # What it finds
//!
//! | finding | when, in some order of steps |
//! | --- | --- |
//! | `double-close` | a [`Resource`] or a [`Channel`] is closed twice |
//! | `use-after-close` | one is used after its end |
//! | `open-channel` | one that [must end](Resource::must_end) never does, or an `Arc` is held when every actor has ended |
//! | `lost-work` | a message is never read |
//! | `hang` | those actors that are left wait for each other |
//! | `task-panic` | an actor panics, in an assertion above all |
//! | `vacuous` | the search came to a bound, no order was tried, no actor acted, or nothing was ever closed |
//!
//! A finding has the steps that lead to it, numbered, each with who made it and where: of all orders that show the fault one of those with the
//! fewest preemptions. The same command finds the same one again.
//!
//! # Bounds
//!
//! | bound | attribute | [`Check`] | unless set |
//! | --- | --- | --- | --- |
//! | how often an actor is interrupted in the middle, in one order | `preemptions = 3` | [`preemptions`](Check::preemptions) | 3 |
//! | how many orders are tried | `iterations = 1000` | [`iterations`](Check::iterations) | 5,000,000 |
//! | how long that may take | `time = "60s"` | [`time`](Check::time) | 60 s |
//! | how many choices one order may have | `steps = 1000` | [`steps`](Check::steps) | 1,000 |
//!
//! The first one shapes the search, and the report says so: most faults need one preemption or two. The others are there so that a search
//! ends, and one that comes to such a bound is `vacuous`, never green: it looks like a proof and is none.
//!
//! # Limitations
//!
//! - A model has at most four actors: loom has five threads, and the test is one.
//! - loom has no fairness: an actor that spins until another has acted comes to the bound on choices. Wait on a [`Condvar`](crate::sync::Condvar), or
//!   yield in the loop.
//! - tokio's own types cannot be in a model. A package whose dependencies do not build with `--cfg loom` keeps its cores, and their models, in
//!   a package of their own.
//! - What loom does not model, no model sees: see loom's own documentation.
#![cfg_attr(not(loom), expect(dead_code, reason = "only loom makes models"))]

mod actor;
mod channel;
mod check;
mod engine;
mod fault;
mod resource;
mod shipped;

pub use actor::Model;
pub use channel::Channel;
pub use check::Check;
pub(crate) use engine::Stop;
pub use resource::Resource;
pub use shipped::{close_after_drain, idempotent_shutdown, run_group, signal_latch, stream_end};
