//! istio#18454: a timer that has fired is to be stopped, and its tick is waited for, which was taken before.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(MissingSignal, change_and_settle);

const QUIET: Duration = Duration::from_millis(10);

/// Publishes changes once there was none for a while.
#[derive(Default)]
struct Strategy {
    changes: Channel<()>,
    /// As in Go, a tick that nobody has taken stays.
    tick: Arc<Notify>,
}

impl Strategy {
    fn start_timer(&self) {
        let tick = self.tick.clone();
        tokio::spawn(async move {
            sleep(QUIET).await;
            tick.notify_one();
        });
    }

    async fn event_loop(&self, form: Form, mut changes: u32) {
        let mut is_running = true;
        self.start_timer();
        while changes > 0 {
            tokio::select! {
                () = self.tick.notified() => is_running = false,
                () = self.changes.recv() => {
                    changes -= 1;
                    // Here the timer is stopped before it is started again, which includes to take its tick.
                    if form == Form::Buggy || is_running {
                        self.tick.notified().await;
                    }
                    is_running = true;
                    self.start_timer();
                }
            }
        }
    }
}

async fn change_and_settle(form: Form) {
    let strategy = Arc::new(Strategy::default());
    let running = strategy.clone();
    // leaked-task: it waits for a tick that it has taken.
    // waits for `tick: Arc<Notify>,`, held by itself.
    tokio::spawn(async move { running.event_loop(form, 1).await });
    sleep(2 * QUIET).await;
    strategy.changes.send(()).await;
}
