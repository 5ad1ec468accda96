//! Where the library is.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

/// A kit that brings lightsout along, for the tests only.
#[cfg(test)]
pub(crate) mod kit {
    pub(crate) use ::lightsout;
}

#[lightsout::test(crate = "self::kit::lightsout")]
async fn as_text() {}

#[lightsout::test(crate = self::kit::lightsout, allow(thread = "pool-*", reason = "ends by itself"))]
async fn as_a_path() {}

#[lightsout::test(crate = ::lightsout)]
async fn from_the_root() {}

#[cfg(not(test))]
fn main() {}
