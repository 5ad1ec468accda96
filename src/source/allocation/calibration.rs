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

/// Something planted, and how many handles it has.
struct Planted {
    _handles: Box<dyn Any>,
    count: usize,
}

/// Makes something with so many senders, or owners where there is only one sort.
type Make = fn(usize) -> Planted;

/// What is planted for each kind.
#[rustfmt::skip]
static PLANTS: [(&str, Make); 13] = [
    ("tokio mpsc", |senders| { let (tx, rx) = mpsc::channel::<u8>(4); both(vec![tx; senders], rx) }),
    ("tokio mpsc (unbounded)", |senders| { let (tx, rx) = mpsc::unbounded_channel::<u8>(); both(vec![tx; senders], rx) }),
    ("tokio oneshot", |_| planted(oneshot::channel::<u8>(), 2)),
    ("tokio watch", |senders| { let (tx, rx) = watch::channel(0_u8); both(vec![tx; senders], rx) }),
    ("tokio broadcast", |senders| { let (tx, rx) = broadcast::channel::<u8>(4); both(vec![tx; senders], rx) }),
    ("tokio Notify", |owners| owned(Arc::new(sync::Notify::new()), owners)),
    ("tokio Semaphore", |owners| owned(Arc::new(sync::Semaphore::new(1)), owners)),
    ("tokio Mutex", |owners| owned(Arc::new(sync::Mutex::new(0_u8)), owners)),
    ("tokio RwLock", |owners| owned(Arc::new(sync::RwLock::new(0_u8)), owners)),
    ("tokio Barrier", |owners| owned(Arc::new(sync::Barrier::new(2)), owners)),
    ("std mpsc", |senders| { let (tx, rx) = std_mpsc::channel::<u8>(); both(vec![tx; senders], rx) }),
    ("std mpsc (bounded)", |senders| { let (tx, rx) = std_mpsc::sync_channel::<u8>(4); both(vec![tx; senders], rx) }),
    ("std mpsc (rendezvous)", |senders| { let (tx, rx) = std_mpsc::sync_channel::<u8>(0); both(vec![tx; senders], rx) }),
];

fn both<S: 'static, R: 'static>(senders: Vec<S>, receiver: R) -> Planted {
    let count = senders.len() + 1;
    planted((senders, receiver), count)
}

fn owned<T: 'static>(arc: Arc<T>, owners: usize) -> Planted {
    planted(vec![arc; owners], owners)
}

fn planted(handles: impl Any, count: usize) -> Planted {
    Planted { _handles: Box::new(handles), count }
}

/// Numbers of senders that hardly anything else in a channel equals.
const FEW: usize = 11;
const MORE: usize = 23;

fn learn() -> Calibration {
    let mut learned = Calibration::default();
    for (name, make) in PLANTS {
        let kind = ROWS.iter().find(|kind| kind.name() == name).expect("lightsout bug: what is planted has a row");
        match Option::zip(dig_up(kind, make, FEW), dig_up(kind, make, MORE)) {
            Some((few, more)) => learned.places.extend(place(kind.counts, &few, &more)),
            None => learned.missing.push(name),
        }
    }
    learned
}

/// Plants something and returns the words of what was found of its kind: one, with as many handles.
fn dig_up(kind: &ChannelKind, make: Make, senders: usize) -> Option<Vec<usize>> {
    let run = recorder::fresh_run();
    recorder::enter(run);
    let planted = make(senders);
    recorder::enter(NO_RUN);
    find(kind, run, planted.count)
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

/// Returns where senders are counted, from one channel with few of them and one with more.
fn place(counts: Counts, few: &[usize], more: &[usize]) -> Option<(Plant, usize)> {
    let is_senders = |at: &usize| few[*at] == FEW && more.get(*at) == Some(&MORE);
    match counts {
        Counts::Together => None,
        Counts::Senders(plant) => Some((plant, (2..few.len()).find(is_senders)? * WORD)),
        Counts::Apart(plant) => {
            let has_one_receiver = |at: &usize| few.get(at + 1) == Some(&1);
            let at = (0..few.len()).filter(is_senders).find(has_one_receiver)?;
            Some((plant, (few.len() - at) * WORD))
        }
    }
}
