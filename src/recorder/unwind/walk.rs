//! From frame to frame; see the head of [`unwind`](super).
#![expect(unsafe_code, reason = "the calling stack is read from its raw registers")]

use std::arch::naked_asm;

use super::cache;
use super::cfi;
use super::memo::{self, Entry, Notes, Start};
use super::modules::{self, Stay};
use super::rule::{REGISTERS, Rule};
use super::stack::Window;

/// Makes captures possible, and says whether they are; until then none finds anything.
///
/// Takes the loader's lock: call it where that cannot hurt, so not in an allocator, nor with a lock held that an
/// allocation may wait for, nor in a signal handler. Once in a process is enough, further calls do no harm.
#[must_use = "without it no stack is captured"]
pub(crate) fn prepare() -> bool {
    modules::listed() || {
        cache::prepare();
        modules::list(find as fn(usize) -> (Rule, Stay) as usize)
    }
}

/// Writes the return addresses of the calling stack, innermost first, and says how many: the first is in the caller
/// itself, behind this call.
///
/// Fewer than there is room for: either that was the whole stack, or more cannot be known.
#[cfg(test)]
#[inline(always)]
pub(crate) fn capture(out: &mut [usize]) -> usize {
    // SAFETY: `captured` is given a slice of this length.
    unsafe { start(out.as_mut_ptr().addr(), out.len(), captured) }
}

/// Returns the number that `keep` gives to the `DEPTH` innermost addresses of the calling stack, innermost first: the first is in the
/// caller itself, behind this call.
///
/// `keep` is not called again for a stack that this thread has met lately, unless it returned 0; from one place it must always be the
/// same. Stacks that come in turns are better remembered if their `hint`s differ.
#[inline(always)]
pub(crate) fn number<const DEPTH: usize>(hint: usize, keep: fn(&[usize]) -> u32) -> u32 {
    // SAFETY: `numbered` is given such a function.
    unsafe { start(hint, keep as usize, numbered::<DEPTH>) as u32 }
}

/// Returns the stack pointer of the outermost frame that can be reached: what the thread has called lies below.
#[inline(always)]
pub(crate) fn outermost() -> usize {
    // SAFETY: `farthest` asks nothing of its arguments.
    unsafe { start(0, 0, farthest) }
}

/// Returns whether code was on a stack that came after [`prepare`], by `dlopen`.
pub(crate) fn has_met_others() -> bool {
    modules::has_met_others()
}

/// Makes the calling thread forget what it remembers: numbers that were given mean nothing any more.
#[cfg_attr(not(test), expect(dead_code, reason = "nothing takes numbers back yet"))]
pub(crate) fn forget() {
    memo::forget();
}

/// What [`start`] goes on in: its own two arguments, and the registers as they will be when it returns.
type Then = unsafe extern "C" fn(usize, usize, sp: usize, fp: usize, pc: usize) -> usize;

/// Goes on in `then`. It has no frame, and leaves that of its caller untouched.
///
/// # Safety
/// As for `then`.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn start(one: usize, other: usize, then: Then) -> usize {
    naked_asm!("mov rax, rdx", "lea rdx, [rsp + 8]", "mov rcx, rbp", "mov r8, [rsp]", "jmp rax")
}

/// Goes on in `then`. It has no frame, and leaves that of its caller untouched.
///
/// # Safety
/// As for `then`.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn start(one: usize, other: usize, then: Then) -> usize {
    naked_asm!("mov x16, x2", "mov x2, sp", "mov x3, x29", "mov x4, x30", "br x16")
}

/// # Safety
/// `out` must be the address of so many words that may be written.
#[cfg(test)]
unsafe extern "C" fn captured(out: usize, length: usize, sp: usize, fp: usize, pc: usize) -> usize {
    // SAFETY: the caller promises it.
    let out = unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(out), length) };
    walk(out, Start { sp, fp, pc }, &mut Notes::on(&Entry::new(), sp))
}

