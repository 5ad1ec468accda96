//! The names that `tokio::task::Builder::name` gives, read from tokio's own spans.
//!
//! tokio puts a task's name nowhere but into a span that it opens at the spawn (feature `tracing`, `--cfg tokio_unstable`). A run that
//! has a rule about names reads these spans; others do not pay for it.

#[cfg(feature = "tracing")]
pub(crate) use spawn::{Spawned, is_spawn};

/// Whether task names can be read.
pub(crate) const AVAILABLE: bool = cfg!(all(feature = "tracing", tokio_unstable));

#[cfg(feature = "tracing")]
mod spawn {
    use std::fmt;

    use tracing_core::Metadata;
    use tracing_core::field::{Field, Visit};

    /// Returns whether this is the span of a spawn.
    pub(crate) fn is_spawn(metadata: &Metadata<'_>) -> bool {
        metadata.name() == "runtime.spawn" && metadata.target() == "tokio::task"
    }

    /// What a spawn span tells.
    #[derive(Default)]
    pub(crate) struct Spawned {
        pub(crate) id: u64,
        /// Empty for a task without a name.
        pub(crate) name: String,
    }

    impl Visit for Spawned {
        fn record_u64(&mut self, field: &Field, value: u64) {
            if field.name() == "task.id" {
                self.id = value;
            }
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "task.name" {
                self.name = format!("{value:?}");
            }
        }
    }
}
