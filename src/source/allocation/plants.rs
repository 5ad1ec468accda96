//! What happens before `main` under the gate: the record is begun, and tasks are planted that must be found in it again.
//!
//! Each plant has a fate that the gate must be able to tell from the others. A record in which it is not found again as what it was
//! says nothing about the tests either.
#![expect(unsafe_code, reason = "it runs before `main`, and on a thread that the standard library does not know")]

use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::future::{pending, ready};
use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;
use std::ptr;
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, yield_now};

use super::ordinary;
use crate::recorder::format::Sort;
use crate::recorder::{self, NO_RUN, UNKNOWN, record, shared, unwind, vtables, who};
use crate::settings;

// SAFETY: the loader calls what stands in this section once, before `main`, with arguments that may be ignored.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn(c_int, *const *const c_char) = begin;

/// Tells the gate that this program leaves a record: see [`format::MARK`](crate::recorder::format::MARK).
// SAFETY: nobody reads this section of a running program.
#[unsafe(link_section = ".lightsout")]
static MARK: u8 = 1;

/// How long a planted task may take to be polled.
const PATIENCE: Duration = Duration::from_secs(2);

/// Begins the record if the gate asks for one.
extern "C" fn begin(count: c_int, arguments: *const *const c_char) {
    // What nobody refers to is left out by the linker.
    black_box(&MARK);
    let Some(reports) = set(settings::REPORT_DIR).filter(|_| is_a_test()) else { return };
    let folder = set(settings::RECORD_DIR).unwrap_or(reports);
    recorder::enter(NO_RUN);
    let is_made = std::fs::create_dir_all(OsStr::from_bytes(folder.to_bytes())).is_ok();
    // SAFETY: the loader gives what it will give to `main`.
    let start = unsafe { record::Start::new(count, arguments) };
    if is_made && unwind::prepare() && record::open(folder, start) {
        if let Some(how) = set(settings::ASK_FOR_CHANNELS) {
            shared::ask(how.to_bytes());
        }
        // Without it ends are told from aborts as far as stacks tell.
        let _ = set(settings::VTABLES).and_then(vtables::watch);
        on_a_bare_thread();
    }
    recorder::enter(UNKNOWN);
}

/// Returns `false` in the gate's runner, which links this and then becomes the test binary.
fn is_a_test() -> bool {
    set(settings::RECORDER).is_none()
}

fn set(name: &str) -> Option<&'static CStr> {
    let name = CString::new(name).ok()?;
    record::environment(&name).filter(|value| !value.is_empty())
}

/// Plants on a thread that the standard library has not seen yet, and waits for its end: the main thread is left as it is.
fn on_a_bare_thread() {
    let mut thread = 0;
    // SAFETY: the function takes nothing and lasts; the thread is joined once, if there is one.
    unsafe {
        if libc::pthread_create(&raw mut thread, ptr::null(), plant, ptr::null_mut()) == 0 {
            libc::pthread_join(thread, ptr::null_mut());
        }
    }
}

extern "C" fn plant(_: *mut c_void) -> *mut c_void {
    ordinary::learn();
    // A plant that is not there is what the gate tells.
    let _ = catch_unwind(|| [current_thread(), multi_thread(), local_set()]);
    ptr::null_mut()
}

/// Does something as one who is known as a plant.
fn as_plant<R>(name: &str, act: impl FnOnce() -> R) -> R {
    let before = recorder::enter(who::introduce(Sort::Planted, name.as_bytes()));
    let result = act();
    recorder::enter(before);
    result
}

fn turn(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..4 {
            yield_now().await;
        }
    });
}

/// One task waits when its runtime ends, one has never had its turn, and one has ended before.
fn current_thread() -> Option<()> {
    let runtime = Builder::new_current_thread().build().ok()?;
    let ended = as_plant("ended", || runtime.spawn(ready(())));
    drop(as_plant("waiting", || runtime.spawn(pending::<()>())));
    turn(&runtime);
    drop(ended);
    drop(as_plant("unpolled", || runtime.spawn(pending::<()>())));
    Some(())
}

fn multi_thread() -> Option<()> {
    let runtime = Builder::new_multi_thread().worker_threads(1).build().ok()?;
    let (tell, told) = mpsc::channel();
    let waits = async move {
        let _ = tell.send(());
        pending::<()>().await;
    };
    drop(as_plant("waiting on a worker", || runtime.spawn(waits)));
    told.recv_timeout(PATIENCE).ok()
}

fn local_set() -> Option<()> {
    let runtime = Builder::new_current_thread().build().ok()?;
    let local = LocalSet::new();
    drop(as_plant("waiting in a set", || local.spawn_local(pending::<()>())));
    local.block_on(&runtime, yield_now());
    Some(())
}
