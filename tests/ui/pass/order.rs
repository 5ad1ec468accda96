//! Orders of endings.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::test(order = "listener < pool < database", allow(closable = "pool", reason = "it may end late"))]
async fn stated() {
    for name in ["listener", "pool", "database"] {
        lightsout::Closable::new(name).close();
    }
}

#[lightsout::test(components = "a, b, c", order = "a < b", order = "b < c")]
async fn stated_twice() {
    for name in ["a", "b", "c"] {
        lightsout::Closable::new(name).close();
    }
}

#[cfg(not(test))]
fn main() {}
