//! The times to wait, in every unit.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(deadline = "5s")]
async fn deadline() {}

#[lightsout::test(grace = "500ms")]
async fn grace() {}

#[lightsout::test(grace = "0ms")]
async fn no_grace() {}

#[lightsout::test(deadline = "2m", grace = "250000us")]
async fn minutes_and_microseconds() {}

#[lightsout::test(deadline = r"5000000000ns")]
async fn nanoseconds() {}

macro_rules! within {
    ($name:ident, $deadline:literal) => {
        #[lightsout::test(deadline = $deadline)]
        async fn $name() {}
    };
}

within!(through_a_macro, "5s");

#[cfg(not(test))]
fn main() {}
