//! The names that `tokio::task::Builder::name` gives, read from tokio's own spans.
//!
//! tokio puts a task's name nowhere but into a span that it opens at the spawn (feature `tracing`, `--cfg tokio_unstable`). So a
//! run that has a rule about names puts a subscriber on its threads that reads these spans and hands everything on to whatever
//! was the subscriber before. Runs without such a rule do not pay for it.

pub(crate) use flavor::{AVAILABLE, adopt_thread, read, read_all};

#[cfg(all(feature = "tracing", tokio_unstable))]
mod flavor {
    use std::cell::RefCell;
    use std::fmt;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Weak};

    use tracing_core::dispatcher::{self, DefaultGuard, Dispatch};
    use tracing_core::field::{Field, Visit};
    use tracing_core::span::{Attributes, Current, Id, Record};
    use tracing_core::{Event, Interest, LevelFilter, Metadata, Subscriber};

    use crate::allow::Allow;
    use crate::ledger::Ledger;
    use crate::lock::lock;

    /// Whether task names can be read.
    pub(crate) const AVAILABLE: bool = true;

    thread_local! {
        /// Ends the reading when the thread ends.
        static GUARD: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
    }

    /// Reads names from now on if a rule asks for them; the body's thread calls it.
    pub(crate) fn read(ledger: &Arc<Ledger>, rules: &[Allow]) {
        if rules.iter().any(Allow::asks_for_names) {
            let behind = dispatcher::get_default(Dispatch::clone);
            let reader = Reader { behind, ledger: Arc::downgrade(ledger), own_spans: AtomicU64::new(0) };
            ledger.reader.get_or_init(|| Dispatch::new(reader));
            adopt_thread(ledger);
        }
    }

    /// Asks every span's place once more whether it is read. A thread of another test that came to the spawn span for the first time
    /// while the reader was put up may have decided, without a lock, that nobody wants it.
    pub(crate) fn read_all(ledger: &Ledger) {
        if ledger.reader.get().is_some() {
            tracing_core::callsite::rebuild_interest_cache();
        }
    }

    /// Reads on the calling thread too; the runtime's threads call it when they start.
    pub(crate) fn adopt_thread(ledger: &Ledger) {
        if let Some(reader) = ledger.reader.get() {
            GUARD.with(|guard| *guard.borrow_mut() = Some(dispatcher::set_default(reader)));
        }
    }

    /// Reads the spawn spans and hands everything on.
    struct Reader {
        /// The subscriber that was there before.
        behind: Dispatch,
        /// Weak, since the ledger holds the reader.
        ledger: Weak<Ledger>,
        /// Counts the spans that only this reader wanted.
        own_spans: AtomicU64,
    }

    /// Marks the ids of spans that only this reader wanted.
    const OWN: u64 = 1 << 63;

    fn is_spawn(metadata: &Metadata<'_>) -> bool {
        metadata.name() == "runtime.spawn" && metadata.target() == "tokio::task"
    }

    fn is_own(id: &Id) -> bool {
        id.into_u64() & OWN != 0
    }

    impl fmt::Debug for Reader {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Reader").finish_non_exhaustive()
        }
    }

    impl Subscriber for Reader {
        fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
            if is_spawn(metadata) { Interest::always() } else { self.behind.register_callsite(metadata) }
        }

        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            is_spawn(metadata) || self.behind.enabled(metadata)
        }

        fn max_level_hint(&self) -> Option<LevelFilter> {
            Some(LevelFilter::TRACE)
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            if is_spawn(span.metadata()) {
                let mut spawned = Spawned::default();
                span.record(&mut spawned);
                if let (Some(ledger), false) = (self.ledger.upgrade(), spawned.name.is_empty()) {
                    lock(&ledger.names).insert(spawned.id, spawned.name);
                }
                if !self.behind.enabled(span.metadata()) {
                    return Id::from_u64(OWN | self.own_spans.fetch_add(1, Ordering::Relaxed));
                }
            }
            self.behind.new_span(span)
        }

        fn record(&self, span: &Id, values: &Record<'_>) {
            if !is_own(span) {
                self.behind.record(span, values);
            }
        }

        fn record_follows_from(&self, span: &Id, follows: &Id) {
            if !is_own(span) && !is_own(follows) {
                self.behind.record_follows_from(span, follows);
            }
        }

        fn event(&self, event: &Event<'_>) {
            self.behind.event(event);
        }

        fn enter(&self, span: &Id) {
            if !is_own(span) {
                self.behind.enter(span);
            }
        }

        fn exit(&self, span: &Id) {
            if !is_own(span) {
                self.behind.exit(span);
            }
        }

        fn clone_span(&self, id: &Id) -> Id {
            if is_own(id) { id.clone() } else { self.behind.clone_span(id) }
        }

        fn try_close(&self, id: Id) -> bool {
            is_own(&id) || self.behind.try_close(id)
        }

        fn current_span(&self) -> Current {
            self.behind.current_span()
        }
    }

    /// What a spawn span tells.
    #[derive(Default)]
    struct Spawned {
        id: u64,
        /// Empty for a task without a name.
        name: String,
    }

    impl Visit for Spawned {
        fn record_u64(&mut self, field: &Field, value: u64) {
            if field.name() == "task.id" {
                self.id = value;
            }
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "task.name" {
                self.name = format!("{value:?}");
            }
        }
    }
}

#[cfg(not(all(feature = "tracing", tokio_unstable)))]
mod flavor {
    use std::sync::Arc;

    use crate::allow::Allow;
    use crate::ledger::Ledger;

    /// Whether task names can be read.
    pub(crate) const AVAILABLE: bool = false;

    /// Reads nothing here.
    pub(crate) fn read(_: &Arc<Ledger>, _: &[Allow]) {}

    /// Reads nothing here.
    pub(crate) fn read_all(_: &Ledger) {}

    /// Reads nothing here.
    pub(crate) fn adopt_thread(_: &Ledger) {}
}
