//! What the attribute accepts, and what it says about the rest.

#[test]
fn mistakes_are_told_at_their_tokens() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn every_form_is_accepted() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

// The accepted forms again, to be run: `trybuild` builds programs, and from a program the compiler drops tests unread.
#[path = "../ui/pass/allow.rs"]
mod allow;
#[cfg(tokio_unstable)]
#[path = "../ui/pass/allow_unstable.rs"]
mod allow_unstable;
#[path = "../ui/pass/crate_path.rs"]
mod crate_path;
#[path = "../ui/pass/functions.rs"]
mod functions;
#[cfg(tokio_unstable)]
#[path = "../ui/pass/local.rs"]
mod local;
#[path = "../ui/pass/runtimes.rs"]
mod runtimes;
#[path = "../ui/pass/searches.rs"]
mod searches;
#[path = "../ui/pass/times.rs"]
mod times;
