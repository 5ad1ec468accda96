//! What tokio-console sees of the corpus: one line a case, with the tasks that it shows as alive at the end of the buggy and of the fixed form.
//!
//! ```text
//! cargo run --release -p attach --example corpus > tests/corpus/benches/console.txt
//! ```
//!
//! console-subscriber and its client run in this process, without a socket. Cases whose body does not end, or that need a signal, are left
//! out, as in the count of live tasks on the scoreboard.

#[cfg(tokio_unstable)]
fn main() {
    seen::tell();
}

#[cfg(not(tokio_unstable))]
fn main() {
    eprintln!("the console needs `--cfg tokio_unstable`");
}

#[cfg(tokio_unstable)]
mod seen {
    use std::collections::BTreeSet;
    use std::panic;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use console_api::instrument::InstrumentRequest;
    use console_api::instrument::instrument_client::InstrumentClient;
    use console_subscriber::{ConsoleLayer, Server, ServerParts};
    use corpus::{CASES, Case, Form, Needs};
    use tokio::runtime::{Builder, Runtime};
    use tokio::sync::oneshot;
    use tokio::time::timeout;
    use tracing_subscriber::prelude::*;

    /// How often the console tells what is new.
    const INTERVAL: Duration = Duration::from_millis(5);
    /// How many times it may do so after the end until everything is told.
    const UPDATES: usize = 5;

    pub(super) fn tell() {
        panic::set_hook(Box::new(|_| ()));
        println!("# Tasks that console-subscriber 0.5 shows as alive at the end of both forms. Written by:");
        println!("# cargo run --release -p attach --example corpus > tests/corpus/benches/console.txt");
        for case in CASES.iter().filter(|case| !matches!(case.needs, Needs::Signals(_))) {
            if let [Some(buggy), Some(fixed)] = [Form::Buggy, Form::Fixed].map(|form| alive(case, form)) {
                println!("{}::{} {buggy} {fixed}", case.family().module(), case.name());
            }
        }
    }

    /// Returns how many tasks the console shows as alive at the end; `None` where the body does not end.
    fn alive(case: &'static Case, form: Form) -> Option<usize> {
        let (layer, server) = ConsoleLayer::builder().publish_interval(INTERVAL).build();
        let (told, telling) = (mpsc::channel(), oneshot::channel());
        let reader = thread::spawn(move || runtime().block_on(read(server, telling.1, told.0)));
        let subscriber = tracing_subscriber::registry().with(layer);
        let ended = tracing::subscriber::with_default(subscriber, || {
            let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
            let ended = runtime.block_on(async {
                let ended = timeout(Duration::from_secs(3600), (case.start)(form)).await.is_ok();
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                ended
            });
            let _ = telling.0.send(());
            let alive = told.1.recv().ok();
            // A blocked thread would be waited for.
            runtime.shutdown_background();
            alive.filter(|_| ended)
        });
        drop(reader.join());
        ended
    }

    fn runtime() -> Runtime {
        Builder::new_current_thread().enable_all().build().expect("a runtime can be had")
    }

    /// Reads as a console does, until a while after it is told that the body is over.
    async fn read(server: Server, mut over: oneshot::Receiver<()>, told: mpsc::Sender<usize>) {
        let ServerParts { instrument_server, aggregator, .. } = server.into_parts();
        tokio::spawn(aggregator.run());
        let mut client = InstrumentClient::new(instrument_server);
        let mut updates = client.watch_updates(InstrumentRequest {}).await.expect("a stream").into_inner();
        let (mut alive, mut is_over, mut left) = (BTreeSet::new(), false, UPDATES);
        while left > 0 {
            let update = updates.message().await.expect("an update").expect("the console goes on");
            is_over |= over.try_recv().is_ok();
            left -= usize::from(is_over);
            let Some(tasks) = update.task_update else { continue };
            alive.extend(tasks.new_tasks.iter().filter_map(|task| task.id.as_ref()).map(|id| id.id));
            for (id, stats) in tasks.stats_update {
                if stats.dropped_at.is_some() {
                    alive.remove(&id);
                }
            }
        }
        let _ = told.send(alive.len());
    }
}
