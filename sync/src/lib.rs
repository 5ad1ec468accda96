//! What the small synchronous core of a shutdown is written on, so that [loom](https://docs.rs/loom) can try every order of its steps.
//!
//! In an ordinary build these are the standard library's own types, re-exported: nothing is added to what you ship. With
//! `RUSTFLAGS="--cfg loom"` they are loom's, and each operation is a step that a counterexample names with its place. They exist only
//! inside a model there: `lightsout::model` tells how to write one.
//!
//! ```
//! use lightsout_sync::atomic::{AtomicBool, Ordering};
//!
//! /// Tells the first caller from all others.
//! #[derive(Default)]
//! struct First(AtomicBool);
//!
//! impl First {
//!     fn is_first(&self) -> bool {
//!         !self.0.swap(true, Ordering::AcqRel)
//!     }
//! }
//! # #[cfg(not(loom))]
//! assert!(First::default().is_first());
//! ```
//!
//! What is missing here loom does not have, or no core has needed it so far.

#[cfg(loom)]
mod modelled;
#[cfg(not(loom))]
mod plain;
#[doc(hidden)]
pub mod steps;

#[cfg(loom)]
pub use modelled::{Arc, Condvar, Mutex, MutexGuard, OnceLock, atomic, thread};
#[cfg(not(loom))]
pub use plain::{Arc, Condvar, Mutex, MutexGuard, OnceLock, atomic, thread};
