//! Something that ends once.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::finding::Site;
use crate::ledger::closable::Record;

/// Something that ends once, for test doubles: a pool, a registrar, a listener.
///
/// A second [`close`](Self::close) is a `double-close` finding with both places, and a [`touch`](Self::touch) after the first a
/// `use-after-close`. Neither panics: a finding is told when the test is over, also if the test itself panics by then. Clones are handles
/// to the same thing, on whatever thread. It belongs to the run in which something is done to it; outside a run nothing is found.
///
/// ```
/// use lightsout::{Check, Closable, Kind};
///
/// struct Pool(Closable);
///
/// impl Pool {
///     fn query(&self) {
///         self.0.touch();
///     }
///
///     // With this attribute a finding names the caller's place, and not the line below.
///     #[track_caller]
///     fn close(&self) {
///         self.0.close();
///     }
/// }
///
/// let report = Check::new("shutdown").run(|| async {
///     let pool = Pool(Closable::new("pool"));
///     pool.query();
///     pool.close();
///     pool.close();
/// });
/// assert_eq!(report.findings()[0].kind(), Kind::DoubleClose);
/// ```
#[derive(Clone)]
pub struct Closable(Arc<Record>);

impl Closable {
    /// Makes something that is open. Its name is what findings, order rules and allow rules call it.
    #[must_use = "what nobody closes is never closed twice"]
    #[track_caller]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(Record::open(name.into(), Site::of(Location::caller())))
    }

    /// Closes it. A second close is a finding.
    #[track_caller]
    pub fn close(&self) {
        self.0.close(Location::caller());
    }

    /// Says that it is used. After its end that is a finding.
    #[inline]
    #[track_caller]
    pub fn touch(&self) {
        let caller = Location::caller();
        self.0.touch(|| Site::of(caller));
    }

    /// Returns whether it is closed; asking is no use of it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl fmt::Debug for Closable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closable").field("name", &self.name()).field("closed", &self.is_closed()).finish()
    }
}
