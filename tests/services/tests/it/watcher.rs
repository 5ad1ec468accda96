//! On real loopback TCP. Order comes from the protocol's answers, not from time.
//!
//! A test leaves its consumer to end by itself: `Watcher::ended` says that the watch is over, and then so should the
//! consumer be.

use std::future::ready;
use std::io::ErrorKind;
use std::sync::Arc;

use services::watcher::{Server, Store, Update, Watcher};
use tokio::sync::{Barrier, mpsc};
use tokio_util::sync::CancellationToken;

use super::checked;

/// How often the ways to end a watch race each other.
const ROUNDS: usize = 20;

async fn served() -> (Server, Store) {
    let server = Server::start("127.0.0.1:0").await.unwrap();
    let store = Store::connect(server.address()).await.unwrap();
    (server, store)
}

/// A watch whose context is not cancelled.
async fn watch(store: &Store) -> Watcher {
    store.watch(&CancellationToken::new()).await.unwrap()
}

/// Spawns a consumer that hands on what it sees.
fn consume(watcher: &Watcher) -> mpsc::UnboundedReceiver<Update> {
    let (sender, seen) = mpsc::unbounded_channel();
    drop(watcher.for_each(move |update| {
        let _ = sender.send(update);
        async {}
    }));
    seen
}

/// The watch is over now, not soon.
async fn assert_over(watcher: &Watcher) {
    tokio::select! {
        biased;
        () = watcher.ended() => {}
        () = ready(()) => panic!("the watch is not over"),
    }
}

fn update(name: &str, text: &str) -> Update {
    Update { name: name.to_owned(), text: text.to_owned() }
}

#[checked]
async fn consumer_ends_when_the_watch_is_stopped() {
    let (server, store) = served().await;
    let watcher = watch(&store).await;
    let mut seen = consume(&watcher);
    store.put("lamp", "on").await.unwrap();
    assert_eq!(seen.recv().await, Some(update("lamp", "on")));

    watcher.stop().await;
    assert_over(&watcher).await;

    store.close().await;
    server.shutdown().await;
}

#[checked]
async fn watch_may_be_stopped_twice() {
    let (server, store) = served().await;
    let watcher = watch(&store).await;
    consume(&watcher);

    watcher.stop().await;
    watcher.stop().await;

    store.close().await;
    watcher.stop().await;
    server.shutdown().await;
}

#[checked]
async fn watch_may_be_stopped_from_its_own_callback() {
    let (server, store) = served().await;
    let watcher = watch(&store).await;
    let own = watcher.clone();
    drop(watcher.for_each(move |_| {
        let own = own.clone();
        async move { own.stop().await }
    }));

    store.put("lamp", "on").await.unwrap();
    watcher.ended().await;

    store.close().await;
    server.shutdown().await;
}

#[checked]
async fn consumer_ends_when_the_connection_is_lost() {
    let (server, store) = served().await;
    let watcher = watch(&store).await;
    consume(&watcher);

    server.shutdown().await;
    watcher.ended().await;

    watcher.stop().await;
    store.close().await;
}

#[checked]
async fn consumer_ends_when_its_context_is_cancelled() {
    let (server, store) = served().await;
    let context = CancellationToken::new();
    let watcher = store.watch(&context).await.unwrap();
    consume(&watcher);

    context.cancel();
    watcher.ended().await;

    store.close().await;
    server.shutdown().await;
}

#[checked]
async fn consumer_ends_when_its_own_store_is_closed() {
    let (server, store) = served().await;
    let watcher = watch(&store).await;
    consume(&watcher);

    store.close().await;
    assert_over(&watcher).await;

    server.shutdown().await;
}

#[checked(flavor = "multi_thread", worker_threads = 2)]
async fn stop_loss_and_cancel_may_come_at_once() {
    for _ in 0..ROUNDS {
        let (server, store) = served().await;
        let context = CancellationToken::new();
        let watcher = store.watch(&context).await.unwrap();
        consume(&watcher);
        let start = Arc::new(Barrier::new(3));

        let stop = tokio::spawn({
            let (start, watcher) = (start.clone(), watcher.clone());
            async move {
                start.wait().await;
                watcher.stop().await;
            }
        });
        let lose = tokio::spawn({
            let start = start.clone();
            async move {
                start.wait().await;
                server.shutdown().await;
            }
        });
        start.wait().await;
        context.cancel();

        stop.await.unwrap();
        lose.await.unwrap();
        assert_over(&watcher).await;
        store.close().await;
    }
}

