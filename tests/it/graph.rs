//! Which leaked tasks are proven to be stuck, and which are not: whatever can still be woken must never be called stuck.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::future::{Future, pending, poll_fn};
use std::rc::Rc;
use std::sync::{Arc, Mutex, OnceLock, mpsc as std_mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use lightsout::{Check, Expected, Finding, Kind, Outlook, Place, Report};
use tokio::net::{TcpListener, UnixDatagram, UnixStream};
use tokio::sync::{self, Barrier, Notify, RwLock, Semaphore, broadcast, mpsc, oneshot, watch};
use tokio::task::{JoinSet, LocalSet, yield_now};
use tokio::time::sleep;

use crate::claims::{ALLOCATED, said};

const HOUR: Duration = Duration::from_secs(3_600);

/// What one body is run as: on each runtime, with each clock.
fn checks(name: &str) -> [Check; 3] {
    let grace = Duration::from_millis(20);
    [
        Check::new(name).wait_graph(true).start_paused(true),
        Check::new(name).wait_graph(true).grace(grace),
        Check::new(name).wait_graph(true).multi_thread().worker_threads(2).grace(grace),
    ]
}

/// Lets all that was spawned come to where it waits.
async fn all_wait() {
    for _ in 0..10 {
        yield_now().await;
    }
    sleep(Duration::from_millis(2)).await;
}

/// Returns what is said of each task that was spawned in this file, by the line.
fn outlooks(report: &Report) -> BTreeMap<u32, Vec<Outlook>> {
    let mut outlooks: BTreeMap<u32, Vec<Outlook>> = BTreeMap::new();
    for finding in report.findings().iter().filter(|finding| finding.kind() == Kind::LeakedTask) {
        // Nothing is drawn where nothing can be said.
        let Some(graph) = finding.waits() else { continue };
        let own = graph.nodes.iter().filter(|node| node.site.as_ref() == Some(&finding.sites()[0]));
        outlooks.entry(finding.sites()[0].line).or_default().extend(own.filter_map(|node| node.outlook.clone()));
    }
    outlooks
}

/// How often a proof is tried for: beside other tests of the process it may be missed, where something happens to look like a pointer.
const TRIES: u32 = 10;

/// Runs a body until what is said of its tasks is this.
#[track_caller]
fn said_in_the_end<F: Future<Output = ()> + 'static>(
    check: impl Fn() -> Check,
    body: fn() -> F,
    is_it: impl Fn(&[Outlook]) -> bool,
) -> (Report, Vec<Outlook>) {
    for attempt in 1.. {
        let report = check().run(body);
        let said: Vec<Outlook> = outlooks(&report).into_values().flatten().collect();
        if is_it(&said) {
            return (report, said);
        }
        assert!(attempt < TRIES, "{said:?}\n{report}");
    }
    unreachable!("it is tried a few times only")
}

/// Claims that all tasks that a body leaves are stuck, this many of them.
#[track_caller]
fn stuck<F: Future<Output = ()> + 'static>(count: usize, body: fn() -> F) -> Vec<Report> {
    let all = vec![Outlook::Stuck; count];
    let report = |flavor: usize| said_in_the_end(|| checks("stuck")[flavor].clone(), body, |said| said == all).0;
    // On workers' stacks there may be what looks like a pointer for as long as they sleep: there a proof may be missed, and is not asked for.
    (0..2).filter(|_| ALLOCATED).map(report).collect()
}

/// Claims that none of the tasks that a body leaves is ever said to be stuck, and that something else is said of this many of them.
#[track_caller]
fn never_stuck<F: Future<Output = ()> + 'static>(count: usize, body: fn() -> F) -> Vec<Vec<Outlook>> {
    let is_waiting = |outlook: &Outlook| matches!(outlook, Outlook::Waiting(_) | Outlook::Runnable);
    let is_it = |said: &[Outlook]| {
        assert!(!said.contains(&Outlook::Stuck), "{said:?}");
        said.len() == count && said.iter().all(is_waiting)
    };
    let said = |flavor: usize| said_in_the_end(|| checks("never stuck")[flavor].clone(), body, is_it).1;
    (0..3).filter(|_| ALLOCATED).map(said).collect()
}

