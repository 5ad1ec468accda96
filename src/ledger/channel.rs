//! Channels: what is told of a live one, and the kinds: a table with one row each.

use std::borrow::Cow;

use crate::finding::Site;

/// One live channel, lock, or signal between tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveChannel {
    /// What kind it is: `tokio mpsc`, `std mpsc (bounded)`, or the name of a [`ChannelKind`].
    pub kind: Cow<'static, str>,
    /// The type of what is sent, or of what a lock guards; `None` where the kind has none, and without debug information.
    pub element: Option<String>,
    /// Where it was made.
    pub site: Site,
    /// How many handles share it: senders and receivers together, weak senders too.
    pub handles: usize,
    /// How many of them send; `None` where the kind does not tell.
    pub senders: Option<usize>,
    /// Whether it has an end to wait for, as a channel has and a lock has not.
    pub(crate) closes: bool,
    /// The functions from the one that allocates to the one of `site`.
    pub(crate) functions: Vec<String>,
    pub(crate) address: usize,
}

/// A kind of channel, known by the type that its handles share.
///
/// lightsout knows those of tokio, of the standard library, and of `async-channel`, `flume`, `crossbeam-channel` and
/// `futures-channel`. A check is told of a further one:
///
/// ```
/// use lightsout::{ChannelKind, Check};
///
/// let bus = ChannelKind::new("bus", "my_crate::bus::Shared<*>");
/// let check = Check::new("bus").channel_kind(bus);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a kind is looked for only by the check that it is given to"]
pub struct ChannelKind {
    pub(crate) name: Cow<'static, str>,
    /// The type in the `Arc` or the `Box`; `*` stands for the type of what is sent.
    shared: Cow<'static, str>,
    /// The functions that make it, for programs without debug information; empty where a user's own code does.
    makers: &'static [&'static str],
    pub(crate) counts: Counts,
    pub(crate) ends: Ends,
}

/// Where the handles are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// All in the strong count of an `Arc`.
    Together,
    /// All in the strong count of an `Arc`, and senders in a word of their own that this planted channel has too.
    Senders(Plant),
    /// In two words, one after the other, that this planted channel has in the same place.
    Apart(Plant),
}

/// A channel that is planted to learn where it counts its handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plant {
    TokioBounded,
    TokioUnbounded,
    StdList,
    StdArray,
    StdZero,
}

/// Whether somebody may wait for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// A channel: open until its handles are gone.
    Closes,
    /// A lock, or a signal between tasks: it has no end.
    Never,
}

impl ChannelKind {
    /// Makes a kind: the name that findings use, and the type that its handles share in an `Arc`, by its full path, with `*` in place of
    /// the type of what is sent.
    pub fn new(name: impl Into<String>, shared: impl Into<String>) -> Self {
        Self {
            name: Cow::Owned(name.into()),
            shared: Cow::Owned(shared.into()),
            makers: &[],
            counts: Counts::Together,
            ends: Ends::Closes,
        }
    }

    /// Returns the name that findings use.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether a type is the one that handles of this kind share, and what is sent: `Some("")` where it has no parameter.
    pub(crate) fn element<'a>(&self, held: &'a str) -> Option<&'a str> {
        match self.shared.split_once('*') {
            None => (held == self.shared).then_some(""),
            Some((before, behind)) => held.strip_prefix(before)?.strip_suffix(behind),
        }
    }

    /// Returns whether one of these functions makes channels of this kind.
    pub(crate) fn is_made_by(&self, functions: &[String]) -> bool {
        self.makers.iter().any(|maker| functions.iter().any(|function| function == maker))
    }
}

const fn channel(
    name: &'static str,
    shared: &'static str,
    makers: &'static [&'static str],
    counts: Counts,
) -> ChannelKind {
    let (name, shared) = (Cow::Borrowed(name), Cow::Borrowed(shared));
    ChannelKind { name, shared, makers, counts, ends: Ends::Closes }
}

const fn lock(name: &'static str, shared: &'static str) -> ChannelKind {
    let (name, shared) = (Cow::Borrowed(name), Cow::Borrowed(shared));
    ChannelKind { name, shared, makers: &[], counts: Counts::Together, ends: Ends::Never }
}

