//! Something that ends once, in a model.

use std::panic::Location;
use std::sync::{Arc, OnceLock};

use super::engine::{AtomicUsize, Ordering, step};
use super::fault::Board;
use crate::finding::{Kind, Site};
use crate::report::words;

/// Something that ends once: a listener, a pool, a registration. Clones are handles to the same thing.
#[derive(Clone, Debug)]
pub struct Resource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    made: Site,
    board: Arc<Board>,
    /// How often it was closed. Its steps order nothing else: what a core forgets to synchronise stays forgotten.
    closes: AtomicUsize,
    /// Where it was closed first; unset while it is open.
    closed: OnceLock<Site>,
    /// Set if it must end.
    must_end: OnceLock<()>,
}

impl Resource {
    pub(super) fn new(name: &str, made: Site, board: Arc<Board>) -> Self {
        let (closes, closed, must_end) = (AtomicUsize::new(0), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { name: name.to_owned(), made, board, closes, closed, must_end }))
    }

    /// Says that it must have been closed when every actor has ended.
    #[must_use = "it is the same resource"]
    pub fn must_end(self) -> Self {
        let _ = self.0.must_end.set(());
        self
    }

    /// Closes it. A second close is a fault.
    #[track_caller]
    pub fn close(&self) {
        let (caller, inner) = (Location::caller(), &*self.0);
        let before = inner.closes.fetch_add(1, Ordering::Relaxed);
        step(caller, || format!("closes `{}`", inner.name));
        inner.board.closed();
        if before > 0 {
            self.fault(Kind::DoubleClose, words::closed_again(&inner.name, 1), caller);
        } else {
            inner.closed.get_or_init(|| Site::of(caller));
        }
    }

    /// Says that it is used. After its end that is a fault.
    #[track_caller]
    pub fn touch(&self) {
        let caller = Location::caller();
        let is_closed = self.look();
        step(caller, || format!("uses `{}`", self.0.name));
        if is_closed {
            self.fault(Kind::UseAfterClose, words::used_after_close(&self.0.name, 1), caller);
        }
    }

    /// Returns whether it is closed; asking is no use of it.
    #[must_use]
    #[track_caller]
    pub fn is_closed(&self) -> bool {
        let is_closed = self.look();
        let what = if is_closed { "closed" } else { "open" };
        step(Location::caller(), || format!("sees that `{}` is {what}", self.0.name));
        is_closed
    }

    /// Reads the latest state: a plain load might read an old one.
    fn look(&self) -> bool {
        self.0.closes.fetch_add(0, Ordering::Relaxed) > 0
    }

    fn fault(&self, kind: Kind, summary: String, caller: &'static Location<'static>) {
        let first = self.0.closed.get().cloned();
        self.0.board.fault(kind, summary, first.into_iter().chain([Site::of(caller)]).collect());
    }

    /// Looks whether it has ended as it must; every actor has.
    pub(super) fn check_end(&self) {
        if self.0.must_end.get().is_some() && self.0.closed.get().is_none() {
            self.0.board.fault(Kind::OpenChannel, words::never_closed(&self.0.name), vec![self.0.made.clone()]);
        }
    }
}
