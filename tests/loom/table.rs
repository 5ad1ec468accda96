//! The ledger's table of live tasks: whoever spawns, polls and ends beside a reader, the reader sees a task with its own place or not at all.

use std::panic::Location;

use lightsout::model::Model;
use lightsout::sync::Arc;
use lightsout::sync::atomic::{AtomicBool, Ordering};

#[path = "../../src/ledger/table.rs"]
#[expect(dead_code, reason = "a model needs a part of it")]
mod table;

use table::{First, Tasks};

#[track_caller]
fn here() -> &'static Location<'static> {
    Location::caller()
}

/// Ids that stand in the same home in a first table of two slots.
const OLD: u64 = 2;
const NEW: u64 = 4;

#[lightsout::model]
fn slot_that_changes_hands_never_shows_one_task_at_the_place_of_another(model: &Model) {
    let task = model.resource("the old task").must_end();
    let (tasks, over, old, new) =
        (Arc::new(Tasks::new(First::Usual)), Arc::new(AtomicBool::new(false)), here(), here());
    tasks.begin(OLD, old, 0);
    let (writing, ended) = (tasks.clone(), over.clone());
    model.actor("worker", move || {
        writing.end(OLD);
        task.close();
        ended.store(true, Ordering::Release);
        writing.begin(NEW, new, 0);
        writing.poll(NEW);
    });
    model.actor("census", move || {
        let was_over = over.load(Ordering::Acquire);
        for row in tasks.rows() {
            let place = if row.id == OLD { old } else { new };
            assert_eq!(row.place.column(), place.column(), "task {} at the place of another", row.id);
            assert!(row.id != OLD || !was_over, "a task that has ended is alive");
        }
    });
}

#[lightsout::model]
fn neighbours_that_race_for_a_new_table_all_stay(model: &Model) {
    let (tasks, place) = (Arc::new(Tasks::new(First::Usual)), here());
    let spawned = model.resource("the last spawn").must_end();
    tasks.begin(OLD, place, 0);
    let (one, other) = (tasks.clone(), tasks.clone());
    model.actor("worker 1", move || {
        one.begin(NEW, place, 0);
        one.poll(NEW);
        spawned.close();
    });
    model.actor("worker 2", move || {
        other.begin(NEW + 2, place, 0);
        other.end(OLD);
        let alive: Vec<u64> = other.rows().iter().map(|row| row.id).collect();
        assert!(alive.contains(&(NEW + 2)) && !alive.contains(&OLD), "{alive:?}");
    });
}
