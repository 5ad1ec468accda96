//! Plants a channel of each kind that tokio and the standard library have, and looks whether it is found.
//!
//! That a channel is one allocation, which type it has and where it counts its senders, is promised by nobody. So it is tried, once a
//! process, when channels are first told. A kind whose planted channel is not found is named in the report.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, mpsc as std_mpsc};
use std::thread;

use tokio::sync::{self, broadcast, mpsc, oneshot, watch};

use super::channel::kind_of;
use super::copied;
use super::origin::origins;
use super::shape::word;
use crate::ledger::channel::{ChannelKind, Counts, Plant, ROWS};
use crate::recorder::{self, Allocation, NO_RUN, RunNumber};

const WORD: usize = size_of::<usize>();
/// More handles than anybody has.
const MANY: usize = 1 << 32;

/// What was learned from planted channels.
#[derive(Debug, Default)]
pub(crate) struct Calibration {
    /// Where a planted channel counts its senders, in bytes: from the start, or from the end for those that count apart.
    places: BTreeMap<Plant, usize>,
    /// The kinds whose planted channel was not found.
    missing: Vec<&'static str>,
}

/// The handles of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handles {
    pub(super) all: usize,
    /// `None` where they are not counted apart.
    pub(super) senders: Option<usize>,
}

impl Calibration {
    /// Returns what is known; the first call plants.
    pub(crate) fn get() -> &'static Self {
        static LEARNED: OnceLock<Calibration> = OnceLock::new();
        // A thread of its own: whatever the caller's is, it stays so.
        let learn = || thread::Builder::new().spawn(learn).ok().and_then(|thread| thread.join().ok());
        LEARNED.get_or_init(|| {
            learn()
                .unwrap_or_else(|| Self { missing: PLANTS.iter().map(|(name, _)| *name).collect(), ..Self::default() })
        })
    }

    /// Returns the kinds that cannot be found in this program.
    pub(crate) fn missing(&self) -> &[&'static str] {
        &self.missing
    }

    /// Returns whether an allocation may be a channel, so that most others need no name.
    pub(super) fn may_be_one(&self, allocation: &Allocation) -> bool {
        let is_count = |at| word(allocation, at).is_some_and(|count| (1..MANY).contains(&count));
        let is_arc = is_count(0) && is_count(WORD);
        let size = allocation.size as usize;
        let apart = || APART.iter().filter_map(|plant| self.apart(*plant, size, &|at| word(allocation, at)));
        is_arc || apart().any(|(senders, receivers)| senders < MANY && receivers < MANY && senders + receivers > 0)
    }

    /// Counts the handles of a channel; `None` where its place is not known.
    pub(super) fn handles(&self, kind: &ChannelKind, allocation: &Allocation) -> Option<Handles> {
        self.handles_by(kind, allocation.size as usize, &|at| word(allocation, at))
    }

    /// Counts the handles of a channel of this size, in bytes, whose words are read by `word`.
    pub(super) fn handles_by(
        &self,
        kind: &ChannelKind,
        size: usize,
        word: &dyn Fn(usize) -> Option<usize>,
    ) -> Option<Handles> {
        let together = || word(0);
        Some(match kind.counts {
            Counts::Together => Handles { all: together()?, senders: None },
            Counts::Senders(plant) => {
                let senders = self.places.get(&plant).and_then(|place| word(*place));
                Handles { all: together()?, senders }
            }
            Counts::Apart(plant) => {
                let (senders, receivers) = self.apart(plant, size, word)?;
                Handles { all: senders + receivers, senders: Some(senders) }
            }
        })
    }

    /// Returns the counts of senders and receivers that stand one after the other, if this were such a channel.
    fn apart(&self, plant: Plant, size: usize, word: &dyn Fn(usize) -> Option<usize>) -> Option<(usize, usize)> {
        let at = size.checked_sub(*self.places.get(&plant)?)?;
        Some((word(at)?, word(at + WORD)?))
    }
}

const APART: [Plant; 3] = [Plant::StdList, Plant::StdArray, Plant::StdZero];

/// Keeps something planted. Makes clones until it has so many senders, or owners where there is only one sort, and returns how many
/// handles there are then.
type Planted = Box<dyn FnMut(usize) -> usize>;

/// Plants a channel, or what else tasks share.
type Plants = fn() -> Planted;

