//! Tasks that outlive the body.

use std::future::pending;
use std::time::Duration;

use lightsout::{Check, Ending, Kind};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::claims::{ALLOCATED, DUMPED, HOOKED, PLACED, clean, leaked, only, said};

const MS: Duration = Duration::from_millis(1);

fn paused(name: &str) -> Check {
    Check::new(name).start_paused(true)
}

fn both_flavors(name: &str) -> [Check; 2] {
    [Check::new(name), Check::new(name).multi_thread().worker_threads(2)]
}

#[test]
fn body_that_ends_what_it_starts_is_clean() {
    for check in both_flavors("clean") {
        clean(&check.run(|| async {
            let worker = tokio::spawn(async { sleep(MS).await });
            worker.await.unwrap();
        }));
    }
}

#[test]
fn aborted_tasks_are_not_leaks() {
    for check in both_flavors("aborted") {
        clean(&check.run(|| async {
            tokio::spawn(pending::<()>()).abort();
            let mut set = JoinSet::new();
            for _ in 0..100 {
                set.spawn(pending::<()>());
            }
        }));
    }
}

#[test]
fn leaked_task_is_named_with_its_place() {
    for check in both_flavors("leak") {
        let report = check.grace(20 * MS).run(|| async {
            tokio::spawn(pending::<()>());
        });
        leaked(&report, 1, file!(), line!() - 2);
    }
}

#[test]
fn tasks_of_one_place_are_one_finding() {
    let report = paused("three").run(|| async {
        for _ in 0..3 {
            tokio::spawn(pending::<()>());
        }
    });
    leaked(&report, 3, file!(), line!() - 3);
}

#[test]
fn each_place_is_a_finding() {
    let report = paused("two places").run(|| async {
        tokio::spawn(pending::<()>());
        tokio::spawn(pending::<()>());
    });
    assert_eq!(report.findings().len(), if PLACED { 2 } else { 1 }, "{report}");
}

#[test]
fn task_that_ends_within_the_grace_is_no_leak() {
    clean(&paused("slow end").grace(100 * MS).run(|| async {
        tokio::spawn(sleep(99 * MS));
    }));
}

#[test]
fn task_that_ends_after_the_grace_is_a_leak() {
    let report = paused("too slow an end").grace(100 * MS).run(|| async {
        tokio::spawn(sleep(200 * MS));
    });
    leaked(&report, 1, file!(), line!() - 2);
}

#[test]
fn locals_of_the_body_are_gone_before_anyone_looks() {
    clean(&paused("locals").run(|| async {
        let (_stop, stopped) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(stopped);
    }));
}

#[test]
fn task_that_a_drop_spawns_is_seen() {
    struct SpawnsOnDrop;
    impl Drop for SpawnsOnDrop {
        fn drop(&mut self) {
            tokio::spawn(pending::<()>());
        }
    }
    let report = paused("drop spawns").run(|| async {
        let _late = SpawnsOnDrop;
    });
    leaked(&report, 1, file!(), line!() - 6);
}

#[test]
fn states_of_tasks_are_told_apart() {
    if !HOOKED {
        return;
    }
    let waiting = paused("waiting").run(|| async {
        tokio::spawn(pending::<()>());
    });
    assert!(said(only(&waiting, Kind::LeakedTask), "state").starts_with("waiting; polled once"), "{waiting}");

    let looping = paused("looping").run(|| async {
        tokio::spawn(async {
            loop {
                sleep(10 * MS).await;
            }
        });
    });
    assert!(said(only(&looping, Kind::LeakedTask), "state").starts_with("looping; it woke"), "{looping}");
}

#[test]
fn task_inside_a_poll_is_told_as_running() {
    if !HOOKED {
        return;
    }
    let report = Check::new("running").multi_thread().worker_threads(1).grace(20 * MS).run(|| async {
        let (polled, is_polled) = tokio::sync::oneshot::channel();
        tokio::spawn(async {
            polled.send(()).unwrap();
            std::thread::sleep(20_000 * MS);
        });
        is_polled.await.unwrap();
    });
    let leak = report.findings().iter().find(|finding| finding.kind() == Kind::LeakedTask).expect("it is alive");
    assert!(said(leak, "state").starts_with("running;"), "{report}");
    // Its worker is then a thread that outlives the runtime.
    assert!(report.findings().iter().any(|finding| finding.kind() == Kind::BlockedThread), "{report}");
}

#[test]
fn await_place_is_told() {
    if !DUMPED {
        return;
    }
    async fn worker(mut jobs: tokio::sync::mpsc::Receiver<u32>) {
        while jobs.recv().await.is_some() {}
    }
    let await_line = line!() - 2;
    let report = paused("await place").run(|| async {
        let (send, receive) = tokio::sync::mpsc::channel(1);
        tokio::spawn(worker(receive));
        std::mem::forget(send);
    });
    let awaits = said(only(&report, Kind::LeakedTask), "awaits");
    assert!(awaits.contains(&format!("{}:{await_line}:", file!())), "{awaits}");
    assert!(awaits.starts_with("tokio::sync::mpsc"), "{awaits}");
}