/// Claims that this is told; something that happens to look like a pointer may be told in its place, but not each time.
fn expected(said: &[Vec<Outlook>], what: &Expected) {
    let is_told = |said: &Vec<Outlook>| said.contains(&Outlook::Waiting(what.clone()));
    assert!(!ALLOCATED || said.iter().any(is_told), "{said:?}");
}

/// Keeps something as a static would.
fn keep(it: impl Any + Send) {
    static KEPT: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(Box::new(it));
}

#[test]
fn task_that_waits_for_nothing_is_stuck() {
    let reports = stuck(1, || async {
        tokio::spawn(pending::<()>());
        all_wait().await;
    });
    assert!(reports.iter().all(|report| said(leak(report), "shape") == "it waits for nothing that could wake it"));
}

fn leak(report: &Report) -> &Finding {
    report.findings().iter().find(|finding| finding.kind() == Kind::LeakedTask).expect("there is a leak")
}

#[test]
fn task_that_holds_its_own_sender_is_stuck() {
    let reports = stuck(1, || async {
        let (sender, mut receiver) = mpsc::channel::<u8>(1);
        tokio::spawn(async move {
            let _own = sender;
            receiver.recv().await;
        });
        all_wait().await;
    });
    for report in &reports {
        assert!(said(leak(report), "because").ends_with("whose sender it holds itself"), "{report}");
        assert!(said(leak(report), "because").contains(&format!("made at {}:", file!())), "{report}");
    }
}

#[test]
fn sender_in_a_box_in_a_vector_of_its_own_is_stuck() {
    stuck(2, || async {
        let (sender, mut receiver) = mpsc::unbounded_channel::<u8>();
        let senders: Vec<Box<dyn Any + Send>> = vec![Box::new(sender)];
        tokio::spawn(async move {
            receiver.recv().await;
            drop(senders);
        });
        // A vector that grew has moved.
        let mut grown = Vec::new();
        let (sender, receiver) = oneshot::channel::<u8>();
        grown.push(oneshot::channel::<u8>().0);
        for _ in 0..9 {
            grown.push(oneshot::channel::<u8>().0);
        }
        grown.push(sender);
        tokio::spawn(async move {
            let _ = receiver.await;
            drop(grown);
        });
        all_wait().await;
    });
}

#[test]
fn locks_taken_in_opposite_orders_are_stuck() {
    let reports = stuck(2, || async {
        let (a, b) = (Arc::new(sync::Mutex::new(())), Arc::new(sync::Mutex::new(())));
        for (first, second) in [(a.clone(), b.clone()), (b, a)] {
            tokio::spawn(async move {
                let _first = first.lock().await;
                sleep(Duration::from_millis(1)).await;
                let _second = second.lock().await;
            });
        }
        all_wait().await;
    });
    for report in &reports {
        assert_eq!(said(leak(report), "shape"), "locks are taken in opposite orders", "{report}");
        assert!(said(leak(report), "because").ends_with("a cycle"), "{report}");
    }
}

#[test]
fn lock_taken_twice_is_stuck() {
    let reports = stuck(2, || async {
        let lock = Arc::new(sync::Mutex::new(0_u8));
        tokio::spawn(async move {
            let _first = lock.lock().await;
            let _second = lock.lock().await;
        });
        let lock = Arc::new(RwLock::new(0_u8));
        tokio::spawn(async move {
            let _first = lock.read().await;
            let _second = lock.write().await;
        });
        all_wait().await;
    });
    assert!(reports.iter().all(|report| said(leak(report), "shape") == "a lock is taken again by whoever has it"));
}

