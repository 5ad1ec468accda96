//! What writes down allocations. Nothing here uses the rest of the crate: it also runs inside a preloaded library.

pub(crate) mod unwind;