#[test]
fn failed_body_does_not_hide_a_leak() {
    let report = paused("err").run(|| async {
        tokio::spawn(pending::<()>());
        Err::<(), _>("no luck")
    });
    leaked(&report, 1, file!(), line!() - 3);
    assert_eq!(report.ending(), &Ending::Failed("\"no luck\"".to_owned()));

    let report = paused("panic").run(|| async {
        tokio::spawn(pending::<()>());
        panic!("out of luck");
    });
    leaked(&report, 1, file!(), line!() - 3);
    assert_eq!(report.ending(), &Ending::Panicked("out of luck".to_owned()));
}

#[test]
fn census_counts_what_is_alive_now() {
    clean(&paused("census").run(|| async {
        let task = tokio::spawn(pending::<()>());
        tokio::task::yield_now().await;
        let census = lightsout::census();
        assert_eq!(census.counted, 1);
        if HOOKED {
            assert_eq!((census.tasks[0].site.line, census.tasks[0].polls), (line!() - 5, Some(1)));
        }
        task.abort();
    }));
}

#[test]
fn census_belongs_inside_a_run() {
    let outside = std::panic::catch_unwind(lightsout::census).expect_err("there is no run here");
    assert!(outside.downcast_ref::<String>().unwrap().contains("belongs inside a checked test"));
}

#[test]
fn build_without_hooks_says_what_it_did_not_see() {
    let report = paused("unseen").run(|| async {});
    let unseen = report.coverage().unseen().iter().any(|unseen| unseen.what.contains("await places"));
    assert_eq!((unseen, report.coverage().is_exact()), (!HOOKED, HOOKED));
}

#[test]
fn task_of_a_local_set_is_seen() {
    if !ALLOCATED {
        return;
    }
    let report = paused("local set").run(|| async {
        let set: &'static tokio::task::LocalSet = Box::leak(Box::new(tokio::task::LocalSet::new()));
        set.spawn_local(pending::<()>());
    });
    leaked(&report, 1, file!(), line!() - 2);
}

#[test]
fn task_of_a_runtime_of_the_bodys_own_is_seen() {
    if !ALLOCATED {
        return;
    }
    for workers in [0, 1] {
        let report = Check::new("nested").grace(20 * MS).run(move || async move {
            let mut builder = match workers {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let nested = builder.worker_threads(1).build().unwrap();
            nested.spawn(pending::<()>());
            std::mem::forget(nested);
        });
        let leak = report.findings().iter().find(|finding| finding.kind() == Kind::LeakedTask).expect("it is alive");
        assert_eq!((leak.count(), leak.sites()[0].line), (1, line!() - 4), "{report}");
    }
}

#[test]
fn ended_task_whose_handle_is_kept_is_no_leak() {
    for check in both_flavors("kept") {
        clean(&check.run(|| async {
            let handle = tokio::spawn(async {});
            tokio::task::spawn_blocking(|| {}).await.unwrap();
            std::mem::forget(handle);
        }));
    }
}

#[test]
fn channels_are_not_taken_for_tasks() {
    clean(&paused("channels").run(|| async {
        let (send, receive) = tokio::sync::mpsc::channel::<u8>(4);
        send.send(1).await.unwrap();
        let (one, other) = std::sync::mpsc::channel::<u8>();
        one.send(1).unwrap();
        std::mem::forget((send, receive, one, other));
    }));
}

#[test]
fn task_that_a_blocking_closure_spawns_after_the_body_is_seen() {
    if !ALLOCATED {
        return;
    }
    let report = Check::new("late spawn").run(|| async {
        let handle = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || {
            std::thread::sleep(50 * MS);
            handle.spawn(pending::<()>());
        });
    });
    leaked(&report, 1, file!(), line!() - 3);
}

#[test]
fn check_that_ignores_allocations_says_so() {
    let report = paused("ignored").allocations(false).run(|| async {
        let set: &'static tokio::task::LocalSet = Box::leak(Box::new(tokio::task::LocalSet::new()));
        set.spawn_local(pending::<()>());
    });
    clean(&report);
    assert!(report.coverage().unseen().iter().any(|unseen| unseen.what.contains("LocalSet")), "{report}");
}

#[test]
fn woken_task_whose_turn_does_not_come_is_told_as_runnable() {
    if !ALLOCATED {
        return;
    }
    // The only worker is inside a poll that does not end, and the other task was woken before that.
    let report = Check::new("runnable").multi_thread().worker_threads(1).grace(20 * MS).run(|| async {
        let (wake, woken) = tokio::sync::oneshot::channel::<()>();
        let (polled, is_polled) = tokio::sync::oneshot::channel();
        let starved = tokio::spawn(woken);
        tokio::task::yield_now().await;
        while lightsout::census().tasks.iter().any(|task| task.polls == Some(0)) {
            tokio::task::yield_now().await;
        }
        tokio::spawn(async {
            polled.send(()).unwrap();
            wake.send(()).unwrap();
            std::thread::sleep(20_000 * MS);
        });
        is_polled.await.unwrap();
        std::thread::sleep(20 * MS);
        drop(starved);
    });
    let leak = report.findings().iter().find(|finding| said(finding, "state").starts_with("runnable"));
    assert!(leak.is_some(), "{report}");
}
