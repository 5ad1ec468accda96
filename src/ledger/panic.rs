//! A panic that happened on a thread of the run.

use crate::finding::Site;
use crate::source::symbols;

/// Who panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A task of some runtime on this run's threads: async, blocking, or of a `LocalSet`.
    Task(u64),
    /// The body, or a thread that is not a runtime's.
    NoTask,
}

/// One panic, before anyone knows whether it was caught.
#[derive(Clone, Debug)]
pub(crate) struct Panicked {
    pub(crate) who: Who,
    pub(crate) message: String,
    pub(crate) place: Option<Site>,
    /// The code addresses on the stack, innermost first.
    pub(crate) stack: Vec<usize>,
}

impl Panicked {
    /// Returns whether the panic left its task, judged by the stack.
    pub(crate) fn left_its_task(&self) -> bool {
        caught_by_tokio(&symbols::names(&self.stack))
    }
}

/// The functions of the standard library that catch panics.
const CATCHERS: [&str; 2] = ["panicking::catch_unwind", "panic::catch_unwind"];

/// Frames of the standard library that stand between a catcher and its caller.
const PLUMBING: [&str; 7] = ["std::", "core::", "<std::", "<core::", "<alloc::", "__rust_try", "___rust_try"];

/// Whoever catches first is the nearest frame that catches. tokio catches around every poll, so a nearer one belongs to the
/// task's own code. Where names are stripped the panic counts as one that left its task.
fn caught_by_tokio(names: &[String]) -> bool {
    names
        .iter()
        .skip_while(|name| !CATCHERS.iter().any(|catcher| name.contains(catcher)))
        .find(|name| !PLUMBING.iter().any(|start| name.starts_with(start)))
        .is_none_or(|name| name.contains("tokio::runtime::"))
}

#[cfg(test)]
mod tests {
    use super::caught_by_tokio;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn panic_that_only_tokio_catches_left_its_task() {
        assert!(caught_by_tokio(&names(&[
            "app::job::{{closure}}",
            "std::panicking::catch_unwind::do_call",
            "__rust_try",
            "std::panic::catch_unwind",
            "tokio::runtime::task::harness::poll_future",
        ])));
    }

    #[test]
    fn panic_that_the_task_catches_did_not_leave_it() {
        assert!(!caught_by_tokio(&names(&[
            "app::job::{{closure}}",
            "std::panic::catch_unwind",
            "<futures_util::future::catch_unwind::CatchUnwind<F> as core::future::future::Future>::poll",
            "std::panic::catch_unwind",
            "tokio::runtime::task::harness::poll_future",
        ])));
    }

    #[test]
    fn panic_on_a_stack_without_names_counts() {
        assert!(caught_by_tokio(&[]));
    }
}
