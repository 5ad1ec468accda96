//! A place in source code that one thread sets and others read, in one word: there is no atomic reference.
#![expect(unsafe_code, reason = "a place is read back from an atomic pointer")]

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A place, or none yet.
#[derive(Debug, Default)]
pub(crate) struct PlaceCell(AtomicPtr<Location<'static>>);

impl PlaceCell {
    /// Sets the place; what was written before that is seen by whoever reads it.
    pub(crate) fn set(&self, place: &'static Location<'static>) {
        self.0.store(ptr::from_ref(place).cast_mut(), Ordering::Release);
    }

    /// Returns the place; `None` before it is set.
    pub(crate) fn get(&self) -> Option<&'static Location<'static>> {
        let place = self.0.load(Ordering::Acquire);
        // SAFETY: a pointer that is not null was made from a `&'static Location` by `set`.
        unsafe { place.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_that_was_set_is_read() {
        let (cell, here) = (PlaceCell::default(), Location::caller());
        assert_eq!(cell.get(), None);
        cell.set(here);
        assert_eq!(cell.get(), Some(here));
    }
}
