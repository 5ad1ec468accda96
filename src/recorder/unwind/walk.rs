//! From frame to frame; see the head of [`unwind`](super).
#![expect(unsafe_code, reason = "the calling stack is read from its raw registers")]

use std::arch::naked_asm;

use super::cache;
use super::cfi;
use super::modules::{self, Stay};
use super::rule::{REGISTERS, Rule};
use super::stack::Window;

/// Makes captures possible, and says whether they are; until then none finds anything.
///
/// Takes the loader's lock: call it where that cannot hurt, so not in an allocator, nor with a lock held that an
/// allocation may wait for, nor in a signal handler. Once in a process is enough, further calls do no harm.
#[must_use = "without it no stack is captured"]
pub(crate) fn prepare() -> bool {
    modules::listed() || modules::list(find as fn(usize) -> Rule as usize)
}

/// Writes the return addresses of the calling stack, innermost first, and says how many: the first is in the caller
/// itself, behind this call.
///
/// Fewer than there is room for: either that was the whole stack, or more cannot be known.
#[inline(always)]
pub(crate) fn capture(out: &mut [usize]) -> usize {
    // SAFETY: it is given a slice of this length.
    unsafe { start(out.as_mut_ptr(), out.len()) }
}

/// Goes on in [`walk`] with the registers as they will be when this returns. It has no frame, and leaves that of its
/// caller untouched.
///
/// # Safety
/// `out` must be valid for writes of so many words.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn start(out: *mut usize, length: usize) -> usize {
    naked_asm!("lea rdx, [rsp + 8]", "mov rcx, rbp", "mov r8, [rsp]", "jmp {}", sym walk)
}

/// Goes on in [`walk`] with the registers as they will be when this returns. It has no frame, and leaves that of its
/// caller untouched.
///
/// # Safety
/// `out` must be valid for writes of so many words.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn start(out: *mut usize, length: usize) -> usize {
    naked_asm!("mov x2, sp", "mov x3, x29", "mov x4, x30", "b {}", sym walk)
}

/// # Safety
/// As for [`start`].
unsafe extern "C" fn walk(out: *mut usize, length: usize, sp: usize, fp: usize, pc: usize) -> usize {
    if length == 0 || !modules::listed() {
        return 0;
    }
    // SAFETY: the caller promises it.
    let out = unsafe { std::slice::from_raw_parts_mut(out, length) };
    let mut window = Window::above(sp);
    let mut frame = Frame { pc: without_signature(pc), sp, fp };
    let mut count = 0;
    loop {
        out[count] = frame.pc;
        count += 1;
        if count == out.len() {
            return count;
        }
        match frame.caller(&mut window) {
            Some(caller) => frame = caller,
            None => return count,
        }
    }
}

/// A function that waits for a call to return.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// Where it goes on.
    pc: usize,
    /// The stack pointer at that time.
    sp: usize,
    /// The frame pointer at that time, or what the function and those that it called left in this register.
    fp: usize,
}

impl Frame {
    #[inline]
    fn caller(&self, window: &mut Window) -> Option<Self> {
        let rule = match cache::get(self.pc) {
            Some(rule) => rule,
            None => find(self.pc),
        };
        if rule == Rule::END {
            return None;
        }
        let shape = rule.shape();
        let cfa = if shape.by_fp { self.fp } else { self.sp }.wrapping_add(shape.size);
        let room = cfa.checked_sub(self.sp)?;
        if room == 0 || shape.ra > room || shape.fp > room || !cfa.is_multiple_of(8) || !window.reaches(cfa) {
            return None;
        }
        // SAFETY: aligned, between `sp` and `cfa`, and the window reaches from the first `sp` to here.
        let word = |below: usize| unsafe { ((cfa - below) as *const usize).read() };
        let fp = if shape.fp == 0 { self.fp } else { word(shape.fp) };
        Some(Self { pc: without_signature(word(shape.ra)), sp: cfa, fp })
    }
}

/// Reads the unwind data for a return address that is not in the cache.
///
/// What is looked up is the call before it: behind a call that does not return, another function may begin.
#[cold]
#[inline(never)]
pub(super) fn find(pc: usize) -> Rule {
    if pc >> cache::PC_BITS != 0 {
        return Rule::END;
    }
    let Some((module, stay)) = modules::at(pc - 1) else { return Rule::END };
    // SAFETY: the code is on this stack, so its module stays at least until this has returned.
    let image = unsafe { module.image() };
    let rule = cfi::row(image, module.header(), pc - 1, REGISTERS).map_or(Rule::END, |row| Rule::of(&row));
    if stay == Stay::Lasting {
        cache::put(pc, rule);
    }
    rule
}

/// Takes the signature off a return address, where processor and module sign them.
#[cfg(target_arch = "aarch64")]
#[inline]
fn without_signature(pc: usize) -> usize {
    let plain;
    // SAFETY: `xpaclri`, in a form that older processors take for a `nop`; it changes x30 only.
    unsafe {
        std::arch::asm!("hint 7", inlateout("x30") pc => plain, options(pure, nomem, nostack, preserves_flags));
    }
    plain
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn without_signature(pc: usize) -> usize {
    pc
}
