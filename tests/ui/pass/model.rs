//! Models.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

#[lightsout::model]
fn plain(model: &lightsout::model::Model) {
    let pool = model.resource("pool");
    model.actor("stop", move || pool.close());
}

#[lightsout::model(preemptions = 0, iterations = 1_000, time = "10s", steps = 100, crate = "lightsout")]
fn bounded(model: &lightsout::model::Model) {
    let pool = model.resource("pool").must_end();
    model.actors(1, "stop", || {
        let pool = pool.clone();
        move || pool.close()
    });
}

#[cfg(not(test))]
fn main() {}
