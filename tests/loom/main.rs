//! Models: the cores that shutdowns have, each right and wrong, and the ledger's own table.
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" cargo test --release -p lightsout --test loom
//! ```

mod claims;
mod drain;
mod engine;
mod group;
mod idempotent;
mod latch;
#[cfg(loom)]
mod speed;
mod stream;
#[cfg(loom)]
mod table;
