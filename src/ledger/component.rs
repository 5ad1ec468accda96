//! What tracing events tell of components: that they open and close, and what becomes of the work that they accept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::closable::Record;
use crate::finding::{Site, Work};
use crate::lock::lock;

/// The components of one run.
#[derive(Debug, Default)]
pub(crate) struct Components {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The one that lives, or lived last, under each name.
    alive: BTreeMap<Key, Component>,
    /// Where the work was accepted that has not ended, oldest first.
    open: BTreeMap<Key, VecDeque<Site>>,
    /// What became of all the work; `lost` is not counted here.
    work: Work,
    /// Events that could not be understood: what was wrong, and where.
    misunderstood: Vec<(String, Site)>,
}

/// The name of a component, and the number or word that tells it, or a piece of its work, from others.
pub(crate) type Key = (String, Option<String>);

#[derive(Debug)]
struct Component {
    record: Arc<Record>,
    /// How many closings have begun and not ended.
    closing: u32,
}

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Opened,
    CloseBegins,
    CloseEnds,
    Accepted,
    Done,
    Refused,
}

impl Components {
    /// Writes down what an event tells.
    pub(crate) fn tell(&self, key: Key, told: Told, at: Site) {
        let mut known = lock(&self.known);
        match told {
            Told::Opened => {
                known.alive.insert(key.clone(), Component::new(key, at));
            }
            Told::CloseBegins => known.component(key, &at).begin(at),
            Told::CloseEnds => known.component(key, &at).end(at),
            Told::Accepted => known.accept(key, at),
            Told::Done | Told::Refused => known.settle(key, told, at),
        }
    }

    /// Writes down that an event could not be understood.
    pub(crate) fn misunderstand(&self, what: String, at: Site) {
        lock(&self.known).misunderstood.push((what, at));
    }

    /// Returns whether no event told of work, or could not be understood; what ends is known as a thing that is closed.
    pub(crate) fn is_empty(&self) -> bool {
        let known = lock(&self.known);
        known.work == Work::default() && known.misunderstood.is_empty()
    }

    /// Returns what could not be understood, with its places.
    pub(crate) fn misunderstood(&self) -> Vec<(String, Site)> {
        lock(&self.known).misunderstood.clone()
    }

    /// Returns where the work was accepted that has not ended.
    pub(crate) fn open(&self) -> Vec<Site> {
        lock(&self.known).open.values().flatten().cloned().collect()
    }

    /// Returns what became of all the work.
    pub(crate) fn work(&self) -> Work {
        let known = lock(&self.known);
        Work { lost: known.open.values().map(|open| open.len() as u64).sum(), ..known.work }
    }
}

impl Known {
    /// Returns the component of this name, which is known from its first event on.
    fn component(&mut self, key: Key, at: &Site) -> &mut Component {
        self.alive.entry(key).or_insert_with_key(|key| Component::new(key.clone(), at.clone()))
    }

    fn accept(&mut self, key: Key, at: Site) {
        // The component that accepts it, and not the piece of work, has no number here.
        if let Some(component) = self.alive.get(&(key.0.clone(), None)) {
            component.record.touch(|| at.clone());
        }
        self.work.accepted += 1;
        self.open.entry(key).or_default().push_back(at);
    }

    fn settle(&mut self, key: Key, told: Told, at: Site) {
        let Some(open) = self.open.get_mut(&key) else {
            return self.misunderstood.push((format!("work of `{}` ends that was not accepted", key.0), at));
        };
        open.pop_front();
        if open.is_empty() {
            self.open.remove(&key);
        }
        match told {
            Told::Refused => self.work.refused += 1,
            _ => self.work.done += 1,
        }
    }
}

impl Component {
    fn new((name, _): Key, at: Site) -> Self {
        Self { record: Record::open(name.into(), at), closing: 0 }
    }

    fn begin(&mut self, at: Site) {
        self.closing += 1;
        self.record.begin(at);
    }

    /// A closing that was told to begin is told once, and then its end is only its end.
    fn end(&mut self, at: Site) {
        if self.closing == 0 {
            self.record.close_told(at);
        } else {
            self.closing -= 1;
            self.record.end_begun(at);
        }
    }
}
