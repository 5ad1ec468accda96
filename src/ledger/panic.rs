//! A panic that happened on a thread of the run.

use crate::finding::Site;
use crate::system::symbols::{self, Frame};

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
        caught_by_tokio(symbols::frames(&self.stack))
    }
}

/// Whoever catches first is the nearest frame that catches. tokio catches around every poll, so a nearer one belongs to the
/// task's own code. Where names are stripped the panic counts as one that left its task.
fn caught_by_tokio(frames: impl Iterator<Item = Frame>) -> bool {
    frames
        .skip_while(|frame| !frame.catches())
        .find(|frame| !frame.is_std() && !frame.function.contains("__rust_try"))
        .is_none_or(|frame| frame.is_tokio_runtime())
}

#[cfg(test)]
mod tests {
    use super::{Frame, Site, caught_by_tokio};

    const STD: &str = "/rustc/59807616/library/std/src/panicking.rs";
    const TOKIO: &str = "/home/me/.cargo/registry/src/index/tokio-1.54.1/src/runtime/task/harness.rs";

    fn frames(frames: &[(&str, &str)]) -> Vec<Frame> {
        let site =
            |file: &str| Some(Site { file: file.to_owned().into(), line: 1, column: 1 }).filter(|_| !file.is_empty());
        frames
            .iter()
            .map(|(name, file)| Frame { function: (*name).to_owned(), typed: None, site: site(file) })
            .collect()
    }

    #[test]
    fn panic_that_only_tokio_catches_left_its_task() {
        let with_paths = [
            ("app::job::{{closure}}", "src/job.rs"),
            ("std::panicking::catch_unwind::do_call", STD),
            ("__rust_try", ""),
            ("std::panic::catch_unwind", STD),
            ("tokio::runtime::task::harness::poll_future", TOKIO),
        ];
        let of_line_tables = [
            ("{async_block#0}", "src/job.rs"),
            ("do_call<tokio::X>", STD),
            ("__rust_try", ""),
            ("catch_unwind<app::X>", STD),
            ("poll_future<app::X>", TOKIO),
        ];
        assert!(caught_by_tokio(frames(&with_paths).into_iter()));
        assert!(caught_by_tokio(frames(&of_line_tables).into_iter()));
    }

    #[test]
    fn panic_that_the_task_catches_did_not_leave_it() {
        let caught = [
            ("app::job::{{closure}}", "src/job.rs"),
            ("catch_unwind<tokio::X>", STD),
            (
                "<CatchUnwind<F> as Future>::poll",
                "/home/me/.cargo/registry/src/index/futures-util-0.3/src/future/catch_unwind.rs",
            ),
            ("catch_unwind", STD),
            ("tokio::runtime::task::harness::poll_future", TOKIO),
        ];
        assert!(!caught_by_tokio(frames(&caught).into_iter()));
    }

    #[test]
    fn panic_on_a_stack_without_names_counts() {
        assert!(caught_by_tokio(std::iter::empty()));
    }
}
