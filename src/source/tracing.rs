//! Reads tracing: events that tell of components (see [`convention`](crate::convention)), and the names of tasks.
//!
//! Each run puts a subscriber of its own on its threads, which reads and hands everything on to whatever was the subscriber before:
//! that of the thread that asked for the run, or the global one, also if it is set later.

pub(crate) use flavor::{Behind, adopt_thread, behind, read, read_all, stay_on_top};

#[cfg(feature = "tracing")]
pub(crate) use flavor::over;

#[cfg(feature = "tracing")]
mod flavor {
    use std::borrow::Cow;
    use std::cell::RefCell;
    use std::fmt;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, OnceLock, Weak};
    use std::{mem, thread};

    use tracing_core::dispatcher::{self, DefaultGuard, Dispatch};
    use tracing_core::field::{Field, Visit};
    use tracing_core::span::{Attributes, Current, Id, Record};
    use tracing_core::subscriber::NoSubscriber;
    use tracing_core::{Event, Interest, LevelFilter, Metadata, Subscriber};

    use crate::allow::Allow;
    use crate::finding::Site;
    use crate::ledger::component::Told;
    use crate::ledger::{self, Ledger};
    use crate::lock::lock;
    use crate::recorder::unrecorded;
    use crate::source::names::{Spawned, is_spawn};

    thread_local! {
        /// Ends the reading when the thread ends.
        static GUARD: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
    }

    /// The subscriber behind which a run reads.
    pub(crate) type Behind = Dispatch;

    /// Returns the subscriber of the calling thread, behind which the runs that it asks for read.
    pub(crate) fn behind() -> Behind {
        let own = dispatcher::get_default(|default| match default.downcast_ref::<Reader>() {
            // Inside another run: what stands behind that one.
            Some(reader) => reader.behind().clone(),
            None => default.clone(),
        });
        console().unwrap_or(own)
    }

    #[cfg(all(feature = "console", tokio_unstable))]
    use crate::source::console::subscriber as console;

    /// There is none in this build.
    #[cfg(not(all(feature = "console", tokio_unstable)))]
    fn console() -> Option<Dispatch> {
        None
    }

    /// Reads from now on, task names too if a rule asks for them; the body's thread calls it.
    pub(crate) fn read(ledger: &Arc<Ledger>, behind: &Behind, rules: &[Allow]) {
        let names = rules.iter().any(Allow::asks_for_names);
        ledger.reader.get_or_init(|| Dispatch::new(Reader::new(ledger, behind.clone(), names)));
        adopt_thread(ledger);
    }

    /// Asks every span's place once more whether it is read, where names are. A thread of another test that came to the spawn span for
    /// the first time while the reader was put up may have decided, without a lock, that nobody wants it.
    pub(crate) fn read_all(ledger: &Ledger) {
        let reader = ledger.reader.get().and_then(|reader| reader.downcast_ref::<Reader>());
        if reader.is_some_and(|reader| reader.names) {
            tracing_core::callsite::rebuild_interest_cache();
        }
    }

    /// Reads on the calling thread too; the runtime's threads call it when they start.
    pub(crate) fn adopt_thread(ledger: &Ledger) {
        if let Some(reader) = ledger.reader.get() {
            GUARD.with(|guard| {
                // The reader of an earlier run on this thread goes first, or its end would take this one away.
                guard.take();
                guard.replace(Some(dispatcher::set_default(reader)));
            });
        }
    }

    /// Puts the reader on top again where the body has just set a subscriber of its own.
    pub(crate) fn stay_on_top(ledger: &Arc<Ledger>) {
        let theirs = dispatcher::get_default(|default| (!default.is::<Reader>()).then(|| default.clone()));
        if let Some(theirs) = theirs {
            ledger.events_missed.store(true, Ordering::Release);
            let reader = Dispatch::new(Reader::new(ledger, theirs, asks_for_names(ledger)));
            // When the body's own guard is dropped, the first reader is back; ours would bring the body's subscriber back.
            mem::forget(dispatcher::set_default(&reader));
        }
    }

    /// Returns the run's reader with this subscriber behind it; outside a run only the latter.
    pub(crate) fn over(behind: Dispatch) -> Dispatch {
        match ledger::current() {
            Some(ledger) => Dispatch::new(Reader::new(&ledger, behind, asks_for_names(&ledger))),
            None => behind,
        }
    }

    fn asks_for_names(ledger: &Ledger) -> bool {
        let reader = ledger.reader.get().and_then(|reader| reader.downcast_ref::<Reader>());
        reader.is_some_and(|reader| reader.names)
    }

    /// Reads, and hands everything on.
    struct Reader {
        /// The subscriber that was there before; none at all, where there was none.
        behind: Dispatch,
        /// The global subscriber; unset before it is needed.
        global: OnceLock<Dispatch>,
        /// Weak, since the ledger holds the reader.
        ledger: Weak<Ledger>,
        /// Whether spawn spans are read.
        names: bool,
        /// Counts the spans that only this reader wanted.
        own_spans: AtomicU64,
    }

    /// Marks the ids of spans that only this reader wanted.
    const OWN: u64 = 1 << 63;

    fn is_own(id: &Id) -> bool {
        id.into_u64() & OWN != 0
    }

    /// Returns whether an event of this form tells of a component.
    fn is_told(metadata: &Metadata<'_>) -> bool {
        let has = |name| metadata.fields().field(name).is_some();
        metadata.is_event() && has("component") && (has("closing") || has("opened") || has("work"))
    }

    impl Reader {
        fn new(ledger: &Arc<Ledger>, behind: Dispatch, names: bool) -> Self {
            let (global, own_spans) = (OnceLock::new(), AtomicU64::new(0));
            Self { behind, global, ledger: Arc::downgrade(ledger), names, own_spans }
        }

        fn reads(&self, metadata: &Metadata<'_>) -> bool {
            is_told(metadata) || (self.names && is_spawn(metadata))
        }

        /// Returns what stands behind. A test may set the global subscriber in its body.
        fn behind(&self) -> &Dispatch {
            if !self.behind.is::<NoSubscriber>() || !dispatcher::has_been_set() {
                return &self.behind;
            }
            // Inside a subscriber nobody is told of another one; a fresh thread has only the global one.
            let ask = || {
                thread::spawn(|| dispatcher::get_default(Dispatch::clone)).join().unwrap_or_else(|_| Dispatch::none())
            };
            self.global.get_or_init(|| unrecorded(ask))
        }
    }

    impl fmt::Debug for Reader {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Reader").finish_non_exhaustive()
        }
    }

    impl Subscriber for Reader {
        fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
            if self.reads(metadata) {
                Interest::always()
            } else if self.behind.is::<NoSubscriber>() {
                // The global one, which may come later, is asked by itself.
                Interest::never()
            } else {
                self.behind.register_callsite(metadata)
            }
        }

        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            self.reads(metadata) || self.behind().enabled(metadata)
        }

        fn max_level_hint(&self) -> Option<LevelFilter> {
            Some(LevelFilter::TRACE)
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            if self.names && is_spawn(span.metadata()) {
                let mut spawned = Spawned::default();
                span.record(&mut spawned);
                if let (Some(ledger), false) = (self.ledger.upgrade(), spawned.name.is_empty()) {
                    lock(&ledger.names).insert(spawned.id, spawned.name);
                }
                if !self.behind().enabled(span.metadata()) {
                    return Id::from_u64(OWN | self.own_spans.fetch_add(1, Ordering::Relaxed));
                }
            }
            self.behind().new_span(span)
        }

        fn record(&self, span: &Id, values: &Record<'_>) {
            if !is_own(span) {
                self.behind().record(span, values);
            }
        }

        fn record_follows_from(&self, span: &Id, follows: &Id) {
            if !is_own(span) && !is_own(follows) {
                self.behind().record_follows_from(span, follows);
            }
        }

        fn event(&self, event: &Event<'_>) {
            if is_told(event.metadata()) {
                if let Some(ledger) = self.ledger.upgrade() {
                    tell(&ledger, event);
                }
                if !self.behind().enabled(event.metadata()) {
                    return;
                }
            }
            self.behind().event(event);
        }

        fn enter(&self, span: &Id) {
            if !is_own(span) {
                self.behind().enter(span);
            }
        }

        fn exit(&self, span: &Id) {
            if !is_own(span) {
                self.behind().exit(span);
            }
        }

        fn clone_span(&self, id: &Id) -> Id {
            if is_own(id) { id.clone() } else { self.behind().clone_span(id) }
        }

        fn try_close(&self, id: Id) -> bool {
            is_own(&id) || self.behind().try_close(id)
        }

        fn current_span(&self) -> Current {
            self.behind().current_span()
        }
    }

    /// Writes down what an event tells of a component.
    fn tell(ledger: &Ledger, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let at = place(event.metadata());
        match fields.told() {
            Ok(told) => ledger.components.tell((fields.component, fields.id), told, at),
            Err(wrong) => ledger.components.misunderstand(wrong, at),
        }
    }

    fn place(metadata: &'static Metadata<'static>) -> Site {
        match metadata.file() {
            Some(file) => Site { file: Cow::Borrowed(file), line: metadata.line().unwrap_or(0), column: 0 },
            None => Site::unknown(),
        }
    }

    /// The fields of an event that tells of a component.
    #[derive(Default)]
    struct Fields {
        component: String,
        id: Option<String>,
        closing: Option<String>,
        work: Option<String>,
        opened: bool,
    }

    impl Fields {
        fn told(&self) -> Result<Told, String> {
            let wrong =
                |field: &str, value: &str, accepted: &str| Err(format!("`{field} = {value:?}` is none of {accepted}"));
            match (self.closing.as_deref(), self.work.as_deref()) {
                _ if self.component.is_empty() => Err("its component has no name".to_owned()),
                (Some(_), Some(_)) => Err("`closing` and `work` stand in one event".to_owned()),
                (Some("begin"), None) => Ok(Told::CloseBegins),
                (Some("end"), None) => Ok(Told::CloseEnds),
                (Some(value), None) => wrong("closing", value, "`begin`, `end`"),
                (None, Some("accepted")) => Ok(Told::Accepted),
                (None, Some("done")) => Ok(Told::Done),
                (None, Some("refused")) => Ok(Told::Refused),
                (None, Some(value)) => wrong("work", value, "`accepted`, `done`, `refused`"),
                (None, None) if self.opened => Ok(Told::Opened),
                (None, None) => Err("it has neither `opened = true`, nor `closing`, nor `work`".to_owned()),
            }
        }

        fn set(&mut self, field: &Field, text: String) {
            match field.name() {
                "component" => self.component = text,
                "id" => self.id = Some(text),
                "closing" => self.closing = Some(text),
                "work" => self.work = Some(text),
                _ => {}
            }
        }
    }

    impl Visit for Fields {
        fn record_bool(&mut self, field: &Field, value: bool) {
            if field.name() == "opened" {
                self.opened = value;
            }
        }

        fn record_str(&mut self, field: &Field, value: &str) {
            self.set(field, value.to_owned());
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.set(field, format!("{value:?}"));
        }
    }
}

#[cfg(not(feature = "tracing"))]
mod flavor {
    use std::sync::Arc;

    use crate::allow::Allow;
    use crate::ledger::Ledger;

    /// Nothing is read here.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Behind;

    /// Nothing is read here.
    pub(crate) fn behind() -> Behind {
        Behind
    }

    /// Reads nothing here.
    pub(crate) fn read(_: &Arc<Ledger>, _: &Behind, _: &[Allow]) {}

    /// Reads nothing here.
    pub(crate) fn read_all(_: &Ledger) {}

    /// Reads nothing here.
    pub(crate) fn adopt_thread(_: &Ledger) {}

    /// Reads nothing here.
    pub(crate) fn stay_on_top(_: &Arc<Ledger>) {}
}
