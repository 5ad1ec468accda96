//! Tracing events that tell of components.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lightsout::{Check, Kind, Report};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, debug, info, trace};

use crate::claims::{clean, only, said};

/// Claims that the places of the only finding are these lines of this file.
#[track_caller]
fn lines(report: &Report, kind: Kind, lines: &[u32]) {
    let sites: Vec<_> = only(report, kind).sites().iter().map(|site| (&*site.file, site.line)).collect();
    assert_eq!(sites, lines.iter().map(|line| (file!(), *line)).collect::<Vec<_>>(), "{report}");
}

/// Counts the events that it gets, and spans that end without having begun.
#[derive(Clone, Default)]
struct Counter {
    events: Arc<AtomicUsize>,
    spans: Arc<Mutex<Vec<u64>>>,
}

impl Counter {
    fn count(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }
}

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("it::") && *metadata.level() <= tracing::Level::DEBUG
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        let mut spans = self.spans.lock().unwrap();
        let id = spans.len() as u64 + 1;
        spans.push(id);
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, id: &Id) {
        assert!(self.spans.lock().unwrap().contains(&id.into_u64()), "an unknown span is entered");
    }

    fn exit(&self, _: &Id) {}
}

#[test]
fn component_that_closes_twice_is_found_with_both_places() {
    let report = Check::new("twice").run(|| async {
        for _ in 0..2 {
            info!(component = "pool", closing = "begin");
            info!(component = "pool", closing = "end");
        }
    });
    lines(&report, Kind::DoubleClose, &[line!() - 4, line!() - 4]);
    assert_eq!(only(&report, Kind::DoubleClose).count(), 1);
}

#[test]
fn component_that_ends_twice_is_found_without_a_beginning() {
    let report = Check::new("ends").run(|| async {
        info!(component = "pool", closing = "end");
        trace!(component = "pool", closing = "end", "any level will do");
    });
    lines(&report, Kind::DoubleClose, &[line!() - 3, line!() - 2]);
}

#[test]
fn component_that_is_opened_again_may_close_again() {
    clean(&Check::new("restart").run(|| async {
        for _ in 0..2 {
            info!(component = "pool", opened = true);
            info!(component = "pool", closing = "end");
        }
        for id in 0..2_u64 {
            info!(component = "connection", closing = "end", id);
        }
    }));
}

#[test]
fn work_accepted_after_the_end_is_a_use() {
    let report = Check::new("late").run(|| async {
        info!(component = "queue", closing = "end");
        info!(component = "queue", work = "accepted", id = "late");
        info!(component = "queue", work = "refused", id = "late");
    });
    lines(&report, Kind::UseAfterClose, &[line!() - 4, line!() - 3]);
}

#[test]
fn work_that_no_event_ends_is_lost() {
    let report = Check::new("lost").multi_thread().worker_threads(2).run(|| async {
        let accept = async {
            for id in 0..4_u64 {
                debug!(component = "queue", work = "accepted", id);
            }
        };
        tokio::spawn(accept).await.unwrap();
        debug!(component = "queue", work = "done", id = 1);
        tokio::task::spawn_blocking(|| debug!(component = "queue", work = "refused", id = %3)).await.unwrap();
    });
    lines(&report, Kind::LostWork, &[line!() - 7]);
    assert_eq!(only(&report, Kind::LostWork).count(), 2, "{report}");
    let work = report.coverage().work();
    assert_eq!((work.accepted, work.done, work.refused, work.lost), (4, 1, 1, 2));
}

#[test]
fn work_without_a_number_ends_oldest_first() {
    let report = Check::new("fifo").run(|| async {
        debug!(component = "queue", work = "accepted");
        debug!(component = "queue", work = "accepted");
        debug!(component = "queue", work = "done");
    });
    lines(&report, Kind::LostWork, &[line!() - 3]);
}

#[test]
fn order_holds_between_the_end_of_one_and_the_beginning_of_the_next() {
    let closing = |overlap: bool| {
        Check::new("order").order("listener < database").run(move || async move {
            info!(component = "listener", closing = "begin");
            if overlap {
                info!(component = "database", closing = "begin");
                info!(component = "listener", closing = "end");
            } else {
                info!(component = "listener", closing = "end");
                info!(component = "database", closing = "begin");
            }
            info!(component = "database", closing = "end");
        })
    };
    clean(&closing(false));
    lines(&closing(true), Kind::OutOfOrder, &[line!() - 10, line!() - 9]);
}

#[test]
fn event_that_cannot_be_understood_is_told() {
    let report = Check::new("slip").run(|| async {
        info!(component = "pool", closing = "done");
        info!(component = "pool", work = "done");
    });
    clean(&report);
    let told: Vec<_> = report.coverage().unseen().iter().map(|unseen| &*unseen.why).collect();
    let has =
        |text: &str, line| told.iter().any(|why| why.contains(text) && why.ends_with(&format!("{}:{line}", file!())));
    assert!(has(r#"`closing = "done"` is none of `begin`, `end`"#, line!() - 7), "{told:?}");
    assert!(has("work of `pool` ends that was not accepted", line!() - 7), "{told:?}");
}

/// Closes twice, with an ordinary event and a span in between.
fn noise() {
    info!(component = "pool", closing = "end");
    tracing::info_span!("between").in_scope(|| debug!("an ordinary event"));
    trace!("below the level of who listens");
    info!(component = "pool", closing = "end");
}

#[test]
fn subscriber_of_the_tests_thread_gets_everything_as_before() {
    let counter = Counter::default();
    let report = tracing::subscriber::with_default(counter.clone(), || Check::new("before").run(|| async { noise() }));
    let _ = only(&report, Kind::DoubleClose);
    assert_eq!(counter.count(), 3);
}

#[test]
fn subscriber_that_the_body_sets_is_told_of_and_read_behind_from_its_next_await_on() {
    let counter = Counter::default();
    let theirs = counter.clone();
    let report = Check::new("body").run(move || {
        let theirs = theirs.clone();
        async move {
            let _guard = tracing::subscriber::set_default(theirs);
            tokio::task::yield_now().await;
            noise();
        }
    });
    let _ = only(&report, Kind::DoubleClose);
    assert_eq!(counter.count(), 3);
    assert!(report.coverage().unseen().iter().any(|unseen| unseen.why.contains("convention::over")), "{report}");
}

#[test]
fn subscriber_with_the_reader_over_it_hides_nothing() {
    let counter = Counter::default();
    let theirs = counter.clone();
    let report = Check::new("over").run(move || {
        let over = lightsout::convention::over(theirs.clone());
        async move {
            let _guard = tracing::dispatcher::set_default(&over);
            noise();
        }
    });
    let _ = only(&report, Kind::DoubleClose);
    assert_eq!(counter.count(), 3);
    assert!(report.coverage().unseen().iter().all(|unseen| !unseen.what.contains("tracing")), "{report}");
}

#[test]
fn events_of_one_run_are_not_read_by_another() {
    let outer = Check::new("outer").run(|| async {
        info!(component = "pool", closing = "end");
        let inner = Check::new("inner").run(|| async { info!(component = "pool", closing = "end") });
        clean(&inner);
    });
    clean(&outer);
}

#[test]
fn who_accepted_and_who_closed_is_told() {
    let report = Check::new("who").run(|| async {
        info!(component = "pool", closing = "end");
        tokio::spawn(async { info!(component = "pool", closing = "end") }).await.unwrap();
    });
    let by = said(only(&report, Kind::DoubleClose), "by");
    assert!(by.contains("then the task") || by.contains("then a task"), "{by}");
}
