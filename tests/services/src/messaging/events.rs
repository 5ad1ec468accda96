//! The event system: tells subscribers of `$SYS.>`, and the monitor's counters, who comes and goes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::monitor::Counters;
use super::router::Router;

/// Something that happened to a connection, with its number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Connected(u64),
    Disconnected(u64),
}

/// Where events are sent. Clones send to the same system.
#[derive(Clone, Debug)]
pub(super) struct Events(Arc<Mutex<Option<mpsc::UnboundedSender<Event>>>>);

impl Events {
    pub(super) fn start(tasks: &TaskTracker, router: Arc<Router>, counters: Arc<Counters>) -> Self {
        let (sender, mut events) = mpsc::unbounded_channel();
        tasks.spawn(async move {
            while let Some(event) = events.recv().await {
                tell(event, &router, &counters);
            }
        });
        Self(Arc::new(Mutex::new(Some(sender))))
    }

    /// Sends an event.
    ///
    /// # Panics
    /// If the event system is closed: the order of the shutdown sees to it that nobody sends then.
    pub(super) fn send(&self, event: Event) {
        let sender = self.0.lock().expect("no holder of the lock panics").clone();
        sender.expect("the event system is open").send(event).expect("it runs while it is open");
    }

    /// Ends the event system when it has told what was sent. Closing it twice is closing it once.
    pub(super) fn close(&self) {
        self.0.lock().expect("no holder of the lock panics").take();
    }
}

fn tell(event: Event, router: &Router, counters: &Counters) {
    let (subject, id) = match event {
        Event::Connected(id) => {
            counters.connections.fetch_add(1, Ordering::Relaxed);
            counters.total.fetch_add(1, Ordering::Relaxed);
            ("$SYS.CONNECT", id)
        }
        Event::Disconnected(id) => {
            counters.connections.fetch_sub(1, Ordering::Relaxed);
            ("$SYS.DISCONNECT", id)
        }
    };
    router.publish(subject, None, id.to_string().as_bytes());
}
