//! What a body may return, and what that says of it.

use std::fmt::Debug;

use crate::finding::Ending;

/// What a body may return: `()`, or a `Result` whose error can be printed.
#[diagnostic::on_unimplemented(
    message = "a checked body cannot return `{Self}`",
    label = "returns neither `()` nor a `Result`",
    note = "return `()`, or `Result<(), E>` where `E: Debug`"
)]
pub trait Verdict {
    /// Turns the value into how the body ended.
    #[doc(hidden)]
    fn ending(self) -> Ending;
}

impl Verdict for () {
    fn ending(self) -> Ending {
        Ending::Passed
    }
}

impl<T: Verdict, E: Debug> Verdict for Result<T, E> {
    fn ending(self) -> Ending {
        match self {
            Ok(value) => value.ending(),
            Err(error) => Ending::Failed(format!("{error:?}")),
        }
    }
}

/// A body may loop for ever, until it is signalled or its deadline comes.
impl Verdict for Never {
    fn ending(self) -> Ending {
        match self {}
    }
}

/// The type `!`, which stable Rust lets nobody name but as what a function returns.
type Never = <fn() -> ! as Returning>::Output;

/// Names what a function returns.
#[doc(hidden)]
pub trait Returning {
    /// What it returns.
    type Output;
}

impl<T> Returning for fn() -> T {
    type Output = T;
}