/// What is known without being told. A further crate is one more row.
#[rustfmt::skip]
pub(crate) static ROWS: [ChannelKind; 21] = [
    channel("tokio mpsc", "tokio::sync::mpsc::chan::Chan<*, tokio::sync::mpsc::bounded::Semaphore>", &["tokio::sync::mpsc::bounded::channel"], Counts::Senders(Plant::TokioBounded)),
    channel("tokio mpsc (unbounded)", "tokio::sync::mpsc::chan::Chan<*, tokio::sync::mpsc::unbounded::Semaphore>", &["tokio::sync::mpsc::unbounded::unbounded_channel"], Counts::Senders(Plant::TokioUnbounded)),
    channel("tokio oneshot", "tokio::sync::oneshot::Inner<*>", &["tokio::sync::oneshot::channel"], Counts::Together),
    channel("tokio watch", "tokio::sync::watch::Shared<*>", &["tokio::sync::watch::channel", "tokio::sync::watch::Sender<T>::new"], Counts::Together),
    channel("tokio broadcast", "tokio::sync::broadcast::Shared<*>", &["tokio::sync::broadcast::channel", "tokio::sync::broadcast::Sender<T>::new"], Counts::Together),
    lock("tokio Notify", "tokio::sync::notify::Notify"),
    lock("tokio Semaphore", "tokio::sync::semaphore::Semaphore"),
    lock("tokio Mutex", "tokio::sync::mutex::Mutex<*>"),
    lock("tokio RwLock", "tokio::sync::rwlock::RwLock<*>"),
    lock("tokio Barrier", "tokio::sync::barrier::Barrier"),
    channel("std mpsc", "std::sync::mpmc::counter::Counter<std::sync::mpmc::list::Channel<*>>", &["std::sync::mpsc::channel"], Counts::Apart(Plant::StdList)),
    channel("std mpsc (bounded)", "std::sync::mpmc::counter::Counter<std::sync::mpmc::array::Channel<*>>", &["std::sync::mpsc::sync_channel"], Counts::Apart(Plant::StdArray)),
    channel("std mpsc (rendezvous)", "std::sync::mpmc::counter::Counter<std::sync::mpmc::zero::Channel<*>>", &[], Counts::Apart(Plant::StdZero)),
    channel("crossbeam channel", "crossbeam_channel::counter::Counter<crossbeam_channel::flavors::list::Channel<*>>", &["crossbeam_channel::channel::unbounded"], Counts::Apart(Plant::StdList)),
    channel("crossbeam channel (bounded)", "crossbeam_channel::counter::Counter<crossbeam_channel::flavors::array::Channel<*>>", &["crossbeam_channel::channel::bounded"], Counts::Apart(Plant::StdArray)),
    channel("crossbeam channel (rendezvous)", "crossbeam_channel::counter::Counter<crossbeam_channel::flavors::zero::Channel<*>>", &[], Counts::Apart(Plant::StdZero)),
    channel("async-channel", "async_channel::Channel<*>", &["async_channel::bounded", "async_channel::unbounded"], Counts::Together),
    channel("flume channel", "flume::Shared<*>", &["flume::bounded", "flume::unbounded"], Counts::Together),
    channel("futures mpsc", "futures_channel::mpsc::BoundedInner<*>", &["futures_channel::mpsc::channel"], Counts::Together),
    channel("futures mpsc (unbounded)", "futures_channel::mpsc::UnboundedInner<*>", &["futures_channel::mpsc::unbounded"], Counts::Together),
    channel("futures oneshot", "futures_channel::oneshot::Inner<*>", &["futures_channel::oneshot::channel"], Counts::Together),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_read_from_the_type() {
        fn sent(held: &str) -> Option<(&str, &str)> {
            ROWS.iter().find_map(|row| Some((row.name(), row.element(held)?)))
        }
        let bounded = "tokio::sync::mpsc::chan::Chan<(u8, app::Job), tokio::sync::mpsc::bounded::Semaphore>";
        assert_eq!(sent(bounded), Some(("tokio mpsc", "(u8, app::Job)")));
        assert_eq!(sent("tokio::sync::notify::Notify"), Some(("tokio Notify", "")));
        assert_eq!(sent("app::Shared<u8>"), None);
        assert_eq!(ChannelKind::new("mine", "app::Shared<*>").element("app::Shared<u8>"), Some("u8"));
    }

    #[test]
    fn no_two_rows_have_one_name() {
        let names: std::collections::BTreeSet<_> = ROWS.iter().map(ChannelKind::name).collect();
        assert_eq!(names.len(), ROWS.len());
    }
}
