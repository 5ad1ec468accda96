//! The attribute macros of lightsout; use them through the `lightsout` crate.

use proc_macro::TokenStream;

mod args;
mod duration;
mod errors;
mod expand;
mod function;
mod model;

/// Runs an `async fn` as a test, and fails it when something that it started is still alive at its end.
///
/// It stands where `#[tokio::test]` stands and takes the same arguments for the runtime. The body runs on a tokio runtime
/// of its own; once it has returned, everything that it spawned has the grace to end.
///
/// ```ignore
/// // Ignored: this crate cannot depend on `lightsout`, which depends on it.
/// #[lightsout::test]
/// async fn worker_stops_with_its_queue() -> Result<(), tokio::task::JoinError> {
///     let (queue, mut jobs) = tokio::sync::mpsc::channel::<u32>(1);
///     let worker = tokio::spawn(async move { while jobs.recv().await.is_some() {} });
///     drop(queue);
///     worker.await
/// }
/// ```
///
/// # Arguments
///
/// | argument | what it sets | default |
/// |---|---|---|
/// | `flavor = "current_thread"` | the runtime: `"current_thread"`, `"multi_thread"`, or `"local"`, which needs `--cfg tokio_unstable` | `"current_thread"` |
/// | `worker_threads = 2` | how many threads a `multi_thread` runtime has | as many as there are cores |
/// | `start_paused = true` | whether the clock stands still and jumps to the next timer when all is quiet; not with `multi_thread` | `false` |
/// | `deadline = "5s"` | how long the body may take before it counts as hung; not zero | `"60s"` |
/// | `grace = "500ms"` | how long what is left may take to end once the body has returned | `"500ms"` |
/// | `channels = "deny"` | what a channel means that is open when all else has ended: `"note"`, `"deny"` (it fails the test) or `"ignore"` | `"note"` |
/// | `wait_graph = true` | whether it is told of leaked tasks who should have woken them, and whether anything still can | `false` |
/// | `signals = "SIGTERM, SIGTERM"` | the signals that are sent, in their order; the moments at which they come are searched | none |
/// | `delays = 1` | how many tasks may be delayed in a run; the orders of tasks are searched | none |
/// | `seeds = 4` | how many seeds of the runtime's random choices are tried | one |
/// | `runs = 2_000` | how many plans a search may run | `5_000` |
/// | `explore = 1_000` | draws so many plans at random instead of trying all in order; needs the feature `proptest` | none |
/// | `startup = "deny"` | makes it a finding that a task lives before the program listens for its signals | told only |
/// | `order = "listener < database"` | in what order things end, by name; can be given several times | nothing |
/// | `components = "listener, database"` | which names there are, so that a slip in `order` is an error at the start | whatever the body makes |
/// | `allow(spawned_at = "src/pool.rs:40", reason = "...")` | what may stay alive, and why; can be given several times | nothing |
/// | `crate = "path"` | where `lightsout` is, for a crate that re-exports it; a bare path will do too | `::lightsout` |
///
/// Durations are an integer and one of `ns`, `us`, `ms`, `s`, `m`. `LIGHTSOUT_DEADLINE` and `LIGHTSOUT_GRACE` override
/// `deadline` and `grace` from outside, in the same form; `LIGHTSOUT_RUNS` overrides `runs`, and `LIGHTSOUT_WAIT_GRAPH=1` asks every test for
/// its `wait_graph`.
///
/// # Searching
///
/// With `signals`, `delays` or `seeds` the body is run many times, each time under another plan: the signals at other moments, a task
/// delayed, another branch order of `select!`. The clock is paused unless `start_paused` says otherwise. The signals are `SIGTERM`,
/// `SIGINT`, `SIGHUP`, `SIGQUIT`, `SIGUSR1` and `SIGUSR2`. A finding names its plan, and `LIGHTSOUT_REPLAY` runs that one again. Plans
/// that failed are kept in the folder `lightsout-regressions` beside the package's manifest, and tried first the next time.
///
/// ```ignore
/// // Ignored: this crate cannot depend on `lightsout`, which depends on it.
/// #[lightsout::test(signals = "SIGTERM, SIGTERM", delays = 1, runs = 2_000)]
/// async fn second_signal_does_not_close_twice() {
///     server::run().await;
/// }
/// ```
///
/// # What may stay alive
///
/// Each `allow` has one rule, which says what it lets pass, and a reason, which is printed with every report:
///
/// | rule | matches, as a glob |
/// |---|---|
/// | `spawned_at` | the place of the spawn: `src/pool.rs:40`, `src/pool.rs`, `**/hyper-util-*/**` |
/// | `spawned_in` | the function that spawned it: `my_app::pool::*` |
/// | `task` | the name of a task |
/// | `thread` | the name of a thread |
/// | `panic` | the message of a task's panic |
/// | `created_at` | the place that made a channel that stays open, or a ticket that is lost |
/// | `created_in` | a function on the way from a channel's allocation to that place: `my_app::pool::*` |
/// | `closable` | the name of something that ends twice, out of order, or before its last use |
///
/// ```ignore
/// // Ignored: this crate cannot depend on `lightsout`, which depends on it.
/// #[lightsout::test(
///     flavor = "multi_thread",
///     worker_threads = 2,
///     deadline = "5s",
///     allow(thread = "metrics-*", reason = "the exporter lives as long as the process"),
///     allow(spawned_in = "pool::reaper", reason = "ends by itself within its idle time, #412"),
/// )]
/// async fn server_stops() {
///     // ...
/// }
/// ```
///
/// # With other attributes
///
/// `#[ignore]`, `#[cfg]`, doc comments and lint levels work as on any test. `#[should_panic]`, with or without the expected
/// message, is about the body only: a test that panics as it should and leaks all the same fails.
///
/// An attribute that makes several tests of one function, as `#[rstest]` does, stands above this one. `#[tokio::test]` or
/// `#[test]` beside it is an error, since the body would run unwatched.
///
/// # Panics
///
/// The test panics, with a report, when something is found, when its body returns `Err`, and when it panics or does not
/// panic against what was asked for.
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}

/// Makes a function the model of a shutdown core, and fails it when some order of the steps of its actors has a fault.
///
/// The function takes a `&lightsout::model::Model`, and says what there is and who acts. It needs `RUSTFLAGS="--cfg loom"`; without that the
/// test is ignored.
///
/// ```ignore
/// // Ignored: this crate cannot depend on `lightsout`, which depends on it.
/// #[lightsout::model(preemptions = 2)]
/// fn pool_closes_once(model: &lightsout::model::Model) {
///     let pool = model.resource("pool").must_end();
///     model.actor("stop", move || pool.close());
/// }
/// ```
///
/// # Arguments
///
/// | argument | what it sets | default |
/// |---|---|---|
/// | `preemptions = 3` | how often an actor is interrupted in the middle of its steps, in one order | `3` |
/// | `iterations = 1000` | how many orders may be tried; a search that needs more fails | `5000000` |
/// | `time = "60s"` | how long the search may take; one that needs longer fails | `"60s"` |
/// | `steps = 1000` | how many choices one order may have; a model with more fails | `1000` |
/// | `crate = "path"` | where `lightsout` is, for a crate that re-exports it | `::lightsout` |
///
/// # Panics
///
/// The test panics, with a report, when an order has a fault, and when the search has tried nothing or came to a bound.
#[proc_macro_attribute]
pub fn model(args: TokenStream, item: TokenStream) -> TokenStream {
    model::model(args.into(), item.into()).into()
}
