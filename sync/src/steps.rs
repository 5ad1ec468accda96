//! The steps of one order of a model. Not for anyone else: it changes without notice.
//!
//! loom runs all threads of a model on one thread of the system, so what they write down stands in one place.

use std::panic::Location;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who made it.
    pub actor: String,
    /// What it did.
    pub what: String,
    /// Where.
    pub at: &'static Location<'static>,
}

/// The steps of one order, and what was still waited for at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// In the order in which they happened.
    pub made: Vec<Step>,
    /// One for each actor that waited.
    pub waiting: Vec<Step>,
}

#[cfg(loom)]
pub use written::{begin, name, step, take, wait};

#[cfg(loom)]
mod written {
    use std::cell::{Cell, RefCell};
    use std::panic::Location;

    use loom::thread::{self, ThreadId};

    use super::{Step, Steps};

    thread_local! {
        /// Whether steps are written down; a search of all orders does without.
        static WRITING: Cell<bool> = const { Cell::new(false) };
        static PAGE: RefCell<Page> = RefCell::default();
    }

    #[derive(Default)]
    struct Page {
        names: Vec<(ThreadId, String)>,
        steps: Steps,
        /// What each thread that waits waits for.
        waiting: Vec<(ThreadId, Step)>,
    }

    impl Page {
        fn step(&self, thread: ThreadId, what: String, at: &'static Location<'static>) -> Step {
            let name = self.names.iter().find(|(named, _)| *named == thread).map(|(_, name)| name.clone());
            Step { actor: name.unwrap_or_else(|| "the test".to_owned()), what, at }
        }
    }

    /// Writes down the steps from now on.
    pub fn begin() {
        PAGE.with(|page| *page.borrow_mut() = Page::default());
        WRITING.set(true);
    }

    /// Ends the writing, and returns what was written.
    #[must_use]
    pub fn take() -> Steps {
        WRITING.set(false);
        let page = PAGE.take();
        Steps { waiting: page.waiting.into_iter().map(|(_, step)| step).collect(), ..page.steps }
    }

    /// Names the calling actor.
    pub fn name(name: &str) {
        if WRITING.get() {
            let own = thread::current().id();
            PAGE.with(|page| page.borrow_mut().names.push((own, name.to_owned())));
        }
    }

    /// Writes down a step that was made just now.
    #[inline]
    pub fn step(at: &'static Location<'static>, what: impl FnOnce() -> String) {
        if WRITING.get() {
            let own = thread::current().id();
            PAGE.with(|page| {
                let step = page.borrow().step(own, what(), at);
                page.borrow_mut().steps.made.push(step);
            });
        }
    }

    /// Does something that may wait.
    #[inline]
    pub fn wait<R>(what: &str, at: &'static Location<'static>, act: impl FnOnce() -> R) -> R {
        if !WRITING.get() {
            return act();
        }
        let own = thread::current().id();
        PAGE.with(|page| {
            let step = page.borrow().step(own, what.to_owned(), at);
            page.borrow_mut().waiting.push((own, step));
        });
        let result = act();
        PAGE.with(|page| page.borrow_mut().waiting.retain(|(waiting, _)| *waiting != own));
        result
    }
}
