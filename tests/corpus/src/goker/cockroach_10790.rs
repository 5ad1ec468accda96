//! cockroach#10790: a command that is cancelled returns without draining what others still send to it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::channel::Channel;
use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(BlockedSend, cancel_a_command);

/// Where the commands that another command waits for say that they are done.
#[derive(Default)]
struct Prerequisites {
    done: Channel<u32>,
}

const COUNT: usize = 3;

impl Prerequisites {
    async fn wait(self: Arc<Self>, form: Form, context: &CancellationToken) {
        for missing in (1..=COUNT).rev() {
            if context.run_until_cancelled(self.done.recv()).await.is_none() {
                if form == Form::Fixed {
                    tokio::spawn(self.drain(missing));
                }
                return;
            }
        }
    }

    /// Takes what is still on its way.
    async fn drain(self: Arc<Self>, missing: usize) {
        for _ in 0..missing {
            self.done.recv().await;
        }
    }
}

async fn cancel_a_command(form: Form) {
    let context = CancellationToken::new();
    let prerequisites = Arc::new(Prerequisites::default());
    for command in 0..COUNT as u32 {
        let prerequisites = prerequisites.clone();
        // leaked-task: two of three find no room, and nobody makes it.
        // waits for `mpsc::channel(messages)`, held by itself.
        // waits for `mpsc::channel(messages)`, held by task 1.
        tokio::spawn(async move { prerequisites.done.send(command).await });
    }
    context.cancel();
    prerequisites.wait(form, &context).await;
}
