//! What is asked of Linux, without a library in between.

use core::arch::{asm, naked_asm};
use core::panic::PanicInfo;

/// What the system gives a program.
pub(crate) struct Process {
    /// The number of arguments, the arguments, a null pointer, the environment, a null pointer.
    stack: *const usize,
}

impl Process {
    fn count(&self) -> usize {
        // SAFETY: it stands there.
        unsafe { *self.stack }
    }

    /// Returns the arguments, and the null pointer behind them.
    pub(crate) fn arguments(&self) -> &'static [*const u8] {
        // SAFETY: so many pointers stand there for good.
        unsafe { core::slice::from_raw_parts(self.stack.add(1).cast(), self.count() + 1) }
    }

    /// Returns the environment, and the null pointer behind it.
    pub(crate) fn variables(&self) -> &'static [*const u8] {
        // SAFETY: pointers stand there for good, and the last one is null.
        unsafe {
            let start = self.stack.add(2 + self.count()).cast::<*const u8>();
            let mut len = 0;
            while !start.add(len).read().is_null() {
                len += 1;
            }
            core::slice::from_raw_parts(start, len + 1)
        }
    }
}

/// Where the system begins: with the stack, and nothing else.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {begun}", "ud2", begun = sym begun)
}

/// Where the system begins: with the stack, and nothing else.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov x29, #0", "mov x30, #0", "mov x0, sp", "and sp, x0, #-16", "bl {begun}", "brk #1", begun = sym begun)
}

extern "C" fn begun(stack: *const usize) -> ! {
    crate::begin(Process { stack })
}

/// A file that is open for as long as the program is this one.
pub(crate) struct File(usize);

/// Of the calls, what is left out is none of ours.
const HERE: usize = -100_isize as usize;
const CLOSE_ON_EXEC: usize = 0o2_000_000;
const WRITE: usize = 1;
const CREATE: usize = 0o100;
const TRUNCATE: usize = 0o1000;
const PERMISSIONS: usize = 0o644;

impl File {
    pub(crate) fn open(path: *const u8) -> Option<Self> {
        call(OPEN, [HERE, path.addr(), CLOSE_ON_EXEC, 0, 0]).map(Self)
    }

    pub(crate) fn create(path: *const u8) -> Option<Self> {
        call(OPEN, [HERE, path.addr(), WRITE | CREATE | TRUNCATE | CLOSE_ON_EXEC, PERMISSIONS, 0]).map(Self)
    }

    /// Reads the whole file; `None` where there is more than room.
    pub(crate) fn read<'a>(&self, room: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut len = 0;
        while len < room.len() {
            match call(READ, [self.0, room.as_mut_ptr().addr() + len, room.len() - len, 0, 0])? {
                0 => return Some(&room[..len]),
                count => len += count,
            }
        }
        None
    }

    /// Writes all of it at once, or not.
    pub(crate) fn write(&self, bytes: &[u8]) -> Option<()> {
        (call(WRITE_TO, [self.0, bytes.as_ptr().addr(), bytes.len(), 0, 0])? == bytes.len()).then_some(())
    }
}

pub(crate) fn exists(path: *const u8) -> bool {
    call(ACCESS, [HERE, path.addr(), 0, 0, 0]).is_some()
}

pub(crate) fn rename(from: *const u8, to: *const u8) -> Option<()> {
    call(RENAME, [HERE, from.addr(), HERE, to.addr(), 0]).map(drop)
}

pub(crate) fn id() -> u64 {
    call(ID, [0; 5]).unwrap_or(0) as u64
}

/// What tells a file from others, and from what it was before: its number, its length in bytes, and when it was changed, or what the system
/// keeps of it, in seconds and nanoseconds.
pub(crate) type Identity = [u64; 4];

/// Returns the identity of a file.
pub(crate) fn identity(path: *const u8) -> Option<Identity> {
    /// `struct statx`, of which these are words.
    const NUMBER: usize = 4;
    const LENGTH: usize = 5;
    const CHANGED: usize = 12;
    /// Everything that all systems know.
    const BASIC: usize = 0x7ff;
    let mut about = [0_u64; 32];
    call(STATX, [HERE, path.addr(), 0, BASIC, about.as_mut_ptr().addr()])?;
    // Half a word, and nothing behind it.
    let nanoseconds = about[CHANGED + 1] & u64::from(u32::MAX);
    Some([about[NUMBER], about[LENGTH], about[CHANGED], nanoseconds])
}

/// Becomes another program; returns if that cannot be. Both lists end with a null pointer.
pub(crate) fn become_program(path: *const u8, arguments: &[*const u8], variables: &[*const u8]) {
    call(BECOME, [path.addr(), arguments.as_ptr().addr(), variables.as_ptr().addr(), 0, 0]);
}

pub(crate) fn exit(code: usize) -> ! {
    loop {
        call(EXIT, [code, 0, 0, 0, 0]);
    }
}

/// Returns what a call came to; `None` for an error.
fn call(number: usize, arguments: [usize; 5]) -> Option<usize> {
    const ERRORS: isize = -4096;
    // SAFETY: each caller gives what this call takes, and memory that is there.
    let result = unsafe { raw_call(number, arguments) };
    usize::try_from(result).ok().filter(|_| result > ERRORS)
}

#[cfg(target_arch = "x86_64")]
unsafe fn raw_call(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
    let result;
    // SAFETY: as promised by the caller; the system changes these registers alone.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
            in("r8") e, lateout("rcx") _, lateout("r11") _);
    }
    result
}

#[cfg(target_arch = "aarch64")]
unsafe fn raw_call(number: usize, [a, b, c, d, e]: [usize; 5]) -> isize {
    let result;
    // SAFETY: as promised by the caller; the system changes this register alone.
    unsafe {
        asm!("svc #0", in("x8") number, inlateout("x0") a as isize => result, in("x1") b, in("x2") c, in("x3") d, in("x4") e);
    }
    result
}

#[cfg(target_arch = "x86_64")]
mod numbers {
    pub(super) const READ: usize = 0;
    pub(super) const WRITE_TO: usize = 1;
    pub(super) const ID: usize = 39;
    pub(super) const BECOME: usize = 59;
    pub(super) const EXIT: usize = 231;
    pub(super) const OPEN: usize = 257;
    pub(super) const RENAME: usize = 264;
    pub(super) const ACCESS: usize = 269;
    pub(super) const STATX: usize = 332;
}

#[cfg(target_arch = "aarch64")]
mod numbers {
    pub(super) const RENAME: usize = 38;
    pub(super) const ACCESS: usize = 48;
    pub(super) const OPEN: usize = 56;
    pub(super) const READ: usize = 63;
    pub(super) const WRITE_TO: usize = 64;
    pub(super) const EXIT: usize = 94;
    pub(super) const ID: usize = 172;
    pub(super) const BECOME: usize = 221;
    pub(super) const STATX: usize = 291;
}

use numbers::*;

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    exit(127)
}
