//! The recorder's door for programs that have never heard of lightsout: a library that the loader puts in front of the C library.
//!
//! What the program calls is the C library's, as ever; here it is only noted on the way which cells of tasks come and go. A function that
//! stands in front of another must not be one of those that the other may call: nothing here allocates, and `free` touches nothing of
//! the thread's own before it knows that the memory was written down. (The loader gives memory back while it prepares thread-locals.)
//!
//! It is preloaded by `cargo lightsout` alone, for one program: see `runner.rs` there. What that program starts does not have it, unless
//! that was asked for.

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use crate::recorder::{
    self, CELLS, NO_RUN, REST, RunNumber, Table, UNKNOWN, format::Sort, record, shared, unwind, vtables, who,
};

#[path = "malloc.rs"]
mod malloc;
#[path = "people.rs"]
mod people;
#[path = "start.rs"]
mod start;

/// The alignment of a task's cell, in bytes; larger than that of nearly everything else.
const CELL: usize = 128;

/// A function of the C library, or of whatever else stands between: its address, or 0 before it is looked for.
struct Next {
    name: &'static CStr,
    address: AtomicUsize,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicUsize::new(0) }
    }

    #[inline]
    fn get(&self) -> usize {
        match self.address.load(Ordering::Relaxed) {
            0 => self.find(),
            address => address,
        }
    }

    #[cold]
    fn find(&self) -> usize {
        const NEXT: *mut c_void = usize::MAX as *mut c_void;
        // SAFETY: the name ends with a null byte.
        let address = unsafe { dlsym(NEXT, self.name.as_ptr()) } as usize;
        if address == 0 {
            std::process::abort();
        }
        self.address.store(address, Ordering::Relaxed);
        address
    }
}

type Free = unsafe extern "C" fn(*mut c_void);
type PosixMemalign = unsafe extern "C" fn(*mut *mut c_void, usize, usize) -> c_int;
type AlignedAlloc = unsafe extern "C" fn(usize, usize) -> *mut c_void;

static FREE: Next = Next::new(c"free");
static POSIX_MEMALIGN: Next = Next::new(c"posix_memalign");
static ALIGNED_ALLOC: Next = Next::new(c"aligned_alloc");

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    // SAFETY: the C library declares it so, and it is given what came.
    let result = unsafe {
        let next: PosixMemalign = std::mem::transmute(POSIX_MEMALIGN.get());
        next(out, alignment, size)
    };
    if result == 0 && alignment >= CELL {
        // SAFETY: it was written just now.
        made(&CELLS, people::here, unsafe { *out }, size);
    }
    result
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: the C library declares it so, and it is given what came.
    let memory = unsafe {
        let next: AlignedAlloc = std::mem::transmute(ALIGNED_ALLOC.get());
        next(alignment, size)
    };
    if alignment >= CELL && !memory.is_null() {
        made(&CELLS, people::here, memory, size);
    }
    memory
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(memory: *mut c_void) {
    if FREE.address.load(Ordering::Relaxed) == 0 && !find_free() {
        return;
    }
    forget(memory);
    if WITNESSES.load(Ordering::Relaxed) < ENOUGH && !memory.is_null() {
        witnessed();
    }
    // SAFETY: the C library declares it so, and it is given what came.
    unsafe {
        let next: Free = std::mem::transmute(FREE.get());
        next(memory);
    }
}

/// Notes that memory is given back, or resized.
#[inline]
fn forget(memory: *mut c_void) {
    if memory as usize & (CELL - 1) == 0 {
        recorder::freed(&CELLS, memory as usize);
    }
    if shared::is_asked() {
        recorder::freed(&REST, memory as usize);
    }
}

/// Looks for the C library's own `free`; `false` if that is going on. What is given back meanwhile is lost.
#[cold]
fn find_free() -> bool {
    static IS_LOOKED_FOR: AtomicBool = AtomicBool::new(false);
    if IS_LOOKED_FOR.swap(true, Ordering::Relaxed) {
        return FREE.address.load(Ordering::Relaxed) != 0;
    }
    FREE.find();
    true
}

/// Writes down that memory was given, whose it is.
#[inline(never)]
fn made(table: &'static Table, whose: impl FnOnce() -> RunNumber, memory: *mut c_void, size: usize) {
    if !record::is_open() {
        return;
    }
    let who = whose();
    if who != NO_RUN {
        recorder::allocated(table, memory as usize, size, who);
    }
}

/// How much memory of the program was seen to be given back, of which the record keeps the calls: if they are those of Rust code, its
/// allocator is looked at.
static WITNESSES: AtomicU32 = AtomicU32::new(ENOUGH);
const ENOUGH: u32 = 32;

