//! How the ledger learns what happens. A source writes to the ledger and reads nothing.

pub(crate) mod allocation;
pub(crate) mod console;
pub(crate) mod dump;
pub(crate) mod hooks;
#[cfg(not(loom))]
pub(crate) mod leftovers;
pub(crate) mod names;
pub(crate) mod panics;
pub(crate) mod tracing;
