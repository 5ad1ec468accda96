//! Channels that outlive the body, and channels that are counted in its middle.

use std::any::Any;
use std::sync::{Arc, Mutex, OnceLock, mpsc as std_mpsc};

use lightsout::{Allow, ChannelKind, Channels, Check, Kind, LiveChannel, Report};
use tokio::sync::{self, broadcast, mpsc, oneshot, watch};

use crate::claims::{ALLOCATED, clean, only, said};

/// Something to send, whose type can be read in a report.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "nobody reads what is sent")]
struct Job(u32);

/// Keeps something as a static would.
fn keep(it: impl Any + Send) {
    static KEPT: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());
    KEPT.lock().unwrap().push(Box::new(it));
}

fn denied(name: &str) -> Check {
    Check::new(name).channels(Channels::Deny)
}

/// Claims that the only finding is one open channel made at this line, of this kind.
#[track_caller]
fn open(report: &Report, line: u32, kind: &str) {
    let finding = only(report, Kind::OpenChannel);
    assert_eq!((&*finding.sites()[0].file, finding.sites()[0].line), (file!(), line), "{report}");
    assert_eq!(said(finding, "kind"), kind, "{report}");
}

/// The channels that a body has made, by the census in its middle.
fn census_of(body: fn() -> Box<dyn Any>) -> Vec<LiveChannel> {
    let (tell, told) = std_mpsc::channel();
    let check = Check::new("census").run(move || {
        let tell = tell.clone();
        async move {
            let made = body();
            tell.send(lightsout::census().channels).unwrap();
            drop(made);
        }
    });
    clean(&check);
    told.recv().unwrap()
}

/// Claims what the census tells of the first channel that a body makes: its kind, what it carries, its handles and those that send.
#[track_caller]
fn counted(body: fn() -> Box<dyn Any>, kind: &str, element: Option<&str>, handles: usize, senders: Option<usize>) {
    if !ALLOCATED {
        return;
    }
    let channels = census_of(body);
    let [channel, ..] = &*channels else { panic!("expected a {kind}, got nothing") };
    assert_eq!((&*channel.kind, channel.element.as_deref()), (kind, element));
    assert_eq!((channel.handles, channel.senders), (handles, senders), "{kind}");
    assert_eq!(channel.site.file, file!());
}

const JOB: Option<&str> = Some("it::channels::Job");

#[test]
fn channels_of_tokio_are_counted() {
    counted(
        || {
            let (tx, rx) = mpsc::channel::<Job>(1);
            Box::new((tx.clone(), tx, rx))
        },
        "tokio mpsc",
        JOB,
        3,
        Some(2),
    );
    counted(|| Box::new(mpsc::unbounded_channel::<Job>().0), "tokio mpsc (unbounded)", JOB, 1, Some(1));
    counted(|| Box::new(oneshot::channel::<Job>().1), "tokio oneshot", JOB, 1, None);
    counted(|| Box::new(watch::channel(Job(1))), "tokio watch", JOB, 2, None);
    counted(|| Box::new(watch::Sender::new(Job(1))), "tokio watch", JOB, 1, None);
    counted(|| Box::new(broadcast::channel::<Job>(2)), "tokio broadcast", JOB, 2, None);
}

#[test]
fn locks_of_tokio_are_counted() {
    counted(|| Box::new(Arc::new(sync::Notify::new())), "tokio Notify", None, 1, None);
    counted(|| Box::new(Arc::new(sync::Semaphore::new(3))), "tokio Semaphore", None, 1, None);
    counted(
        || {
            let lock = Arc::new(sync::Mutex::new(Job(1)));
            Box::new((lock.clone(), lock))
        },
        "tokio Mutex",
        JOB,
        2,
        None,
    );
    counted(|| Box::new(Arc::new(sync::RwLock::new(Job(1)))), "tokio RwLock", JOB, 1, None);
    counted(|| Box::new(Arc::new(sync::Barrier::new(3))), "tokio Barrier", None, 1, None);
}

#[test]
fn channels_of_std_are_counted() {
    counted(
        || {
            let (tx, rx) = std_mpsc::channel::<Job>();
            Box::new((tx.clone(), tx, rx))
        },
        "std mpsc",
        JOB,
        3,
        Some(2),
    );
    counted(|| Box::new(std_mpsc::sync_channel::<Job>(4).1), "std mpsc (bounded)", JOB, 1, Some(0));
    counted(|| Box::new(std_mpsc::sync_channel::<Job>(0)), "std mpsc (rendezvous)", JOB, 2, Some(1));
}