#[test]
fn permit_notice_and_barrier_that_nobody_can_give_are_stuck() {
    let reports = stuck(3, || async {
        tokio::spawn(async {
            let permits = Semaphore::new(0);
            let _permit = permits.acquire().await;
        });
        let notify = Arc::new(Notify::new());
        tokio::spawn(async move { notify.notified().await });
        let barrier = Arc::new(Barrier::new(2));
        tokio::spawn(async move {
            let _ = barrier.wait().await;
        });
        all_wait().await;
    });
    for report in &reports {
        let chains: Vec<&str> = report.findings().iter().filter_map(because).collect();
        assert!(chains.iter().any(|chain| chain.contains("the tokio Notify made at tests/it/graph.rs")), "{report}");
    }
}

fn because(finding: &Finding) -> Option<&str> {
    finding.evidence().iter().find(|evidence| evidence.about == "because").map(|evidence| &*evidence.seen)
}

#[test]
fn cycle_of_tasks_and_channels_is_stuck_with_all_that_hangs_on_it() {
    let reports = stuck(3, || async {
        let (sender, mut receiver) = mpsc::channel::<u8>(1);
        let (tell, told) = oneshot::channel::<u8>();
        tokio::spawn(async move {
            receiver.recv().await;
            drop(tell);
        });
        let second = tokio::spawn(async move {
            let _ = told.await;
            drop(sender);
        });
        tokio::spawn(async move { second.await.unwrap() });
        all_wait().await;
    });
    for report in &reports {
        let chain = because(leak(report)).expect("a chain is told");
        assert!(chain.starts_with("waits for a message on the tokio mpsc of u8 made at tests/it/graph.rs"), "{report}");
        // Without the hooks nobody clears the stack before a task is polled: what it leaves in gaps may make a holder doubtful.
        if cfg!(not(tokio_unstable)) && chain.ends_with("it cannot be told who has its other end") {
            continue;
        }
        assert!(chain.contains("whose sender the task spawned at tests/it/graph.rs"), "{report}");
        assert!(chain.contains("that one waits for the value of the tokio oneshot of u8"), "{report}");
        assert!(chain.ends_with("the first one holds: a cycle"), "{report}");
    }
}

#[test]
fn channels_of_every_kind_are_seen_through() {
    stuck(6, || async {
        let (sender, mut receiver) = watch::channel(0_u8);
        tokio::spawn(async move {
            let _ = receiver.changed().await;
            drop(sender);
        });
        let (sender, mut receiver) = broadcast::channel::<u8>(1);
        tokio::spawn(async move {
            let _ = receiver.recv().await;
            drop(sender);
        });
        let (sender, receiver) = async_channel::bounded::<u8>(1);
        tokio::spawn(async move {
            let _ = receiver.recv().await;
            drop(sender);
        });
        let (sender, receiver) = flume::bounded::<u8>(1);
        tokio::spawn(async move {
            let _ = receiver.recv_async().await;
            drop(sender);
        });
        let (sender, receiver) = futures_channel::oneshot::channel::<u8>();
        tokio::spawn(async move {
            let _ = receiver.await;
            drop(sender);
        });
        let (sender, receiver) = mpsc::channel::<u8>(1);
        sender.try_send(1).unwrap();
        tokio::spawn(async move {
            let _ = sender.send(2).await;
            drop(receiver);
        });
        all_wait().await;
    });
}

#[test]
fn receiver_that_a_stuck_task_keeps_and_does_not_poll_is_named() {
    let reports = stuck(2, || async {
        let (sender, receiver) = mpsc::channel::<u8>(1);
        tokio::spawn(async move { while sender.send(1).await.is_ok() {} });
        tokio::spawn(async move {
            let _kept = receiver;
            pending::<()>().await;
        });
        all_wait().await;
    });
    for report in &reports {
        let shapes: Vec<&str> = report.findings().iter().map(|finding| said(finding, "shape")).collect();
        assert!(shapes.contains(&"the receiver is kept, and nobody reads from it"), "{report}");
    }
}

