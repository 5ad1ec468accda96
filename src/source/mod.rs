//! How the ledger learns what happens. A source writes to the ledger and reads nothing.

pub(crate) mod allocation;
pub(crate) mod console;
pub(crate) mod dump;
pub(crate) mod hooks;
pub(crate) mod names;
pub(crate) mod panics;
pub(crate) mod tracing;
