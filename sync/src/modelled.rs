//! Loom's, with a step written down for each operation while a counterexample is looked at.
//!
//! loom may switch to another thread before an operation and never behind it, so a step that is written down behind its operation stands
//! in the order in which things happened.

use std::mem::forget;
use std::ops::Deref;
use std::panic::Location;
use std::sync::LockResult;
use std::thread::panicking;

pub use loom::sync::MutexGuard;

use crate::steps::{step, wait};

/// A shared value. One that is still held when a model has ended is a fault.
#[derive(Debug)]
pub struct Arc<T>(Option<loom::sync::Arc<T>>);

impl<T> Arc<T> {
    /// Makes the first handle.
    #[track_caller]
    pub fn new(value: T) -> Self {
        Self(Some(loom::sync::Arc::new(value)))
    }

    /// Returns whether both are handles to one value.
    #[must_use]
    pub fn ptr_eq(one: &Self, other: &Self) -> bool {
        loom::sync::Arc::ptr_eq(one.handle(), other.handle())
    }

    fn handle(&self) -> &loom::sync::Arc<T> {
        self.0.as_ref().expect("it is only taken by its drop")
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.handle()
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        // loom may have given up by then, and would panic once more, which ends the process.
        if panicking() {
            forget(self.0.take());
        }
    }
}

/// A lock.
#[derive(Debug, Default)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    /// Makes a lock that nobody holds.
    pub fn new(data: T) -> Self {
        Self(loom::sync::Mutex::new(data))
    }

    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// Never here: a model ends with the first panic.
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let caller = Location::caller();
        let guard = wait("waits for a lock", caller, || self.0.lock());
        step(caller, || "locks".to_owned());
        guard
    }
}

/// A value that is made once. loom has none: a lock stands for the order that it gives.
#[derive(Debug)]
pub struct OnceLock<T> {
    order: loom::sync::Mutex<()>,
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// Makes one without a value.
    #[must_use]
    pub fn new() -> Self {
        Self { order: loom::sync::Mutex::new(()), value: std::sync::OnceLock::new() }
    }

    /// Returns the value, if it is made.
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        let _order = self.order.lock();
        let value = self.value.get();
        step(Location::caller(), || (if value.is_some() { "finds a value" } else { "finds no value" }).to_owned());
        value
    }

    /// Returns the value, and makes it if need be; `make` has no step that waits.
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        let _order = self.order.lock();
        let is_new = self.value.get().is_none();
        let value = self.value.get_or_init(make);
        step(Location::caller(), || (if is_new { "makes a value" } else { "finds a value" }).to_owned());
        value
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What waits for a word from who holds a lock.
#[derive(Debug, Default)]
pub struct Condvar(loom::sync::Condvar);

impl Condvar {
    /// Makes one that nobody waits for.
    #[must_use]
    pub fn new() -> Self {
        Self(loom::sync::Condvar::new())
    }

    /// Gives up the lock, waits for a word, and takes the lock again.
    ///
    /// # Errors
    ///
    /// Never here: a model ends with the first panic.
    #[track_caller]
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let caller = Location::caller();
        step(caller, || "unlocks, and waits to be woken".to_owned());
        let guard = wait("waits to be woken", caller, || self.0.wait(guard));
        step(caller, || "is awake, and locks".to_owned());
        guard
    }

    /// Wakes one of who waits.
    #[track_caller]
    pub fn notify_one(&self) {
        self.0.notify_one();
        step(Location::caller(), || "wakes one".to_owned());
    }

    /// Wakes all who wait.
    #[track_caller]
    pub fn notify_all(&self) {
        self.0.notify_all();
        step(Location::caller(), || "wakes all".to_owned());
    }
}

/// Atomic types.
pub mod atomic {
    use std::panic::Location;

    pub use loom::sync::atomic::fence;
    pub use std::sync::atomic::Ordering;

    use crate::steps::step;

    macro_rules! atomic {
        ($name:ident $(<$of:ident>)?, $value:ty) => {
            /// An atomic value.
            #[derive(Debug)]
            pub struct $name $(<$of>)? (loom::sync::atomic::$name $(<$of>)?);

            impl $(<$of>)? $name $(<$of>)? {
                /// Makes one with this value.
                #[track_caller]
                #[must_use]
                pub fn new(value: $value) -> Self {
                    Self(loom::sync::atomic::$name::new(value))
                }

                /// Reads it.
                #[track_caller]
                #[must_use]
                pub fn load(&self, order: Ordering) -> $value {
                    let value = self.0.load(order);
                    step(Location::caller(), || format!("reads {value:?}"));
                    value
                }

                /// Writes it.
                #[track_caller]
                pub fn store(&self, value: $value, order: Ordering) {
                    self.0.store(value, order);
                    step(Location::caller(), || format!("writes {value:?}"));
                }

                /// Writes it, and returns what it was.
                #[track_caller]
                pub fn swap(&self, value: $value, order: Ordering) -> $value {
                    let before = self.0.swap(value, order);
                    step(Location::caller(), || format!("writes {value:?} over {before:?}"));
                    before
                }

                /// Writes it if it is what the caller thinks.
                ///
                /// # Errors
                ///
                /// If it is something else: what it is.
                #[track_caller]
                pub fn compare_exchange(
                    &self,
                    current: $value,
                    new: $value,
                    success: Ordering,
                    failure: Ordering,
                ) -> Result<$value, $value> {
                    let result = self.0.compare_exchange(current, new, success, failure);
                    step(Location::caller(), || match result {
                        Ok(before) => format!("writes {new:?} over {before:?}"),
                        Err(actual) => format!("finds {actual:?} instead of {current:?}"),
                    });
                    result
                }
            }
        };
    }

    macro_rules! number {
        ($name:ident, $value:ty) => {
            atomic!($name, $value);

            impl $name {
                /// Adds to it, and returns what it was.
                #[track_caller]
                pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                    let before = self.0.fetch_add(value, order);
                    step(Location::caller(), || format!("adds {value} to {before}"));
                    before
                }

                /// Takes from it, and returns what it was.
                #[track_caller]
                pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                    let before = self.0.fetch_sub(value, order);
                    step(Location::caller(), || format!("takes {value} from {before}"));
                    before
                }

                /// Sets bits of it, and returns what it was.
                #[track_caller]
                pub fn fetch_or(&self, value: $value, order: Ordering) -> $value {
                    let before = self.0.fetch_or(value, order);
                    step(Location::caller(), || format!("sets bits {value:#b} in {before:#b}"));
                    before
                }
            }

            impl Default for $name {
                fn default() -> Self {
                    Self::new(0)
                }
            }
        };
    }

    atomic!(AtomicBool, bool);
    atomic!(AtomicPtr<T>, *mut T);
    number!(AtomicU8, u8);
    number!(AtomicU32, u32);
    number!(AtomicU64, u64);
    number!(AtomicUsize, usize);

    impl Default for AtomicBool {
        fn default() -> Self {
            Self::new(false)
        }
    }
}

/// Threads.
pub mod thread {
    pub use loom::thread::{JoinHandle, spawn, yield_now};
}
