//! What the program's own code has of `malloc`: channels are among it, and so it is noted where somebody asks for them.
//!
//! Whoever calls is known by the address that it goes on at. What the C library and the loader need for themselves is left alone: the
//! loader calls while it prepares thread-locals, which may not be touched then.

use std::arch::naked_asm;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Next, people};
use crate::recorder::{REST, RunNumber, loaded, shared};

type Malloc = unsafe extern "C" fn(usize) -> *mut c_void;
type Realloc = unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void;

pub(super) static MALLOC: Next = Next::new(c"malloc");
pub(super) static REALLOC: Next = Next::new(c"realloc");

/// Where the program's code is; empty unless somebody asks for channels.
static START: AtomicUsize = AtomicUsize::new(0);
static END: AtomicUsize = AtomicUsize::new(0);

/// From now on what the program allocates is noted. Call it while the process has one thread.
pub(super) fn ask(how: &[u8]) {
    shared::ask(how);
    let code = loaded::code_of_program();
    START.store(code.start, Ordering::Relaxed);
    END.store(code.end, Ordering::Relaxed);
}

/// Goes on in [`given`], with the address of whoever calls.
///
/// # Safety
/// As for the C library's.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    naked_asm!("mov rsi, [rsp]", "jmp {given}", given = sym given)
}

/// Goes on in [`given`], with the address of whoever calls.
///
/// # Safety
/// As for the C library's.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    naked_asm!("mov x1, x30", "b {given}", given = sym given)
}

unsafe extern "C" fn given(size: usize, caller: usize) -> *mut c_void {
    let address = MALLOC.address.load(Ordering::Relaxed);
    if address == 0 {
        return given_early(size);
    }
    // SAFETY: the C library declares it so, and it is given what came.
    let memory = unsafe { std::mem::transmute::<usize, Malloc>(address)(size) };
    let is_programs = || caller.wrapping_sub(START.load(Ordering::Relaxed)) < length();
    if shared::may_be_one(size) && is_programs() && !memory.is_null() {
        super::made(&REST, whose, memory, size);
    }
    memory
}

/// Where somebody looks from outside, all is the program's own, whatever thread has it.
fn whose() -> RunNumber {
    if shared::is_from_outside() { people::of_program() } else { people::named_here() }
}

#[inline]
fn length() -> usize {
    END.load(Ordering::Relaxed) - START.load(Ordering::Relaxed)
}

/// Looks for the C library's own function, which may allocate itself.
#[cold]
fn given_early(size: usize) -> *mut c_void {
    static IS_LOOKED_FOR: AtomicBool = AtomicBool::new(false);
    if IS_LOOKED_FOR.swap(true, Ordering::Relaxed) {
        // SAFETY: it is the C library's own.
        return unsafe { __libc_malloc(size) };
    }
    // SAFETY: the C library declares it so.
    unsafe { std::mem::transmute::<usize, Malloc>(MALLOC.get())(size) }
}

/// What is resized is neither a task nor a channel, and may have moved.
///
/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(memory: *mut c_void, size: usize) -> *mut c_void {
    super::forget(memory);
    // SAFETY: the C library declares it so, and it is given what came.
    unsafe { std::mem::transmute::<usize, Realloc>(REALLOC.get())(memory, size) }
}

unsafe extern "C" {
    fn __libc_malloc(size: usize) -> *mut c_void;
}
