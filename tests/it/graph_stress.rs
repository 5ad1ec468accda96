//! Proofs beside threads that allocate, resize and give back all the time: not one of them may be wrong.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use lightsout::{Check, Outlook, Report};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::claims::ALLOCATED;
use crate::reliability::runs;

/// Runs something beside threads of nobody's that allocate as fast as they can.
fn beside_storms(act: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 1..=2 {
            let over = &over;
            scope.spawn(move || storm(seed, over));
        }
        act();
        over.store(true, Ordering::Relaxed);
    });
}

fn storm(seed: usize, over: &AtomicBool) {
    let mut kept: Vec<Vec<Box<usize>>> = Vec::new();
    let mut number = seed;
    while !over.load(Ordering::Relaxed) {
        number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) ^ seed;
        match number % 4 {
            0 => kept.push((0..number % 50).map(Box::new).collect()),
            1 => drop(kept.pop()),
            2 => kept.iter_mut().take(5).for_each(|some| some.push(Box::new(number))),
            _ => drop(oneshot::channel::<Box<usize>>()),
        }
        kept.truncate(200);
    }
}

/// Returns what is said of the tasks of each line.
fn said(report: &Report, line: u32) -> Vec<Outlook> {
    let findings = report.findings().iter().filter(|finding| finding.sites().iter().any(|site| site.line == line));
    let own = findings.filter_map(|finding| Some((finding.waits()?, &finding.sites()[0])));
    own.flat_map(|(graph, site)| graph.nodes.iter().filter(|node| node.site.as_ref() == Some(site)))
        .filter_map(|node| node.outlook.clone())
        .collect()
}

#[test]
#[ignore = "it takes minutes without optimisation"]
fn proofs_beside_storms_are_never_wrong() {
    static KEPT: Mutex<Vec<oneshot::Sender<Box<usize>>>> = Mutex::new(Vec::new());
    if !ALLOCATED {
        return;
    }
    let mut proven = 0;
    beside_storms(|| {
        for run in 0..runs() {
            let check = if run % 2 == 0 {
                Check::new("storm").wait_graph(true).start_paused(true)
            } else {
                Check::new("storm").wait_graph(true)
            };
            let report = check.grace(Duration::from_millis(1)).run(|| async {
                let (sender, mut receiver) = mpsc::channel::<Arc<usize>>(1);
                tokio::spawn(async move {
                    let _own = Box::new(sender);
                    receiver.recv().await;
                });
                let (sender, receiver) = oneshot::channel();
                KEPT.lock().unwrap().push(sender);
                tokio::spawn(receiver);
                tokio::spawn(sleep(Duration::from_secs(3_600)));
                let (sender, receiver) = oneshot::channel::<u8>();
                tokio::spawn(receiver);
                tokio::spawn(async move {
                    sleep(Duration::from_secs(3_600)).await;
                    drop(sender);
                });
                tokio::spawn(pending::<()>());
                tokio::task::yield_now().await;
            });
            let last = line!() - 3;
            for wakeable in [last - 8, last - 7, last - 5, last - 4] {
                let said = said(&report, wakeable);
                assert!(said.len() == 1 && said[0] != Outlook::Stuck, "run {run}: {said:?} of {wakeable}\n{report}");
            }
            for stuck in [last - 14, last] {
                proven += said(&report, stuck).iter().filter(|outlook| **outlook == Outlook::Stuck).count();
            }
            KEPT.lock().unwrap().clear();
        }
    });
    // Conservative as it is, it must be good for something: most of two in each run.
    assert!(proven as u32 >= runs(), "{proven} of {}", 2 * runs());
}
