//! moby#28462: the health monitor is told to stop under the container's lock, which its probe needs for its result.

use std::sync::Arc;

use tokio::sync::{Mutex, mpsc};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(LockHeld, stop_a_container);

/// What a container's lock protects.
struct Container {
    health: u32,
    stop_monitor: mpsc::Sender<()>,
}

/// Probes until it is told to stop.
async fn monitor(container: Arc<Mutex<Container>>, mut stop: mpsc::Receiver<()>) {
    while stop.try_recv().is_err() {
        tokio::task::yield_now().await;
        container.lock().await.health += 1;
    }
}

async fn stop(form: Form, container: Arc<Mutex<Container>>) {
    let locked = container.lock().await;
    let monitor = locked.stop_monitor.clone();
    if form == Form::Fixed {
        drop(locked);
    }
    monitor.send(()).await.expect("the monitor runs");
    // When there is room again, the monitor has taken the word.
    monitor.closed().await;
}

async fn stop_a_container(form: Form) {
    let (stop_monitor, stopped) = mpsc::channel(1);
    let container = Arc::new(Mutex::new(Container { health: 0, stop_monitor }));
    // leaked-task: it cannot write its result down.
    // waits for `Mutex::new(Container`, held by task 2.
    tokio::spawn(monitor(container.clone(), stopped));
    tokio::task::yield_now().await;
    // leaked-task: with the lock it waits for the monitor to end.
    // waits for `mpsc::channel(1)`, held by task 1.
    tokio::spawn(stop(form, container));
}
