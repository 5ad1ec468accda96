//! Locks that are held across an await.

use std::sync::Arc;

use tokio::spawn;
use tokio::sync::{Mutex, RwLock, mpsc, oneshot};

use crate::Form;

/// Releasing a lease locks the lease and then the names; looking a name up locks them the other way round.
pub(crate) async fn taken_in_both_orders(form: Form) {
    let lease = Arc::new(Mutex::new(0_u32));
    let names = Arc::new(Mutex::new(vec!["table"]));
    let (leased, named) = (lease.clone(), names.clone());
    let releasing = spawn(async move {
        let mut lease = leased.lock().await;
        named.lock().await.clear();
        *lease += 1;
    });
    let looking = spawn(async move {
        let held = names.lock().await;
        let is_known = held.contains(&"table");
        if form == Form::Fixed {
            drop(held);
        }
        is_known && *lease.lock().await > 0
    });
    releasing.await.expect("it does not panic");
    looking.await.expect("it does not panic");
}

/// A scan takes the read lock twice in one chain of calls, and a writer comes between.
pub(crate) async fn read_again_behind_a_writer(form: Form) {
    let replicas = Arc::new(RwLock::new(vec![1, 2]));
    let scanned = replicas.clone();
    let scanning = spawn(async move {
        let held = scanned.read().await;
        let first = held[0];
        if form == Form::Fixed {
            drop(held);
        }
        scanned.read().await.contains(&first)
    });
    let adding = spawn(async move { replicas.write().await.push(3) });
    assert!(scanning.await.expect("it does not panic"));
    adding.await.expect("it does not panic");
}

/// Whoever stops the monitor holds the lock that it needs for a result which came first.
pub(crate) async fn held_until_its_taker_answers(form: Form) {
    let state = Arc::new(Mutex::new(0_u32));
    let (stop, mut stops) = mpsc::channel::<oneshot::Sender<()>>(1);
    let (report, mut results) = mpsc::channel::<u32>(1);
    let counted = state.clone();
    let monitor = spawn(async move {
        loop {
            tokio::select! {
                biased;
                Some(answer) = stops.recv() => return answer.send(()).expect("somebody waits for it"),
                Some(result) = results.recv() => *counted.lock().await += result,
            }
        }
    });
    let stopping = spawn(async move {
        let held = state.lock().await;
        let (answer, answered) = oneshot::channel();
        if form == Form::Fixed {
            drop(held);
        }
        stop.send(answer).await.expect("the monitor runs");
        answered.await.expect("the monitor answers");
    });
    let checking = spawn(async move {
        let _ = report.send(1).await;
    });
    stopping.await.expect("it does not panic");
    checking.await.expect("it does not panic");
    monitor.await.expect("it does not panic");
}