/// What is planted for each kind.
#[rustfmt::skip]
static PLANTS: [(&str, Plants); 13] = [
    ("tokio mpsc", || both(mpsc::channel::<u8>(4))),
    ("tokio mpsc (unbounded)", || both(mpsc::unbounded_channel::<u8>())),
    ("tokio oneshot", || pair(oneshot::channel::<u8>())),
    ("tokio watch", || both(watch::channel(0_u8))),
    ("tokio broadcast", || both(broadcast::channel::<u8>(4))),
    ("tokio Notify", || owned(Arc::new(sync::Notify::new()))),
    ("tokio Semaphore", || owned(Arc::new(sync::Semaphore::new(1)))),
    ("tokio Mutex", || owned(Arc::new(sync::Mutex::new(0_u8)))),
    ("tokio RwLock", || owned(Arc::new(sync::RwLock::new(0_u8)))),
    ("tokio Barrier", || owned(Arc::new(sync::Barrier::new(2)))),
    ("std mpsc", || both(std_mpsc::channel::<u8>())),
    ("std mpsc (bounded)", || both(std_mpsc::sync_channel::<u8>(4))),
    ("std mpsc (rendezvous)", || both(std_mpsc::sync_channel::<u8>(0))),
];

fn both<S: Clone + 'static>((sender, receiver): (S, impl Any)) -> Planted {
    let mut senders = owned(sender);
    Box::new(move |count| {
        let _ = &receiver;
        senders(count) + 1
    })
}

fn owned(handle: impl Clone + 'static) -> Planted {
    let mut handles = vec![handle];
    Box::new(move |count| {
        handles.resize(count, handles[0].clone());
        count
    })
}

/// Plants what has one sender and one receiver, ever.
fn pair(handles: impl Any) -> Planted {
    Box::new(move |_| {
        let _ = &handles;
        2
    })
}

/// Numbers of senders that hardly anything else in a channel equals.
const FEW: usize = 11;
const MORE: usize = 23;

fn learn() -> Calibration {
    let mut learned = Calibration::default();
    for (name, plant) in PLANTS {
        let kind = ROWS.iter().find(|kind| kind.name() == name).expect("lightsout bug: what is planted has a row");
        match dig_up(kind, plant) {
            Some(place) => learned.places.extend(place),
            None => learned.missing.push(name),
        }
    }
    learned
}

/// Plants something, and reads it with few handles and with more of them: one and the same, since between the parts of a channel there
/// are gaps with whatever stood there before, which may be any number. Returns where it counts its senders, if it does so apart.
fn dig_up(kind: &ChannelKind, plant: Plants) -> Option<Option<(Plant, usize)>> {
    let run = recorder::fresh_run();
    recorder::enter(run);
    let mut planted = plant();
    recorder::enter(NO_RUN);
    let mut read = |senders| find(kind, run, planted(senders));
    let (few, more) = (read(FEW)?, read(MORE)?);
    match kind.counts {
        Counts::Together => Some(None),
        // Without it, the handles are told together.
        Counts::Senders(like) => Some(only(senders(&few, &more)).map(|at| (like, at * WORD))),
        Counts::Apart(like) => {
            let has_one_receiver = |at: &usize| few.get(at + 1) == Some(&1);
            only(senders(&few, &more).filter(has_one_receiver)).map(|at| Some((like, (few.len() - at) * WORD)))
        }
    }
}

/// Returns the words of the only allocation of a run that is of this kind, and has as many handles as far as is known yet.
fn find(kind: &ChannelKind, run: RunNumber, handles: usize) -> Option<Vec<usize>> {
    let is_counted = |words: &[usize]| match kind.counts {
        Counts::Together | Counts::Senders(_) => words.first() == Some(&handles),
        Counts::Apart(_) => true,
    };
    let mut found = Vec::new();
    for table in [&recorder::CELLS, &recorder::REST] {
        for seen in copied(table, run, |allocation| Some(*allocation)) {
            let is_kind = kind_of(origins().of(seen.stack), [kind].into_iter()).is_some();
            if is_kind {
                let mut words = Vec::with_capacity(seen.size as usize / WORD);
                table.look(seen.address, |it| words.extend((0..words.capacity()).filter_map(|at| word(it, at * WORD))));
                found.extend(Some(words).filter(|words| is_counted(words)));
            }
        }
    }
    found.pop().filter(|_| found.is_empty())
}

/// Returns the places, in words, of what was as many as the few senders, and is now as many as the more.
fn senders(few: &[usize], more: &[usize]) -> impl Iterator<Item = usize> {
    few.iter().zip(more).enumerate().filter(|(_, counts)| *counts == (&FEW, &MORE)).map(|(at, _)| at)
}

fn only(mut places: impl Iterator<Item = usize>) -> Option<usize> {
    places.next().filter(|_| places.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gap_that_happens_to_hold_the_number_is_no_count() {
        let (few, more) = ([12, 1, FEW, FEW, 0], [24, 1, FEW, MORE, 0]);
        assert_eq!(only(senders(&few, &more)), Some(3));
    }

    #[test]
    fn count_with_two_places_is_not_told() {
        let (few, more) = ([12, 1, FEW, FEW], [24, 1, MORE, MORE]);
        assert_eq!(only(senders(&few, &more)), None);
    }
}