#[checked(flavor = "multi_thread", worker_threads = 2)]
async fn every_one_of_32_concurrent_stops_returns_after_the_end() {
    let (server, store) = served().await;
    let watcher = watch(&store).await;
    consume(&watcher);

    let stops = (0..32).map(|_| {
        let watcher = watcher.clone();
        tokio::spawn(async move {
            watcher.stop().await;
            assert_over(&watcher).await;
        })
    });
    for stop in stops.collect::<Vec<_>>() {
        stop.await.unwrap();
    }

    store.close().await;
    server.shutdown().await;
}

#[checked]
async fn updates_put_before_the_stop_are_not_lost() {
    let (server, store) = served().await;
    let other = Store::connect(server.address()).await.unwrap();
    store.put("lamp", "off").await.unwrap();
    let watcher = watch(&store).await;
    for text in ["on", "off", "broken"] {
        other.put("lamp", text).await.unwrap();
    }

    watcher.stop().await;

    other.put("lamp", "after the stop").await.unwrap();
    let updates = watcher.updates();
    for text in ["off", "on", "off", "broken"] {
        assert_eq!(updates.next().await, Some(update("lamp", text)));
    }
    other.close().await;
    store.close().await;
    server.shutdown().await;
}

#[checked]
async fn watch_that_is_dropped_needs_no_stop() {
    let (server, store) = served().await;
    drop(watch(&store).await);
    drop(store);
    server.shutdown().await;
}

#[checked]
async fn closed_store_refuses_what_comes_after() {
    let (server, store) = served().await;
    store.close().await;
    store.close().await;
    assert_eq!(store.put("lamp", "on").await.unwrap_err().kind(), ErrorKind::NotConnected);
    assert_eq!(store.watch(&CancellationToken::new()).await.unwrap_err().kind(), ErrorKind::NotConnected);
    server.shutdown().await;
    server.shutdown().await;
}

#[checked]
async fn name_must_be_one_word_and_text_one_line() {
    let (server, store) = served().await;
    for (name, text) in [("", "on"), ("two words", "on"), ("lamp", "on\nUNSUB 0")] {
        assert_eq!(store.put(name, text).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    store.close().await;
    server.shutdown().await;
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};

    use super::*;
    use crate::CALLERS;
    use crate::program::{Ended, Program};

    const BINARY: &str = env!("CARGO_BIN_EXE_watcher");

    fn assert_well(ended: &Ended, last: &str) {
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!((ended.errors.as_str(), ended.rest.last().unwrap().as_str()), ("", last));
    }

    /// A signal at any moment, also while server, store and watch are made: what the program does.
    #[checked(signals = "SIGTERM, SIGINT")]
    async fn signal_at_any_moment_stops_watch_and_server() {
        let stop = services::signal::stop_requested().unwrap();
        let (server, store) = served().await;
        let watcher = watch(&store).await;
        let consumer = watcher.for_each(|_| ready(()));
        stop.await;
        watcher.stop().await;
        assert_over(&watcher).await;
        // A faulty watch does not end its consumer; nor does its user wait for it.
        if !services::FAULTY {
            consumer.await.unwrap();
        }
        store.close().await;
        server.shutdown().await;
    }

    #[checked]
    #[cfg_attr(feature = "faulty", ignore = "the consumer of the faulty form waits for ever")]
    async fn further_signals_are_ignored() {
        let mut server = Program::start(BINARY, &["serve"]);
        let address = server.says("listening on").await;
        let mut watching = Program::start(BINARY, &["watch", &address]);
        watching.says("watching").await;
        assert!(Program::start(BINARY, &["put", &address, "lamp", "on"]).end().await.status.success());
        watching.says("lamp = on").await;
        for (program, last) in [(watching, "1 updates seen"), (server, "stopped")] {
            for _ in 0..CALLERS {
                program.signal(SIGTERM);
                program.signal(SIGINT);
            }
            assert_well(&program.end().await, last);
        }
    }

    #[cfg(target_os = "linux")]
    #[checked]
    async fn neither_server_nor_store_handles_a_signal() {
        let (server, store) = served().await;
        assert!(!crate::program::handles(nix::unistd::Pid::this(), SIGTERM));
        store.close().await;
        server.shutdown().await;
    }
}
