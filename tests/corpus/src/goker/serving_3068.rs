//! serving#3068: work is given to a pool after somebody has begun to wait for the end of all work, which closes the pool.

use std::sync::Mutex;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Case, Form, case};

pub(crate) const CASE: Case = case!(UseAfterClose, wait_too_early);

/// A pool with one worker.
struct Pool {
    /// `None` once somebody waits.
    work: Mutex<Option<mpsc::UnboundedSender<u32>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

impl Pool {
    fn new() -> Self {
        let (work, mut given) = mpsc::unbounded_channel();
        let worker = tokio::spawn(async move { while given.recv().await.is_some() {} });
        Self { work: Mutex::new(Some(work)), worker: Mutex::new(Some(worker)) }
    }

    fn give(&self, work: u32) {
        let open = self.work.lock().expect("nobody panics with it").clone();
        // task-panic: the pool was closed by the one who waits.
        open.expect("the pool is open").send(work).expect("the worker runs");
    }

    async fn wait(&self) {
        drop(self.work.lock().expect("nobody panics with it").take());
        let worker = self.worker.lock().expect("nobody panics with it").take();
        worker.expect("only one waits").await.expect("it only works");
    }
}

async fn wait_too_early(form: Form) {
    let pool = std::sync::Arc::new(Pool::new());
    let given = pool.clone();
    let giver = tokio::spawn(async move {
        for work in 0..5 {
            given.give(work);
            tokio::task::yield_now().await;
        }
    });
    match form {
        Form::Buggy => pool.wait().await,
        Form::Fixed => {
            giver.await.expect("the pool is open");
            pool.wait().await;
        }
    }
}
