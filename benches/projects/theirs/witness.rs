//! Notes the life of every task in a file of its process, by the hooks that anyone can set. A bench of lightsout puts this into a copy of
//! tokio; what the lines mean stands where they are read.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::{Builder, Handle, Id, TaskCallback, TaskMeta};
use crate::task;

/// What is alive of the runtime that has this number, with how often it was polled.
type Alive = Mutex<HashMap<task::Id, (u64, u64)>>;

static ALIVE: OnceLock<Alive> = OnceLock::new();
static NUMBERS: OnceLock<Mutex<HashMap<Id, u64>>> = OnceLock::new();

thread_local! {
    static POLLED: Cell<Option<task::Id>> = const { Cell::new(None) };
}

/// Builds a runtime with hooks, before those that are set already.
pub(super) fn watched<R>(
    builder: &mut Builder,
    build: fn(&mut Builder) -> io::Result<R>,
    id: fn(&R) -> Id,
) -> io::Result<R> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let own = (
        builder.before_spawn.clone(),
        builder.after_termination.clone(),
        builder.before_poll.clone(),
        builder.after_poll.clone(),
    );
    builder.before_spawn = before(own.0.clone(), move |meta| spawned(number, meta));
    builder.after_termination = before(own.1.clone(), ended);
    builder.before_poll = before(own.2.clone(), polls);
    builder.after_poll = before(own.3.clone(), |_| POLLED.with(|it| it.set(None)));
    let built = build(builder);
    (builder.before_spawn, builder.after_termination, builder.before_poll, builder.after_poll) = own;
    if let Ok(runtime) = &built {
        NUMBERS.get_or_init(Default::default).lock().unwrap().insert(id(runtime), number);
        note(&[&"opened", &number, &thread()]);
    }
    built
}

/// Notes what is alive when a runtime begins to end.
pub(super) fn closes(handle: &Handle) {
    let number = NUMBERS.get().and_then(|it| it.lock().unwrap().remove(&handle.id()));
    let Some(number) = number else { return };
    for (task, (runtime, polls)) in ALIVE.get_or_init(Default::default).lock().unwrap().iter() {
        if *runtime == number {
            note(&[&"alive", task, polls]);
        }
    }
}

fn before(own: Option<TaskCallback>, ours: impl Fn(&TaskMeta<'_>) + Send + Sync + 'static) -> Option<TaskCallback> {
    Some(Arc::new(move |meta| {
        ours(meta);
        own.iter().for_each(|own| own(meta));
    }))
}

fn spawned(runtime: u64, meta: &TaskMeta<'_>) {
    let place = meta.spawned_at();
    ALIVE.get_or_init(Default::default).lock().unwrap().insert(meta.id(), (runtime, 0));
    note(&[&"spawned", &meta.id(), &runtime, &format!("{}:{}", place.file(), place.line()), &thread()]);
}

fn polls(meta: &TaskMeta<'_>) {
    POLLED.with(|it| it.set(Some(meta.id())));
    if let Some((_, polls)) = ALIVE.get_or_init(Default::default).lock().unwrap().get_mut(&meta.id()) {
        *polls += 1;
    }
}

/// Blocking closures end here, too, and never began; so does a task that a closing runtime did not take, before it is spawned.
fn ended(meta: &TaskMeta<'_>) {
    let in_its_turn = POLLED.with(Cell::get) == Some(meta.id());
    ALIVE.get_or_init(Default::default).lock().unwrap().remove(&meta.id());
    note(&[&"ended", &meta.id(), &if in_its_turn { "in-turn" } else { "by-others" }]);
}

fn thread() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

/// Appends a line to the file of this process, in one piece.
fn note(words: &[&dyn Display]) {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let open = || {
        let folder = std::env::var_os("WITNESS_FOLDER")?;
        let path = std::path::Path::new(&folder).join(std::process::id().to_string());
        let mut file = OpenOptions::new().create(true).append(true).open(path).expect("the folder of the witness");
        let arguments: Vec<String> = std::env::args().collect();
        file.write_all(format!("program\t{}\n", arguments.join("\t")).as_bytes()).expect("a line");
        Some(file)
    };
    let line = words.iter().map(ToString::to_string).collect::<Vec<_>>().join("\t");
    if let Some(mut file) = FILE.get_or_init(open).as_ref() {
        file.write_all((line + "\n").as_bytes()).expect("a line");
    }
}
