//! Whose a thread is that belongs to no checked run, by number.

use std::sync::atomic::Ordering;

use super::arena::WORDS;
use super::format::{ORDINARY, Sort};
use super::table::{self, NO_RUN, RunNumber};

/// Returns whether a number stands for somebody who belongs to no checked run.
pub(crate) fn is_ordinary(number: RunNumber) -> bool {
    number & ORDINARY != 0
}

/// Gives somebody a number; [`NO_RUN`] where there is no room.
pub(crate) fn introduce(sort: Sort, name: &[u8]) -> RunNumber {
    write(sort, name).unwrap_or_else(|| {
        table::lose();
        NO_RUN
    })
}

fn write(sort: Sort, name: &[u8]) -> Option<RunNumber> {
    let words = name.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_ne_bytes(word)
    });
    let start = WORDS.take(1 + words.len())?;
    let place = &WORDS.words()?[start..];
    place[0].store(sort.number() << 32 | name.len() as u64, Ordering::Relaxed);
    for (word, place) in words.zip(&place[1..]) {
        place.store(word, Ordering::Relaxed);
    }
    Some(ORDINARY | u32::try_from(start).ok()?)
}
