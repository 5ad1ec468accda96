//! Stops that are not heard, or not answered.

use tokio::spawn;
use tokio::sync::{mpsc, oneshot, watch};

use crate::Form;

/// A stop ends the consumer, and the producer's send knows nothing of it. The receiver stays, as in a server's own struct.
pub(crate) async fn send_that_no_stop_ends(form: Form) {
    let (send, mut results) = mpsc::channel::<u32>(1);
    let (stop, mut stopped) = watch::channel(false);
    let mut told = stopped.clone();
    let consuming = spawn(async move {
        let mut taken = 0;
        loop {
            tokio::select! {
                biased;
                _ = stopped.changed() => return (results, taken),
                Some(_) = results.recv() => taken += 1,
            }
        }
    });
    let producing = spawn(async move {
        for result in 0..2 {
            match form {
                Form::Buggy => drop(send.send(result).await),
                Form::Fixed => tokio::select! {
                    _ = told.changed() => return,
                    _ = send.send(result) => {}
                },
            }
        }
    });
    a_while(1).await;
    stop.send_replace(true);
    producing.await.expect("it does not panic");
    let _kept = consuming.await.expect("it does not panic");
}

/// A router that was stopped is gone, and what it listens to is not: a second stop that came in time is never answered.
pub(crate) async fn second_stop_never_answered(form: Form) {
    let (send, mut requests) = mpsc::channel::<oneshot::Sender<()>>(4);
    let (end, ended) = watch::channel(false);
    let routing = spawn(async move {
        if let Some(answer) = requests.recv().await {
            end.send_replace(true);
            let _ = answer.send(());
        }
        if form == Form::Fixed {
            requests.close();
            while let Some(answer) = requests.recv().await {
                let _ = answer.send(());
            }
        }
        requests
    });
    let (first, is_ended) = (send.clone(), ended.clone());
    let stopping = spawn(async move { stop(first, is_ended).await });
    // Somebody else asks a little later.
    let (hear, mut heard) = mpsc::channel::<()>(1);
    let again = spawn(async move {
        let _ = heard.recv().await;
        stop(send, ended).await;
    });
    a_while(2).await;
    hear.send(()).await.expect("somebody waits for it");
    stopping.await.expect("it does not panic");
    again.await.expect("it does not panic");
    let _kept = routing.await.expect("it does not panic");
}

/// Lets everyone have so many turns, unless somebody is late.
async fn a_while(turns: u32) {
    for _ in 0..turns {
        spawn(async {}).await.expect("it does not panic");
    }
}

/// Asks the router to stop, unless it has ended.
async fn stop(router: mpsc::Sender<oneshot::Sender<()>>, ended: watch::Receiver<bool>) {
    let (answer, answered) = oneshot::channel();
    if !*ended.borrow() && router.send(answer).await.is_ok() {
        let _ = answered.await;
    }
}