#[test]
fn channels_of_other_crates_are_counted() {
    counted(
        || {
            let (tx, rx) = crossbeam_channel::unbounded::<Job>();
            Box::new((tx.clone(), tx, rx))
        },
        "crossbeam channel",
        JOB,
        3,
        Some(2),
    );
    counted(|| Box::new(crossbeam_channel::bounded::<Job>(4).1), "crossbeam channel (bounded)", JOB, 1, Some(0));
    counted(|| Box::new(crossbeam_channel::bounded::<Job>(0)), "crossbeam channel (rendezvous)", JOB, 2, Some(1));
    counted(|| Box::new(async_channel::bounded::<Job>(4)), "async-channel", JOB, 2, None);
    counted(|| Box::new(async_channel::unbounded::<Job>()), "async-channel", JOB, 2, None);
    counted(|| Box::new(flume::bounded::<Job>(4)), "flume channel", JOB, 2, None);
    counted(|| Box::new(flume::unbounded::<Job>().0), "flume channel", JOB, 1, None);
    counted(|| Box::new(futures_channel::mpsc::channel::<Job>(4)), "futures mpsc", JOB, 2, None);
    counted(|| Box::new(futures_channel::mpsc::unbounded::<Job>()), "futures mpsc (unbounded)", JOB, 2, None);
    counted(|| Box::new(futures_channel::oneshot::channel::<Job>()), "futures oneshot", JOB, 2, None);
}

#[test]
fn channel_that_is_kept_is_named_with_its_place() {
    if !ALLOCATED {
        return;
    }
    let report = denied("kept").run(|| async {
        let (sender, _) = mpsc::channel::<Job>(1);
        keep(sender);
    });
    open(&report, line!() - 3, "tokio mpsc of it::channels::Job");
    assert_eq!(said(only(&report, Kind::OpenChannel), "handles"), "1, of which 1 sender");
}

#[test]
fn cycle_of_handles_keeps_its_channel() {
    if !ALLOCATED {
        return;
    }
    struct Command(#[expect(dead_code, reason = "it closes the cycle")] mpsc::UnboundedSender<Command>);
    let report = denied("cycle").run(|| async {
        let (sender, receiver) = mpsc::unbounded_channel();
        sender.send(Command(sender.clone())).ok().unwrap();
        std::mem::forget(receiver);
    });
    let finding = only(&report, Kind::OpenChannel);
    assert_eq!(finding.sites()[0].line, line!() - 5);
}

#[test]
fn channels_of_one_place_are_one_finding() {
    if !ALLOCATED {
        return;
    }
    let report = denied("three").run(|| async {
        for _ in 0..3 {
            keep(oneshot::channel::<u8>());
        }
    });
    assert_eq!(only(&report, Kind::OpenChannel).count(), 3, "{report}");
}

#[test]
fn open_channel_is_a_note_unless_it_is_denied() {
    if !ALLOCATED {
        return;
    }
    let body = || async { keep(watch::channel(0_u8)) };
    let noted = Check::new("noted").run(body);
    assert!(noted.is_clean(), "{noted}");
    assert_eq!(noted.notes()[0].kind(), Kind::OpenChannel);
    let ignored = Check::new("ignored").channels(Channels::Ignore).run(body);
    assert_eq!((ignored.is_clean(), ignored.notes().len()), (true, 0));
}

#[test]
fn channel_of_a_leaked_task_is_not_told_beside_it() {
    let report = denied("leak").start_paused(true).run(|| async {
        let (sender, mut receiver) = mpsc::channel::<Job>(1);
        tokio::spawn(async move {
            let _sender = sender;
            receiver.recv().await;
        });
    });
    only(&report, Kind::LeakedTask);
}

#[test]
fn channels_that_end_with_the_body_are_clean() {
    for check in [denied("ended"), denied("ended").multi_thread().worker_threads(2)] {
        clean(&check.run(|| async {
            let (sender, mut receiver) = mpsc::channel::<Job>(1);
            let (done, is_done) = oneshot::channel();
            let worker = tokio::spawn(async move {
                while receiver.recv().await.is_some() {}
                done.send(()).unwrap();
            });
            sender.send(Job(1)).await.unwrap();
            drop(sender);
            is_done.await.unwrap();
            worker.await.unwrap();
        }));
    }
}

#[test]
fn thread_that_ends_late_takes_its_channel_with_it() {
    clean(&denied("late").run(|| async {
        let (sender, receiver) = std_mpsc::channel::<Job>();
        std::thread::spawn(move || receiver.into_iter().count());
        std::mem::drop(sender);
    }));
}

#[test]
fn signal_registry_of_tokio_is_allowed_with_its_reason() {
    let report = denied("signal").run(|| async {
        let mut user_signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::user_defined2()).unwrap();
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), user_signal.recv()).await;
    });
    clean(&report);
}

