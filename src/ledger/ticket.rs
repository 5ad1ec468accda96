//! Work that was accepted, and what became of it: one count an acceptance, one an end, no lock and no allocation on either.

use std::collections::BTreeMap;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::thread;

use crate::finding::Site;
use crate::lock::lock;
use crate::system::symbols;

/// Deep enough to reach user code from a drop inside a channel that is dropped with a task.
const DEPTH: usize = 64;
/// How many places the first shelf has; each further shelf has twice as many.
const FIRST: usize = 32;
/// More shelves than a program has places.
const SHELVES: usize = 24;

/// The work that one run has accepted.
#[derive(Debug)]
pub(crate) struct Tickets {
    /// The counts of each place that makes tickets; a place stands in the first shelf that had room for it.
    shelves: [OnceLock<Box<[Counts]>>; SHELVES],
    /// The tickets that were dropped, in that order.
    lost: Mutex<Vec<Lost>>,
    /// Whether the run stops its runtime, or has.
    stopping: AtomicBool,
}

/// What became of the tickets of one place.
#[derive(Debug, Default)]
struct Counts {
    /// Unset while no ticket is counted here.
    place: OnceLock<&'static Location<'static>>,
    accepted: AtomicU64,
    done: AtomicU64,
    refused: AtomicU64,
}

/// How a piece of work ended as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    Refused,
}

/// A ticket that was dropped.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    /// Where it was made.
    pub(crate) made: Site,
    /// The code addresses on the stack of its drop, innermost first.
    pub(crate) stack: Vec<usize>,
    /// Why it was dropped, as far as that is known where it is.
    pub(crate) cause: Cause,
}

/// Why a ticket was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Its owner let go of it.
    Owner,
    /// A panic was on its way.
    Panic,
    /// The runtime was stopped by then.
    Stop,
}

/// What became of the tickets of one place, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) made: Site,
    pub(crate) accepted: u64,
    pub(crate) done: u64,
    pub(crate) refused: u64,
}

impl Tickets {
    pub(crate) fn new() -> Self {
        Self { shelves: [const { OnceLock::new() }; SHELVES], lost: Mutex::default(), stopping: AtomicBool::new(false) }
    }

    /// Returns whether no ticket was made or dropped in this run.
    pub(crate) fn is_empty(&self) -> bool {
        self.shelves[0].get().is_none() && lock(&self.lost).is_empty()
    }

    /// Counts a ticket that is made.
    pub(crate) fn accept(&self, place: &'static Location<'static>) {
        self.counts(place).accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a ticket that has come to its end.
    pub(crate) fn settle(&self, place: &'static Location<'static>, settled: Settled) {
        let counts = self.counts(place);
        match settled {
            Settled::Done => &counts.done,
            Settled::Refused => &counts.refused,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// Writes down a ticket that is dropped here and now.
    #[cold]
    pub(crate) fn lose(&self, made: Site) {
        let cause = if self.stopping.load(Ordering::Acquire) {
            Cause::Stop
        } else if thread::panicking() {
            Cause::Panic
        } else {
            Cause::Owner
        };
        lock(&self.lost).push(Lost { made, stack: symbols::stack(DEPTH), cause });
    }

    /// Tells that what is dropped from now on is dropped because the run stops its runtime.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Returns the tickets that were dropped, in that order.
    pub(crate) fn lost(&self) -> Vec<Lost> {
        lock(&self.lost).clone()
    }

    /// Returns what became of the tickets, place by place.
    pub(crate) fn tallies(&self) -> Vec<Tally> {
        let shelves = self.shelves.iter().map_while(OnceLock::get);
        // The compiler may have written one place into the program several times.
        let mut tallies: BTreeMap<Site, Tally> = BTreeMap::new();
        for tally in shelves.flatten().filter_map(Counts::tally) {
            let same = tallies.entry(tally.made.clone()).or_insert_with(|| Tally::none(tally.made.clone()));
            same.accepted += tally.accepted;
            same.done += tally.done;
            same.refused += tally.refused;
        }
        tallies.into_values().collect()
    }

    #[inline]
    fn counts(&self, place: &'static Location<'static>) -> &Counts {
        let mut shelves = self.shelves.iter().enumerate();
        let found = shelves.find_map(|(number, shelf)| {
            let shelf = shelf.get_or_init(|| (0..FIRST << number).map(|_| Counts::default()).collect());
            Counts::find(shelf, place)
        });
        found.expect("lightsout bug: more places than a program has")
    }
}

impl Tally {
    fn none(made: Site) -> Self {
        Self { made, accepted: 0, done: 0, refused: 0 }
    }
}

impl Counts {
    /// How many slots near its home a place may take.
    const REACH: usize = 4;

    /// Returns the slot of a place, which it may take just now; `None` where others have taken all that are near its home.
    #[inline]
    fn find<'a>(shelf: &'a [Self], place: &'static Location<'static>) -> Option<&'a Self> {
        // Places lie side by side, each as long as a few words.
        let home = ptr::from_ref(place).addr() / size_of::<Location<'_>>();
        let near = (0..Self::REACH).map(|step| &shelf[(home + step) & (shelf.len() - 1)]);
        let mut mine = near.filter(|counts| ptr::eq(*counts.place.get_or_init(|| place), place));
        mine.next()
    }

    fn tally(&self) -> Option<Tally> {
        let place = self.place.get()?;
        // Ends are read first, so that there are never more of them than were accepted.
        let [done, refused] = [&self.done, &self.refused].map(|count| count.load(Ordering::Acquire));
        Some(Tally { made: Site::of(place), accepted: self.accepted.load(Ordering::Acquire), done, refused })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_its_own_counts() {
        macro_rules! places {
            ($($number:literal)*) => { [$(($number, Location::caller())),*] };
        }
        let places =
            places!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36);
        let tickets = Tickets::new();
        for (number, place) in places {
            for _ in 0..number {
                tickets.accept(place);
            }
            tickets.settle(place, Settled::Done);
        }
        let tallies = tickets.tallies();
        assert_eq!(tallies.iter().map(|tally| tally.accepted).sum::<u64>(), 36 * 37 / 2);
        assert!(tallies.iter().all(|tally| tally.done >= 1 && tally.refused == 0), "{tallies:?}");
    }

    #[test]
    fn threads_that_race_lose_no_ticket() {
        let tickets = Tickets::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..1_000 {
                        let place = Location::caller();
                        tickets.accept(place);
                        tickets.settle(place, if number % 2 == 0 { Settled::Done } else { Settled::Refused });
                    }
                });
            }
        });
        let [tally] = &*tickets.tallies() else { panic!("they are of one place") };
        assert_eq!((tally.accepted, tally.done, tally.refused), (4_000, 2_000, 2_000));
    }
}