#[test]
fn wakers_of_a_programs_own_are_seen_through() {
    #[derive(Default)]
    struct Gate {
        waiting: Mutex<Vec<Waker>>,
    }
    let reports = stuck(1, || async {
        let gate = Arc::new(Gate::default());
        tokio::spawn(async move {
            poll_fn(|cx| {
                gate.waiting.lock().unwrap().push(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        });
        all_wait().await;
    });
    for report in &reports {
        assert!(said(leak(report), "because").contains("Gate made at tests/it/graph.rs"), "{report}");
    }
}

#[test]
fn task_of_a_local_set_is_never_told_to_wait_for_another_channel() {
    // Whether it is proven depends on what the thread's own words happen to be: it drove the set itself.
    let body = || async {
        let local = LocalSet::new();
        local
            .run_until(async {
                let (sender, receiver) = oneshot::channel::<u8>();
                tokio::task::spawn_local(async move {
                    let _ = receiver.await;
                    drop(sender);
                });
                all_wait().await;
            })
            .await;
        // A cycle: nothing can drop it any more.
        let kept: Rc<RefCell<Option<Box<dyn Any>>>> = Rc::default();
        let cycle = (local, kept.clone());
        *kept.borrow_mut() = Some(Box::new(cycle));
    };
    for flavor in (0..3).filter(|_| ALLOCATED) {
        let report = checks("local")[flavor].clone().run(body);
        let because = said(leak(&report), "because");
        assert!(
            because.starts_with("waits for the value of the tokio oneshot of u8 made at tests/it/graph.rs"),
            "{report}"
        );
        assert!(["it holds itself", "a thread holds"].iter().any(|end| because.ends_with(end)), "{report}");
    }
}

#[test]
fn timer_is_never_stuck_and_its_time_is_told() {
    let is_timer = |outlook: &Outlook| {
        let Outlook::Waiting(Expected::Timer(Some(due))) = outlook else { return false };
        (3_580_000..=3_600_000).contains(due)
    };
    let is_it = |said: &[Outlook]| {
        assert!(!said.contains(&Outlook::Stuck), "{said:?}");
        said.len() == 4 && said.iter().all(is_timer)
    };
    let body = || async {
        tokio::spawn(sleep(HOUR));
        tokio::spawn(Box::pin(sleep(HOUR)));
        tokio::spawn(tokio::time::timeout(HOUR, pending::<()>()));
        tokio::spawn(async {
            let mut ticks = tokio::time::interval(HOUR);
            loop {
                ticks.tick().await;
            }
        });
        all_wait().await;
    };
    for flavor in (0..3).filter(|_| ALLOCATED) {
        let (_, _) = said_in_the_end(|| checks("timers")[flavor].clone(), body, is_it);
    }
}

#[test]
fn sources_of_events_are_never_stuck() {
    let said = never_stuck(4, || async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        tokio::spawn(async move { listener.accept().await.map(drop) });
        let (near, far) = UnixStream::pair().unwrap();
        keep(far);
        tokio::spawn(async move { near.readable().await });
        let (near, far) = UnixDatagram::pair().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 8];
            let _ = far.recv(&mut buffer).await;
            drop(near);
        });
        let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change()).unwrap();
        tokio::spawn(async move { signals.recv().await });
        all_wait().await;
    });
    expected(&said, &Expected::Source);
}

#[test]
fn end_of_a_task_that_can_be_woken_is_never_stuck() {
    never_stuck(2, || async {
        let sleeper = tokio::spawn(sleep(HOUR));
        tokio::spawn(sleeper);
        all_wait().await;
    });
}

#[test]
fn sender_in_a_static_is_never_stuck() {
    static SENDER: Mutex<Option<mpsc::Sender<u8>>> = Mutex::new(None);
    let said = never_stuck(1, || async {
        let (sender, mut receiver) = mpsc::channel::<u8>(1);
        *SENDER.lock().unwrap() = Some(sender);
        tokio::spawn(async move { receiver.recv().await });
        all_wait().await;
    });
    expected(&said, &Expected::Outside(Place::Static));
}

#[test]
fn sender_in_a_living_task_is_never_stuck() {
    never_stuck(2, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        tokio::spawn(receiver);
        tokio::spawn(async move {
            sleep(HOUR).await;
            drop(sender);
        });
        all_wait().await;
    });
}

