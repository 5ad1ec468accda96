//! kubernetes#13058: a test counts down for each deletion that it hears of, and hears of one more than it waits for.

use tokio::sync::{mpsc, oneshot};

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(DoubleClose, delete_and_wait);

/// Counts down, and says when it comes to zero.
struct Countdown {
    left: u32,
    /// `None` after it was said.
    over: Option<oneshot::Sender<()>>,
}

impl Countdown {
    fn done(&mut self) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            // task-panic: it came to zero before.
            let over = self.over.take().expect("it comes to zero once");
            over.send(()).expect("somebody waits");
        }
    }
}

async fn delete_and_wait(form: Form) {
    let (over, all_done) = oneshot::channel();
    let mut countdown = Countdown { left: 2, over: Some(over) };
    let (deletions, mut deleted) = mpsc::channel(1);
    let controller = tokio::spawn(async move {
        while let Some(object) = deleted.recv().await {
            // The controller itself deletes one object, which is not the test's.
            if form == Form::Buggy || object != "its own" {
                countdown.done();
            }
        }
    });
    for object in ["first", "second", "its own"] {
        let _ = deletions.send(object).await;
    }
    all_done.await.expect("it counts down");
    drop(deletions);
    let _ = controller.await;
}
