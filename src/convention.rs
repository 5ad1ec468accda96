//! How production code tells of its end with `tracing` events, without depending on lightsout.
//!
//! Code that already uses `tracing` has a word for what a test cannot see: that a component begins to close and has closed, and what
//! became of the work that it accepted. Events with the fields below are read in every run, whatever their message, target and level,
//! and become the findings that [`Closable`](crate::Closable) and [`Ticket`](crate::Ticket) lead to. In production they are what they
//! look like: log lines.
//!
//! # The fields
//!
//! | fields | an event tells that |
//! | --- | --- |
//! | `component`, `opened = true` | the component is open; needed only where one of the same name may be opened again |
//! | `component`, `closing = "begin"` | it begins to close |
//! | `component`, `closing = "end"` | it has closed |
//! | `component`, `work = "accepted"` | it has accepted a piece of work |
//! | `component`, `work = "done"` | it has done it |
//! | `component`, `work = "refused"` | it has refused it after all, and whoever handed it in knows |
//! | and `id`, a number or a word | which one of several components of this name is meant, or which piece of work |
//!
//! Without an `id` the oldest piece of work is the one that ends. Events that have these fields and cannot be understood
//! (`closing = "done"`) are told in the report as not seen.
//!
//! # What becomes of them
//!
//! | finding | when |
//! | --- | --- |
//! | `double-close` | a component begins to close, or has closed, a second time |
//! | `use-after-close` | it accepts work after it has closed |
//! | `out-of-order` | it begins to close before what must end earlier has closed: `order = "listener < database"` |
//! | `lost-work` | work was accepted, and neither done nor refused by the end of the test |
//!
//! # A complete example
//!
//! ```
//! # #[cfg(feature = "tracing")] {
//! use lightsout::{Check, Kind};
//! use tokio::sync::mpsc;
//! use tokio::task::JoinHandle;
//! use tracing::{debug, info};
//!
//! /// Production code: it knows `tracing`, and nothing of its tests.
//! struct Mailer {
//!     letters: mpsc::Sender<u64>,
//!     sending: JoinHandle<()>,
//! }
//!
//! impl Mailer {
//!     fn start() -> Self {
//!         let (letters, mut queue) = mpsc::channel::<u64>(16);
//!         let sending = tokio::spawn(async move {
//!             while let Some(letter) = queue.recv().await {
//!                 debug!(component = "mailer", work = "done", id = letter, "sent");
//!             }
//!         });
//!         Self { letters, sending }
//!     }
//!
//!     async fn post(&self, letter: u64) {
//!         debug!(component = "mailer", work = "accepted", id = letter, "queued");
//!         self.letters.send(letter).await.expect("the queue is drained to its end");
//!     }
//!
//!     async fn stop(self) {
//!         info!(component = "mailer", closing = "begin", "stopping");
//!         // The mistake: what is queued is not sent any more.
//!         self.sending.abort();
//!         let _ = self.sending.await;
//!         info!(component = "mailer", closing = "end", "stopped");
//!     }
//! }
//!
//! // In a test this is `#[lightsout::test] async fn letters_are_sent() { ... }`.
//! let report = Check::new("letters_are_sent").run(|| async {
//!     let mailer = Mailer::start();
//!     mailer.post(7).await;
//!     mailer.stop().await;
//! });
//! assert_eq!(report.findings()[0].kind(), Kind::LostWork);
//! assert_eq!(report.coverage().work().lost, 1);
//! # }
//! ```
//!
//! # Needs
//!
//! The feature `tracing` of lightsout, in the dev-dependency; no flag, and nothing in production. Levels that `tracing` itself was
//! built without (its features `max_level_*`) are not seen.
//!
//! # Beside a subscriber of the test
//!
//! The reader belongs to one run and its threads. A subscriber that is there already, of the test's thread or the global one, gets
//! everything as before; so does a global one that the body sets. A body that sets one for its own thread
//! (`tracing::subscriber::set_default`) hides events from the reader until it next awaits, and the report says so; with `over` around
//! it nothing is hidden. Threads that the body starts itself have no reader but the one that they set.

/// Returns a subscriber that reads for the run which the caller belongs to, and hands everything on to this one: for a body that sets a
/// subscriber of its own.
///
/// ```
/// # use tracing::subscriber::NoSubscriber;
/// lightsout::Check::new("own").run(|| async {
///     let own = lightsout::convention::over(NoSubscriber::default());
///     let _guard = tracing::dispatcher::set_default(&own);
///     tracing::info!(component = "pool", closing = "end");
/// }).assert_clean();
/// ```
#[cfg(feature = "tracing")]
pub fn over(subscriber: impl Into<tracing_core::Dispatch>) -> tracing_core::Dispatch {
    crate::source::tracing::over(subscriber.into())
}
