//! Lets tokio-console attach to a run that hangs, or that has left something: with the feature `console`, and `LIGHTSOUT_CONSOLE=1`.
//!
//! The run's reader then has console-subscriber behind it, whose server has a thread of its own, one for the process. A subscriber of the
//! test's own sees nothing as long as somebody looks this way.

use std::time::{Duration, Instant};

use crate::census::Census;
use crate::report::words;
use crate::settings;

#[cfg(all(feature = "console", tokio_unstable))]
pub(crate) use flavor::subscriber;

/// Whether this build has a console.
pub(crate) const AVAILABLE: bool = cfg!(all(feature = "console", tokio_unstable));

/// How long a test waits for somebody to look at it, at most.
pub(crate) const HOLD: Duration = Duration::from_secs(3_600);

/// Keeps what is left as it is, so that somebody can look at it; `ring_in` is told how long. Without a console it returns at once.
pub(crate) async fn hold(left: &Census, ring_in: impl Fn(Duration)) {
    /// The body's thread may be the one that runs tasks: it is theirs in between.
    const NAP: Duration = Duration::from_millis(20);
    if !settings::console() || (left.tasks.is_empty() && left.counted == 0) {
        return;
    }
    eprintln!("{}", words::held(left.tasks.len().max(left.counted)));
    ring_in(HOLD);
    let began = Instant::now();
    // The clock of the runtime may be paused, and would be over at once.
    while began.elapsed() < HOLD {
        std::thread::sleep(NAP);
        tokio::task::yield_now().await;
    }
}

#[cfg(all(feature = "console", tokio_unstable))]
mod flavor {
    use std::sync::OnceLock;

    use console_subscriber::ConsoleLayer;
    use tracing_core::Dispatch;
    use tracing_subscriber::layer::SubscriberExt as _;

    use crate::recorder::unrecorded;
    use crate::settings;

    /// Returns the subscriber that the console looks through, if it is asked for; the first call of a process starts its server.
    pub(crate) fn subscriber() -> Option<Dispatch> {
        static CONSOLE: OnceLock<Dispatch> = OnceLock::new();
        let start = || {
            let layer = ConsoleLayer::builder().with_default_env().spawn();
            Dispatch::new(tracing_subscriber::registry().with(layer))
        };
        settings::console().then(|| CONSOLE.get_or_init(|| unrecorded(start)).clone())
    }
}