#[test]
fn sender_in_a_thread_local_is_never_stuck() {
    thread_local! {
        static SENDERS: RefCell<Vec<oneshot::Sender<u8>>> = const { RefCell::new(Vec::new()) };
    }
    never_stuck(1, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        SENDERS.with_borrow_mut(|senders| senders.push(sender));
        tokio::spawn(receiver);
        all_wait().await;
    });
}

#[test]
fn sender_on_the_stack_of_another_thread_is_never_stuck() {
    /// A thread of nobody's, which keeps on its stack what it is sent.
    fn holder() -> std_mpsc::Sender<oneshot::Sender<u8>> {
        static HOLDER: OnceLock<Mutex<std_mpsc::Sender<oneshot::Sender<u8>>>> = OnceLock::new();
        HOLDER.get_or_init(start_holder).lock().unwrap().clone()
    }
    fn start_holder() -> Mutex<std_mpsc::Sender<oneshot::Sender<u8>>> {
        let (give, take) = std_mpsc::channel::<oneshot::Sender<u8>>();
        std::thread::spawn(move || {
            // More than there are runs, so that it goes on to wait.
            let held: [_; 3 * TRIES as usize + 1] = std::array::from_fn(|_| take.recv());
            drop(held);
        });
        Mutex::new(give)
    }
    if !ALLOCATED {
        return;
    }
    holder();
    never_stuck(1, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        holder().send(sender).unwrap();
        tokio::spawn(receiver);
        all_wait().await;
    });
}

#[test]
fn sender_in_a_box_of_any_or_in_a_map_of_a_static_is_never_stuck() {
    static MAP: OnceLock<Mutex<HashMap<String, Arc<dyn Any + Send + Sync>>>> = OnceLock::new();
    never_stuck(2, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        keep(sender);
        tokio::spawn(receiver);
        let (sender, mut receiver) = mpsc::unbounded_channel::<u8>();
        let name = format!("{:p}", &raw const sender);
        MAP.get_or_init(Mutex::default).lock().unwrap().insert(name, Arc::new(sender));
        tokio::spawn(async move { receiver.recv().await });
        all_wait().await;
    });
}

#[test]
fn sender_behind_a_weak_one_is_never_stuck() {
    never_stuck(2, || async {
        let (sender, mut receiver) = mpsc::channel::<u8>(1);
        keep(sender.downgrade());
        tokio::spawn(async move {
            receiver.recv().await;
            drop(sender);
        });
        let notify = Arc::new(Notify::new());
        keep(Arc::downgrade(&notify));
        tokio::spawn(async move { notify.notified().await });
        all_wait().await;
    });
}

#[test]
fn sender_in_the_queue_of_a_channel_is_never_stuck() {
    never_stuck(2, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        let (give, mut take) = mpsc::channel::<oneshot::Sender<u8>>(1);
        give.try_send(sender).unwrap();
        tokio::spawn(receiver);
        tokio::spawn(async move {
            sleep(HOUR).await;
            take.recv().await;
        });
        keep(give);
        all_wait().await;
    });
}

#[test]
fn sender_in_the_output_of_a_task_is_never_stuck() {
    never_stuck(1, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        let done = tokio::spawn(async move { sender });
        tokio::spawn(receiver);
        all_wait().await;
        assert!(done.is_finished());
        keep(done);
    });
}

#[test]
fn handle_in_a_static_may_abort_and_so_its_task_is_never_stuck() {
    never_stuck(2, || async {
        keep(tokio::spawn(pending::<()>()));
        keep(tokio::spawn(pending::<()>()).abort_handle());
        all_wait().await;
    });
}

#[test]
fn join_set_of_a_living_task_may_abort_its_tasks() {
    never_stuck(2, || async {
        let mut set = JoinSet::new();
        set.spawn(pending::<()>());
        tokio::spawn(async move {
            sleep(HOUR).await;
            drop(set);
        });
        all_wait().await;
    });
}

