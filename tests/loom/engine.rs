//! What a search says where it has found a fault of another kind, or nothing because it looked at nothing.

#[cfg(not(loom))]
#[test]
fn search_without_loom_is_an_error() {
    let error = lightsout::model::Check::new("nowhere").try_run(|_| ()).unwrap_err().to_string();
    assert!(error.contains("--cfg loom"), "{error}");
}

#[cfg(loom)]
mod tried {
    use std::cell::RefCell;
    use std::time::Duration;

    use lightsout::model::{Check, Model};
    use lightsout::sync::atomic::{AtomicUsize, Ordering};
    use lightsout::sync::{Arc, Condvar, Mutex};
    use lightsout::{Kind, Report};

    use crate::claims::{rejected, tried};

    /// Claims that the only finding is that nothing was shown, and that it says why.
    #[track_caller]
    fn vacuous(report: &Report, why: &str) {
        let [finding] = report.findings() else { panic!("expected one finding: {report}") };
        assert_eq!(finding.kind(), Kind::Vacuous, "{report}");
        assert!(finding.summary().contains(why), "{report}");
    }

    /// Two actors that count in many steps, and a close.
    fn busy(model: &Model) {
        let (pool, count) = (model.resource("pool"), Arc::new(AtomicUsize::new(0)));
        model.actors(3, "counter", || {
            let (pool, count) = (pool.clone(), count.clone());
            move || {
                for _ in 0..4 {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                pool.touch();
            }
        });
    }

    #[test]
    fn search_that_comes_to_a_bound_is_vacuous() {
        let closes = |model: &Model| {
            busy(model);
            model.resource("other").close();
        };
        vacuous(&Check::new("few").iterations(100).run(closes), "its bound `iterations` after 100 orders");
        vacuous(&Check::new("short").time(Duration::ZERO).run(closes), "its bound `time`");
        vacuous(&Check::new("narrow").steps(10).run(closes), "its bound `steps`");
        vacuous(&Check::new("many").run(|model| model.actors(5, "actor", || || ())), "more actors");
    }

    #[test]
    fn search_that_tried_nothing_is_vacuous() {
        vacuous(&Check::new("none").iterations(0).run(|model| busy(model)), "`iterations` after 0 orders");
        vacuous(&Check::new("idle").run(|model| model.resource("pool").close()), "no actor acted");
        vacuous(&Check::new("open").preemptions(1).run(busy), "nothing was closed");
    }

    #[test]
    fn report_counts_the_orders_and_says_how_it_is_bounded() {
        let report = Check::new("counted").preemptions(1).run(|model| {
            let pool = model.resource("pool");
            model.actor("stop", move || pool.close());
            busy(model);
        });
        assert!(report.is_clean(), "{report}");
        assert!(report.coverage().runs() > 10, "{report}");
        assert!(report.coverage().unseen()[0].what.contains("more than 1 time in all"), "{report}");
    }

    #[test]
    fn resource_that_must_end_and_does_not_is_found() {
        let report = tried(|model| {
            let pool = model.resource("pool").must_end();
            model.actor("user", move || pool.touch());
        });
        let finding = rejected(&report, Kind::OpenChannel);
        assert_eq!(finding.summary(), "`pool` must end, and was never closed");
        assert_eq!(finding.sites()[0].line, line!() - 5);
    }

    #[test]
    fn use_beside_a_close_is_found() {
        let report = tried(|model| {
            let pool = model.resource("pool");
            let closing = pool.clone();
            model.actor("stop", move || closing.close());
            model.actor("user", move || pool.touch());
        });
        let lines: Vec<_> = rejected(&report, Kind::UseAfterClose).sites().iter().map(|site| site.line).collect();
        assert_eq!(lines, [line!() - 4, line!() - 3]);
    }

    #[test]
    fn locks_in_two_orders_are_a_hang_with_both_places() {
        let report = tried(|model| {
            let pool = model.resource("pool");
            let locks = Arc::new((Mutex::new(0), Mutex::new(0)));
            let theirs = locks.clone();
            model.actor("one", move || {
                let _first = locks.0.lock().unwrap();
                let _second = locks.1.lock().unwrap();
                pool.close();
            });
            model.actor("other", move || {
                let _second = theirs.1.lock().unwrap();
                let _first = theirs.0.lock().unwrap();
            });
        });
        let finding = rejected(&report, Kind::Hang);
        let mut lines: Vec<_> = finding.sites().iter().map(|site| site.line).collect();
        lines.sort_unstable();
        assert_eq!(lines, [line!() - 11, line!() - 6], "{report}");
    }

    #[test]
    fn word_that_nobody_gives_is_a_hang() {
        let report = tried(|model| {
            let pool = model.resource("pool");
            model.actor("waiter", move || {
                let (lock, changed) = (Mutex::new(()), Condvar::new());
                drop(changed.wait(lock.lock().unwrap()).unwrap());
                pool.close();
            });
        });
        let _ = rejected(&report, Kind::Hang);
    }

    #[test]
    fn handle_in_a_cycle_is_found() {
        struct Node(Mutex<Option<Arc<Node>>>);
        let report = tried(|model| {
            let pool = model.resource("pool");
            model.actor("owner", move || {
                let node = Arc::new(Node(Mutex::new(None)));
                *node.0.lock().unwrap() = Some(node.clone());
                pool.close();
            });
        });
        assert!(rejected(&report, Kind::OpenChannel).summary().starts_with("an `Arc` is still held"), "{report}");
    }

    #[test]
    fn message_that_nobody_reads_is_lost() {
        let report = tried(|model| {
            let queue = model.channel("queue");
            model.actor("sender", move || {
                queue.send(1);
                queue.close();
            });
        });
        assert_eq!(rejected(&report, Kind::LostWork).summary(), "1 message of `queue` was never read");
    }

    #[test]
    fn message_of_looms_own_channel_is_told_in_our_words() {
        let report = tried(|model| {
            let pool = model.resource("pool");
            model.actor("sender", move || {
                let (sender, receiver) = loom::sync::mpsc::channel();
                sender.send(1).unwrap();
                std::mem::forget(receiver);
                pool.close();
            });
        });
        assert_eq!(rejected(&report, Kind::LostWork).summary(), "messages of a channel were never read");
    }

    #[test]
    fn assertion_of_an_actor_is_found_with_its_place() {
        let report = tried(|model| {
            let (pool, count) = (model.resource("pool"), Arc::new(AtomicUsize::new(0)));
            model.actors(2, "actor", || {
                let count = count.clone();
                move || assert_eq!(count.fetch_add(1, Ordering::Relaxed), 0, "both count")
            });
            pool.close();
        });
        let finding = rejected(&report, Kind::TaskPanic);
        assert!(finding.summary().contains("both count"), "{report}");
        assert_eq!(finding.sites()[0].line, line!() - 6);
    }

    #[test]
    fn model_that_holds_something_from_order_to_order_is_not_believed() {
        thread_local! {
            static ONCE: RefCell<bool> = const { RefCell::new(false) };
        }
        let report = tried(|model| {
            let (pool, again) = (model.resource("pool"), ONCE.replace(true));
            model.actor("stop", move || {
                pool.close();
                if !again {
                    pool.close();
                }
            });
        });
        vacuous(&report, "did not when it was tried again");
    }
}
