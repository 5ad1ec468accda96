//! What a searched run costs, beside a bare runtime that runs the same body; and how many of them there are in a second.

use std::time::{Duration, Instant};

use benches::{Bar, budget, head, line, micros, ratios, rounds};
use lightsout::{Check, Signal};
use tokio::runtime::{Builder, RngSeed};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

/// How many plans a figure is made of.
const PLANS: u32 = 2_000;

const MS: Duration = Duration::from_millis(1);

/// A service of about 60 boundaries: a producer, a slow consumer and a task that hears the signal.
async fn service() {
    let mut term = signal(SignalKind::terminate()).expect("it can listen");
    let (stop, stopped) = watch::channel(false);
    let (send, mut receive) = mpsc::channel::<u32>(2);
    let mut told = stopped.clone();
    let producer = tokio::spawn(async move {
        for number in 0..16 {
            tokio::select! {
                _ = told.changed() => break,
                sent = send.send(number) => if sent.is_err() { break },
            }
            sleep(3 * MS).await;
        }
    });
    let consumer = tokio::spawn(async move {
        while receive.recv().await.is_some() {
            sleep(5 * MS).await
        }
    });
    let handler = tokio::spawn(async move {
        loop {
            term.recv().await;
            stop.send_replace(true);
        }
    });
    producer.await.expect("it does not panic");
    consumer.await.expect("it does not panic");
    handler.abort();
    let _ = handler.await;
}

/// Returns microseconds a run.
fn bare() -> f64 {
    let began = Instant::now();
    for _ in 0..PLANS {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(true).rng_seed(RngSeed::from_bytes(&[0; 8]));
        builder.build().expect("it can be built").block_on(service());
    }
    micros(began.elapsed()) / f64::from(PLANS)
}

/// Returns microseconds a run, without what comes once a search: the same with many plans, less the same with few.
fn searched(signals: usize) -> f64 {
    let time = |plans: u32| {
        let check = Check::new("service").signals(vec![Signal::Term; signals]).runs(plans.into());
        let began = Instant::now();
        let report = check.run(service);
        let took = micros(began.elapsed());
        report.assert_clean();
        (took, report.coverage().runs() as f64)
    };
    let ((few, runs_of_few), (many, runs_of_many)) = (time(2), time(PLANS));
    (many - few) / (runs_of_many - runs_of_few)
}

fn main() {
    head("microseconds a run, of a service of about 60 boundaries", "bare", "of bare");
    let time = budget(Duration::from_secs(15));
    let [base, pairs] = rounds(time, [&mut bare, &mut || searched(2)]);
    line("two signals", &base, &pairs, &ratios(&pairs, &base), "", Bar::AtMost(1.25));
    let rate: Vec<f64> = pairs.iter().map(|micros| 1e6 / micros / 1e3).collect();
    line("thousand runs a second", &[], &rate, &rate, "", Bar::AtLeast(25.0));
    let report = Check::new("service").signals([Signal::Term]).run(service);
    println!("  {}", report.coverage().searched().expect("it searched"));
}
