//! vm0#8957: the task that forwards events keeps the whole handle alive, in which the sender of the events is.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedReceive, forward_and_drop);

/// What a caller holds. The events end when the last handle is gone.
struct Runner {
    name: &'static str,
    events: mpsc::Sender<&'static str>,
}

impl Runner {
    fn start(form: Form) -> Arc<Self> {
        let (events, mut happened) = mpsc::channel(1);
        let runner = Arc::new(Self { name: "runner", events });
        let (name, kept) = (runner.name, (form == Form::Buggy).then(|| runner.clone()));
        // leaked-task: it waits for the last handle to go, and has one.
        // waits for `mpsc::channel(1)`, held by itself.
        tokio::spawn(async move {
            while let Some(event) = happened.recv().await {
                let name = kept.as_ref().map_or(name, |runner| runner.name);
                assert_ne!(name, event);
            }
        });
        runner
    }
}

async fn forward_and_drop(form: Form) {
    let runner = Runner::start(form);
    runner.events.send("started").await.expect("it is being forwarded");
}