/// # Safety
/// `keep` must be a `fn(&[usize]) -> u32`.
unsafe extern "C" fn numbered<const DEPTH: usize>(hint: usize, keep: usize, sp: usize, fp: usize, pc: usize) -> usize {
    // SAFETY: the caller promises it.
    let keep = unsafe { std::mem::transmute::<usize, fn(&[usize]) -> u32>(keep) };
    let start = Start { sp, fp, pc };
    memo::number(start, hint, |notes| {
        let mut out = [0; DEPTH];
        let count = walk(&mut out, start, notes);
        keep(&out[..count])
    }) as usize
}

/// Goes to the end of the stack, and keeps nothing.
extern "C" fn farthest(_: usize, _: usize, sp: usize, fp: usize, pc: usize) -> usize {
    let entry = Entry::new();
    let (mut window, mut notes) = (Window::above(sp), Notes::on(&entry, sp));
    let mut frame = Frame { pc: without_signature(pc), sp, fp };
    while let Some(caller) = modules::listed().then(|| frame.caller(&mut window, &mut notes)).flatten() {
        frame = caller;
    }
    frame.sp
}

#[inline]
fn walk(out: &mut [usize], start: Start, notes: &mut Notes) -> usize {
    if out.is_empty() || !modules::listed() {
        notes.give_up();
        return 0;
    }
    let mut window = Window::above(start.sp);
    if window.is_open() {
        notes.give_up();
    }
    let mut frame = Frame { pc: without_signature(start.pc), sp: start.sp, fp: start.fp };
    let mut count = 0;
    loop {
        out[count] = frame.pc;
        count += 1;
        if count == out.len() {
            return count;
        }
        match frame.caller(&mut window, notes) {
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
    fn caller(&self, window: &mut Window, notes: &mut Notes) -> Option<Self> {
        let rule = match cache::get(self.pc) {
            Some(rule) => rule,
            None => {
                let (rule, stay) = find(self.pc);
                if stay == Stay::Passing {
                    notes.give_up();
                }
                rule
            }
        };
        if rule == Rule::END {
            return None;
        }
        let shape = rule.shape();
        if shape.by_fp {
            notes.by_fp();
        }
        let cfa = if shape.by_fp { self.fp } else { self.sp }.wrapping_add(shape.size);
        let room = cfa.checked_sub(self.sp)?;
        if room == 0 || shape.ra > room || shape.fp > room || !cfa.is_multiple_of(8) || !window.reaches(cfa) {
            return None;
        }
        // SAFETY: aligned, between `sp` and `cfa`, and the window reaches from the first `sp` to here.
        let word = |at: usize| unsafe { (at as *const usize).read() };
        let mut fp = self.fp;
        if shape.fp != 0 {
            fp = word(cfa - shape.fp);
            notes.fp_from(cfa - shape.fp, fp);
        }
        let pc = word(cfa - shape.ra);
        notes.word(cfa - shape.ra, pc);
        Some(Self { pc: without_signature(pc), sp: cfa, fp })
    }
}

/// Reads the unwind data for a return address that is not in the cache.
///
/// What is looked up is the call before it: behind a call that does not return, another function may begin.
#[cold]
#[inline(never)]
pub(super) fn find(pc: usize) -> (Rule, Stay) {
    if pc >> cache::PC_BITS != 0 {
        return (Rule::END, Stay::Passing);
    }
    let Some((module, stay)) = modules::at(pc - 1) else { return (Rule::END, Stay::Passing) };
    // SAFETY: the code is on this stack, so its module stays at least until this has returned.
    let image = unsafe { module.image() };
    let rule = cfi::row(image, module.header(), pc - 1, REGISTERS).map_or(Rule::END, |row| Rule::of(&row));
    if stay == Stay::Lasting {
        cache::put(pc, rule);
    }
    (rule, stay)
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