#[cold]
#[inline(never)]
fn witnessed() {
    static IS_BUSY: AtomicBool = AtomicBool::new(false);
    static WHO: AtomicU32 = AtomicU32::new(NO_RUN);
    if !record::is_open() || IS_BUSY.swap(true, Ordering::Acquire) {
        return;
    }
    if WHO.load(Ordering::Relaxed) == NO_RUN {
        WHO.store(who::introduce(Sort::Planted, b"witness"), Ordering::Relaxed);
    }
    recorder::witness(WHO.load(Ordering::Relaxed));
    WITNESSES.fetch_add(1, Ordering::Relaxed);
    IS_BUSY.store(false, Ordering::Release);
}

// SAFETY: the loader calls what stands in this section once, before `main`, with arguments that may be ignored.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn(c_int, *const *const c_char) = begin;

/// Begins the record if this is the program that is to have one.
extern "C" fn begin(count: c_int, arguments: *const *const c_char) {
    FREE.get();
    POSIX_MEMALIGN.get();
    ALIGNED_ALLOC.get();
    start::PTHREAD_CREATE.get();
    malloc::MALLOC.get();
    malloc::REALLOC.get();
    // SAFETY: the loader gives what it will give to `main`.
    let Some(start) = meant(unsafe { record::Start::new(count, arguments) }) else { return };
    let set = |name| record::environment(name).filter(|value| !value.is_empty());
    let (is_timed, asks_for_channels, list) = (set(TIMED).is_some(), set(CHANNELS), set(VTABLES));
    if record::environment(CHILDREN).is_none() {
        leave_the_environment();
    }
    let (Some(_), Some(folder)) = (set(c"LIGHTSOUT_REPORT_DIR"), set(c"LIGHTSOUT_RECORD_DIR")) else { return };
    recorder::enter(NO_RUN);
    if is_timed {
        recorder::cost::ask();
    }
    record::time(0, || {
        people::learn();
        if unwind::prepare() && record::open(folder, start) {
            WITNESSES.store(0, Ordering::Relaxed);
            // Without it ends are told from aborts as far as stacks tell.
            let _ = list.and_then(vtables::watch);
            if let Some(how) = asks_for_channels {
                malloc::ask(how.to_bytes());
            }
        }
    });
    recorder::enter(UNKNOWN);
}

/// The program that is looked at, by its whole path.
const PROGRAM: &CStr = c"LIGHTSOUT_PROGRAM";
const PRELOAD: &CStr = c"LD_PRELOAD";
/// Set where all that the program starts is meant, too.
const CHILDREN: &CStr = c"LIGHTSOUT_CHILDREN";
/// Set where somebody wants to know what recording takes.
const TIMED: &CStr = c"LIGHTSOUT_TIMED";

/// Set where somebody asks for channels; it says how.
const CHANNELS: &CStr = c"LIGHTSOUT_ASK_FOR_CHANNELS";

/// Names the list of the program's vtables.
const VTABLES: &CStr = c"LIGHTSOUT_VTABLES";

/// Returns how the process was started, if this is the program, and no other one that starts it.
fn meant(start: record::Start) -> Option<record::Start> {
    if record::environment(CHILDREN).is_some() {
        return Some(start);
    }
    let program = record::environment(PROGRAM)?;
    (is_started_as(program) || is(program)).then(|| start.of(program))
}

/// Returns whether the system was told to start this very path, as it nearly always is.
fn is_started_as(program: &CStr) -> bool {
    const PATH: c_ulong = 31;
    // SAFETY: what it returns ends with a null byte, and stays.
    unsafe {
        let path = getauxval(PATH) as *const c_char;
        !path.is_null() && CStr::from_ptr(path) == program
    }
}

#[cold]
#[inline(never)]
fn is(program: &CStr) -> bool {
    let mut path = [0_u8; 4096];
    // SAFETY: it writes at most as much as there is room for.
    let len = unsafe { readlink(c"/proc/self/exe".as_ptr(), path.as_mut_ptr().cast(), path.len()) };
    usize::try_from(len).is_ok_and(|len| path[..len] == *program.to_bytes())
}

/// Takes out of the environment what brought us here: a process that the program starts is none of ours.
fn leave_the_environment() {
    let rest = record::environment(PRELOAD).and_then(|all| {
        let at = all.to_bytes().iter().position(|byte| *byte == b':')?;
        CStr::from_bytes_with_nul(&all.to_bytes_with_nul()[at + 1..]).ok()
    });
    // SAFETY: names and values end with null bytes; the process has one thread.
    unsafe {
        unsetenv(PROGRAM.as_ptr());
        unsetenv(TIMED.as_ptr());
        unsetenv(CHANNELS.as_ptr());
        unsetenv(VTABLES.as_ptr());
        match rest {
            Some(rest) => setenv(PRELOAD.as_ptr(), rest.as_ptr(), 1),
            None => unsetenv(PRELOAD.as_ptr()),
        };
    }
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getauxval(what: c_ulong) -> c_ulong;
    fn readlink(path: *const c_char, into: *mut c_char, bytes: usize) -> isize;
    fn setenv(name: *const c_char, value: *const c_char, overwrite: c_int) -> c_int;
    fn unsetenv(name: *const c_char) -> c_int;
}
