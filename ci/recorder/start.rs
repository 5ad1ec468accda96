//! How the threads that a test starts are known as its own: whose they are goes with them through `pthread_create`.

use std::arch::naked_asm;
use std::ffi::{c_int, c_void};
use std::mem::transmute;

use super::{Next, people};
use crate::recorder::{self, RunNumber, UNKNOWN, record};

type PthreadCreate = unsafe extern "C" fn(*mut c_void, *const c_void, usize, *mut c_void) -> c_int;

pub(super) static PTHREAD_CREATE: Next = Next::new(c"pthread_create");

/// What a new thread is to do, and whose it is.
struct Task {
    start: usize,
    argument: *mut c_void,
    who: RunNumber,
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_create(
    thread: *mut c_void,
    attributes: *const c_void,
    start: usize,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the C library declares it so.
    let next = unsafe { transmute::<usize, PthreadCreate>(PTHREAD_CREATE.get()) };
    let who = if record::is_open() { people::heir() } else { UNKNOWN };
    // SAFETY: it asks for memory.
    let task = if who == UNKNOWN { std::ptr::null_mut() } else { unsafe { malloc(size_of::<Task>()) } }.cast::<Task>();
    if task.is_null() {
        // SAFETY: it is given what came.
        return unsafe { next(thread, attributes, start, argument) };
    }
    // SAFETY: the memory is large enough; it is the new thread's, or ours again if there is none.
    unsafe {
        task.write(Task { start, argument, who });
        let result = next(thread, attributes, begin as *const () as usize, task.cast());
        if result != 0 {
            super::free(task.cast());
        }
        result
    }
}

/// What a thread is to do, in two registers.
#[repr(C)]
struct What {
    start: usize,
    argument: *mut c_void,
}

/// Takes the thread's task, and says what it is.
unsafe extern "C" fn begun(task: *mut Task) -> What {
    // SAFETY: `pthread_create` gave it to this thread alone.
    let Task { start, argument, who } = unsafe { task.read() };
    // SAFETY: it came from `malloc`, and nobody needs it any more.
    unsafe { super::free(task.cast()) };
    recorder::enter(who);
    What { start, argument }
}

/// Goes on in what the thread is to do, and leaves no frame: however that ends, it ends as without us.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn begin(task: *mut Task) -> *mut c_void {
    naked_asm!("sub rsp, 8", "call {begun}", "add rsp, 8", "mov rdi, rdx", "jmp rax", begun = sym begun)
}

/// Goes on in what the thread is to do, and leaves no frame: however that ends, it ends as without us.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn begin(task: *mut Task) -> *mut c_void {
    naked_asm!(
        "stp x29, x30, [sp, #-16]!",
        "bl {begun}",
        "ldp x29, x30, [sp], #16",
        "mov x2, x0",
        "mov x0, x1",
        "br x2",
        begun = sym begun
    )
}

unsafe extern "C" {
    fn malloc(bytes: usize) -> *mut c_void;
}