#[test]
fn channel_inside_a_barrier_is_a_part_of_it() {
    clean(&denied("barrier").run(|| async { keep(Arc::new(sync::Barrier::new(2))) }));
}

#[test]
fn channel_may_be_allowed_by_its_place_or_by_a_function() {
    static POOL: OnceLock<Mutex<Vec<mpsc::Sender<Job>>>> = OnceLock::new();
    fn warm() {
        POOL.get_or_init(Mutex::default).lock().unwrap().push(mpsc::channel(1).0);
    }
    if !ALLOCATED {
        return;
    }
    let rules = [Allow::created_at(format!("{}:{}", file!(), line!() - 5)), Allow::created_in("channels::*::warm")];
    for rule in rules.map(|rule| rule.because("the pool lives as long as the process")) {
        let report = denied("allowed").allow(rule).run(|| async { warm() });
        clean(&report);
        assert_eq!(report.allowed()[0].count, 1);
    }
    open(&denied("not allowed").run(|| async { warm() }), line!() - 11, "tokio mpsc of it::channels::Job");
}

mod bus {
    //! A channel of the tests' own.

    use std::sync::Arc;

    #[derive(Debug)]
    #[expect(dead_code, reason = "nobody listens")]
    pub(super) struct Shared<T>(Vec<T>, [u64; 4]);

    pub(super) fn open<T>() -> Arc<Shared<T>> {
        Arc::new(Shared(Vec::new(), [0; 4]))
    }
}

#[test]
fn kind_is_added_by_a_test() {
    if !ALLOCATED {
        return;
    }
    let kind = ChannelKind::new("bus", "it::channels::bus::Shared<*>");
    let report = denied("bus").channel_kind(kind).run(|| async { keep(bus::open::<Job>()) });
    assert_eq!(said(only(&report, Kind::OpenChannel), "kind"), "bus of it::channels::Job", "{report}");
    let report = denied("bus").run(|| async {
        lightsout::channel_kind(ChannelKind::new("body's bus", "it::channels::bus::Shared<*>"));
        keep(bus::open::<Job>());
    });
    assert_eq!(said(only(&report, Kind::OpenChannel), "kind"), "body's bus of it::channels::Job", "{report}");
    clean(&denied("no bus").run(|| async { keep(bus::open::<Job>()) }));
}

#[test]
fn every_kind_is_found_here() {
    let report = denied("calibrated").run(|| async {});
    let unseen = report.coverage().unseen();
    assert!(!ALLOCATED || unseen.iter().all(|unseen| !unseen.what.starts_with("channels")), "{unseen:?}");
}

#[test]
#[ignore = "a channel that lives inside another allocation has no allocation of its own"]
fn channel_inside_another_value_is_seen() {
    struct Server {
        _stop: sync::Notify,
    }
    let channels = census_of(|| Box::new(Box::new(Server { _stop: sync::Notify::new() })));
    assert_eq!(channels.len(), 1);
}

#[test]
#[ignore = "an allocation is known by the thread that made it, and this thread belongs to no run"]
fn channel_that_an_older_thread_makes_for_a_run_is_this_runs() {
    let (ask, asked) = std_mpsc::channel::<std_mpsc::Sender<oneshot::Receiver<u8>>>();
    std::thread::spawn(move || asked.into_iter().for_each(|answer| answer.send(oneshot::channel().1).unwrap()));
    let report = denied("asks").run(move || {
        let ask = ask.clone();
        async move {
            let (answer, answered) = std_mpsc::channel();
            ask.send(answer).unwrap();
            keep(answered.recv().unwrap());
        }
    });
    only(&report, Kind::OpenChannel);
}