#[test]
fn task_that_gives_way_for_ever_is_never_stuck() {
    let body = || async {
        tokio::spawn(async {
            loop {
                yield_now().await;
            }
        });
    };
    // Where it was in the middle of a poll, nothing is said.
    let is_it = |said: &[Outlook]| {
        assert!(matches!(said, [] | [Outlook::Runnable | Outlook::Looping]), "{said:?}");
        !said.is_empty()
    };
    for flavor in (0..2).filter(|_| ALLOCATED) {
        let (_, _) = said_in_the_end(|| checks("gives way")[flavor].clone(), body, is_it);
    }
}

#[test]
fn handle_that_was_forgotten_is_out_of_sight_or_wakes_nobody() {
    let body = || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        std::mem::forget(sender);
        tokio::spawn(receiver);
        all_wait().await;
    };
    // A copy that was left over may make up for it in the count of references. Nothing wakes the task, so both are true.
    let is_it = |said: &[Outlook]| {
        assert!(said.iter().all(|said| matches!(said, Outlook::Stuck | Outlook::Waiting(_))), "{said:?}");
        said.len() == 1
    };
    for flavor in (0..3).filter(|_| ALLOCATED) {
        let (_, _) = said_in_the_end(|| checks("forgotten")[flavor].clone(), body, is_it);
    }
}

/// Claims that nothing is proven, and for this reason, while something that the body has started waits to be told.
#[track_caller]
fn nothing_is_proven_beside(start: fn(Option<std_mpsc::Receiver<()>>), reason: &str) -> Report {
    let (stop, stopped) = std_mpsc::channel::<()>();
    let stopped = Mutex::new(Some(stopped));
    let report = Check::new("beside").wait_graph(true).grace(Duration::from_millis(5)).run(move || {
        let stopped = stopped.lock().unwrap().take();
        async move {
            start(stopped);
            tokio::spawn(pending::<()>());
        }
    });
    drop(stop);
    assert!(said(leak(&report), "verdict").starts_with(reason), "{report}");
    report
}

#[test]
fn nothing_is_proven_while_a_thread_of_the_test_runs() {
    if !ALLOCATED {
        return;
    }
    let start = |stopped: Option<std_mpsc::Receiver<()>>| {
        std::thread::spawn(move || stopped.map(|stopped| stopped.recv()));
    };
    let report = nothing_is_proven_beside(start, "not proven: a thread that the test started");
    assert!(leak(&report).waits().is_none());
}

#[test]
fn nothing_is_proven_while_a_blocking_closure_runs() {
    if !ALLOCATED {
        return;
    }
    let start = |stopped: Option<std_mpsc::Receiver<()>>| {
        tokio::task::spawn_blocking(move || stopped.map(|stopped| stopped.recv_timeout(HOUR)));
    };
    let _ = nothing_is_proven_beside(start, "not proven: a blocking closure");
}

#[test]
fn proof_ends_the_wait_before_the_grace() {
    if !ALLOCATED {
        return;
    }
    let began = std::time::Instant::now();
    let report = Check::new("early").wait_graph(true).grace(60 * Duration::from_secs(1)).run(|| async {
        let (sender, receiver) = oneshot::channel::<u8>();
        tokio::spawn(async move {
            let _ = receiver.await;
            drop(sender);
        });
    });
    // The grace is a minute, so anything far below is no claim about the machine.
    assert!(began.elapsed() < Duration::from_secs(30));
    assert!(said(leak(&report), "verdict").starts_with("stuck"), "{report}");
}

#[test]
fn graph_is_in_the_report_as_data() {
    for report in stuck(1, || async {
        let (sender, receiver) = oneshot::channel::<u8>();
        tokio::spawn(async move {
            let _ = receiver.await;
            drop(sender);
        });
        all_wait().await;
    }) {
        let read = Report::from_json(&report.to_json()).unwrap();
        assert_eq!(read.findings()[0].waits(), report.findings()[0].waits());
        let graph = read.findings()[0].waits().expect("a leak has a graph");
        assert!(graph.to_dot().contains("tokio oneshot of u8"), "{}", graph.to_dot());
        assert!(graph.to_svg().starts_with("<svg"));
        assert!(graph.to_text().expect("it is small").contains("can wake"));
    }
}
