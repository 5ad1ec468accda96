//! Models that are ready: the shapes that shutdown cores have, each with who acts on it at once. A test brings its own core.

use std::sync::Arc;

use super::{Channel, Model, Resource};

/// Three callers at once of one shutdown: it closes once, and every caller returns after that, also those who came late.
///
/// ```
/// use lightsout::model::{self, Model};
/// # use lightsout::sync::{Condvar, Mutex};
/// # #[derive(Default)]
/// # struct Shutdown { state: Mutex<u8>, over: Condvar }
/// # impl Shutdown { fn run(&self, close: impl FnOnce()) { close() } }
///
/// #[lightsout::model]
/// fn shutdown_is_idempotent(model: &Model) {
///     model::idempotent_shutdown(model, Shutdown::default(), |core, listener| core.run(|| listener.close()));
/// }
/// ```
pub fn idempotent_shutdown<C: 'static>(model: &Model, core: C, shutdown: impl Fn(&C, &Resource) + 'static) {
    let listener = model.resource("listener").must_end();
    let (core, shutdown) = (Arc::new(core), Arc::new(shutdown));
    for caller in ["user stop", "signal", "second signal"] {
        let (core, shutdown, listener) = (core.clone(), shutdown.clone(), listener.clone());
        model.actor(caller, move || {
            shutdown(&core, &listener);
            assert!(listener.is_closed(), "a caller returns before the shutdown is over");
        });
    }
}

/// A signal, twice, beside a service that waits for it: it stops, also if the signal came before it began to wait.
pub fn signal_latch<C: 'static>(model: &Model, latch: C, signal: impl Fn(&C) + 'static, wait: impl Fn(&C) + 'static) {
    let service = model.resource("service").must_end();
    let (latch, signal) = (Arc::new(latch), Arc::new(signal));
    model.actors(2, "signal", || {
        let (latch, signal) = (latch.clone(), signal.clone());
        move || signal(&latch)
    });
    model.actor("service", move || {
        wait(&latch);
        service.close();
    });
}

/// Three members of a run group that return at once: the first one interrupts all, each of them once. `returned` is told that a member has
/// returned, and what interrupts each of them.
pub fn run_group<C: 'static>(model: &Model, group: C, returned: impl Fn(&C, &[Resource]) + 'static) {
    const MEMBERS: usize = 3;
    let interrupt = |number: usize| model.resource(&format!("interrupt of member {number}")).must_end();
    let interrupts: Arc<[Resource]> = (1..=MEMBERS).map(interrupt).collect();
    let (group, returned) = (Arc::new(group), Arc::new(returned));
    model.actors(MEMBERS, "member", || {
        let (group, returned, interrupts) = (group.clone(), returned.clone(), interrupts.clone());
        move || returned(&group, &interrupts)
    });
}

/// Two senders beside a close and a reader: what was sent is read, and nothing is sent after the close.
pub fn close_after_drain<C: 'static>(
    model: &Model,
    core: C,
    send: impl Fn(&C, &Channel<u32>) + 'static,
    close: impl Fn(&C, &Channel<u32>) + 'static,
) {
    let queue = model.channel("queue").must_end();
    let (core, send) = (Arc::new(core), Arc::new(send));
    model.actors(2, "sender", || {
        let (core, send, queue) = (core.clone(), send.clone(), queue.clone());
        move || send(&core, &queue)
    });
    let closing = queue.clone();
    model.actor("close", move || close(&core, &closing));
    model.actor("reader", move || while queue.recv().is_some() {});
}

/// The three ends of a watch at once, beside its consumer: the stream is closed once, whoever comes first, and the consumer ends. `end` is told
/// which of them it is: `stop`, `disconnect` or `cancel`.
pub fn stream_end<C: 'static>(model: &Model, core: C, end: impl Fn(&C, &str, &Channel<u32>) + 'static) {
    let updates = model.channel("updates").must_end();
    let (core, end) = (Arc::new(core), Arc::new(end));
    for cause in ["stop", "disconnect", "cancel"] {
        let (core, end, updates) = (core.clone(), end.clone(), updates.clone());
        model.actor(cause, move || end(&core, cause, &updates));
    }
    model.actor("consumer", move || while updates.recv().is_some() {});
}
