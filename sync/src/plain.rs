//! The standard library's own.

pub use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

/// Atomic types.
pub mod atomic {
    pub use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
}

/// Threads.
pub mod thread {
    pub use std::thread::{JoinHandle, spawn, yield_now};
}
