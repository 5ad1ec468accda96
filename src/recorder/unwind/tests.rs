//! Compares captured stacks with those of libgcc, and with what must not be followed.
#![expect(unsafe_code, reason = "odd stacks are made by C functions and assembly")]

use std::arch::global_asm;
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_ulong, c_void};
use std::hint::black_box;
use std::ops::Range;
use std::process::Command;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::super::stacks;
use super::cfi::{self, Image};
use super::modules::{self, Stay};
use super::rule::REGISTERS;
use super::walk::{capture, forget};
use super::{cache, number, prepare};

/// Deeper than any stack of these tests.
const DEEP: usize = 8192;

/// Returns the stack as libgcc sees it.
#[inline(never)]
fn theirs() -> Vec<usize> {
    let mut stack = Vec::with_capacity(DEEP);
    backtrace::trace(|frame| {
        stack.push(frame.ip() as usize);
        true
    });
    // libgcc tells of the end by a last address of 0.
    stack.retain(|pc| *pc != 0);
    stack
}

fn function(pc: usize) -> String {
    let mut name = String::new();
    backtrace::resolve((pc - 1) as *mut c_void, |symbol| {
        // Calls inlined here come first.
        name = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
    });
    name
}

/// Claims that the calling stack, which but for its first address is this one, is kept as it is, also when it is met again.
#[inline(always)]
fn assert_remembered(stack: &[usize]) {
    let mut kept = [0; stacks::DEPTH];
    for _ in 0..2 {
        let count = stacks::read(number::<{ stacks::DEPTH }>(0, stacks::keep), &mut kept);
        assert_eq!(count, stack.len().min(stacks::DEPTH));
        assert_eq!(kept[1..count], stack[1..count]);
    }
}

/// The stack of one function by both unwinders.
struct Pair {
    ours: Vec<usize>,
    theirs: Vec<usize>,
}

impl Pair {
    #[inline(never)]
    fn of_caller() -> Self {
        assert!(prepare());
        let mut ours = vec![0; DEEP];
        let count = capture(&mut ours);
        ours.truncate(count);
        assert_remembered(&ours);
        let mut theirs = theirs();
        let here = theirs.iter().position(|pc| function(*pc).ends_with("of_caller")).unwrap();
        theirs.drain(..here);
        Self { ours, theirs }
    }

    /// Claims that both stacks are the same but for the first address: two calls of one function.
    #[track_caller]
    fn assert_same(&self) {
        assert_eq!(self.ours[1..], self.theirs[1..], "\n{}", self.describe());
        assert_eq!(function(self.ours[0]), function(self.theirs[0]));
    }

    /// Claims that what was captured is right and ends before the other.
    #[track_caller]
    fn assert_ends_early(&self, count: usize) {
        assert_eq!(self.ours[1..], self.theirs[1..count], "\n{}", self.describe());
        assert!(count < self.theirs.len());
    }

    fn describe(&self) -> String {
        let list = |stack: &[usize]| stack.iter().map(|pc| format!("{pc:x} {}\n", function(*pc))).collect::<String>();
        format!("ours:\n{}\ntheirs:\n{}", list(&self.ours), list(&self.theirs))
    }
}

#[track_caller]
#[inline(never)]
fn check() {
    Pair::of_caller().assert_same();
}

mod c {
    use super::*;

    pub(super) const SIGURG: c_int = 23;
    pub(super) const SA_ONSTACK: c_int = 0x0800_0000;
    pub(super) const SA_RESTART: c_int = 0x1000_0000;
    pub(super) const RTLD_NOW: c_int = 2;
    pub(super) const NEW_NAMESPACE: isize = -1;

    pub(super) type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
    pub(super) type Search = unsafe extern "C" fn(*const c_void, *const c_void, usize, usize, Compare) -> *const c_void;

    #[repr(C)]
    pub(super) struct SignalAction {
        pub(super) handler: extern "C" fn(c_int),
        pub(super) mask: [u64; 16],
        pub(super) flags: c_int,
        pub(super) restorer: usize,
    }

    #[repr(C)]
    pub(super) struct SignalStack {
        pub(super) start: *mut c_void,
        pub(super) flags: c_int,
        pub(super) size: usize,
    }

    /// `pthread_attr_t`, with room to spare.
    #[repr(C, align(16))]
    pub(super) struct Attributes(pub(super) [u8; 128]);

    unsafe extern "C" {
        pub(super) fn atexit(then: extern "C" fn()) -> c_int;
        pub(super) fn qsort(base: *mut c_void, count: usize, size: usize, compare: Compare);
        pub(super) fn dlmopen(namespace: isize, file: *const c_char, flags: c_int) -> *mut c_void;
        pub(super) fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
        pub(super) fn dlclose(handle: *mut c_void) -> c_int;
        pub(super) fn sigaction(signal: c_int, new: *const SignalAction, old: *mut SignalAction) -> c_int;
        pub(super) fn sigaltstack(new: *const SignalStack, old: *mut SignalStack) -> c_int;
        pub(super) safe fn pthread_self() -> c_ulong;
        pub(super) fn pthread_kill(thread: c_ulong, signal: c_int) -> c_int;
        pub(super) fn pthread_attr_init(attributes: *mut Attributes) -> c_int;
        pub(super) fn pthread_attr_setstacksize(attributes: *mut Attributes, size: usize) -> c_int;
        pub(super) fn pthread_attr_setstack(attributes: *mut Attributes, start: *mut c_void, size: usize) -> c_int;
        pub(super) fn pthread_create(
            thread: *mut c_ulong,
            attributes: *const Attributes,
            start: extern "C" fn(*mut c_void) -> *mut c_void,
            argument: *mut c_void,
        ) -> c_int;
        pub(super) fn pthread_join(thread: c_ulong, result: *mut *mut c_void) -> c_int;
    }
}

#[test]
fn first_address_is_in_the_caller() {
    #[inline(never)]
    fn this_function() -> [usize; 2] {
        let mut out = [0; 2];
        assert_eq!(capture(&mut out), 2);
        out
    }

    assert!(prepare());
    let [first, second] = this_function();
    assert!(function(first).ends_with("this_function"), "{}", function(first));
    assert!(function(second).ends_with("first_address_is_in_the_caller"), "{}", function(second));
}

#[test]
fn only_what_fits_is_written() {
    assert!(prepare());
    let mut out = [7; 8];
    assert_eq!(capture(&mut out[..3]), 3);
    assert_eq!(out[3..], [7; 5]);
    assert_eq!(capture(&mut []), 0);
}

/// Counts how often it was asked on this thread.
fn keep_counted(_: &[usize]) -> u32 {
    KEPT.set(KEPT.get() + 1);
    KEPT.get()
}

thread_local!(static KEPT: Cell<u32> = const { Cell::new(0) });

/// Returns a number that only the calling stack has, as far as it is remembered.
#[inline(never)]
fn number_here() -> u32 {
    number::<64>(1, keep_counted)
}

#[test]
fn stack_that_comes_again_is_not_walked_again() {
    assert!(prepare());
    let numbers: Vec<u32> = (0..black_box(5)).map(|_| number_here()).collect();
    assert_eq!(numbers, [1; 5]);
}

#[test]
fn forgotten_stack_is_walked_again() {
    assert!(prepare());
    let mut numbers = Vec::new();
    for round in 0..black_box(4) {
        if round == 2 {
            forget();
        }
        numbers.push(number_here());
    }
    assert_eq!(numbers, [1, 1, 2, 2]);
}

#[test]
fn stack_that_differs_in_one_address_is_another() {
    #[inline(never)]
    fn number_twice(inner: fn() -> u32) -> [u32; 2] {
        [inner(), black_box(inner())]
    }

    assert!(prepare());
    for _ in 0..3 {
        assert_eq!(number_twice(number_here), [1, 2]);
    }
}

#[cfg(target_arch = "x86_64")]
unsafe extern "C" {
    fn lightsout_framed(then: extern "C" fn(), share: usize);
}

#[test]
#[cfg(target_arch = "x86_64")]
fn stack_that_differs_in_a_frame_pointer_is_walked_again() {
    thread_local!(static NUMBERS: Cell<[u32; 2]> = const { Cell::new([0; 2]) });
    extern "C" fn then() {
        let [_, last] = NUMBERS.get();
        NUMBERS.set([last, number_here()]);
    }

    assert!(prepare());
    // SAFETY: it calls what it is given, and returns.
    unsafe {
        for share in black_box(vec![32, 32, 48]) {
            lightsout_framed(then, share);
        }
    }
    assert_eq!(NUMBERS.get(), [1, 2]);
}

#[test]
fn test_thread_is_captured_to_its_end() {
    check();
}

/// Runs at the end of the process, on the main thread: the harness gives tests other ones.
extern "C" fn check_at_exit() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    assert!(thread.ends_with(std::process::id().to_string()));
    check();
    recurse(100, &check);
    println!("checked at exit");
}

#[test]
#[ignore = "for `main_thread_is_captured_to_its_end`"]
fn check_main_thread_at_exit() {
    // SAFETY: it may be called at any time.
    assert_eq!(unsafe { c::atexit(check_at_exit) }, 0);
}

#[test]
fn main_thread_is_captured_to_its_end() {
    let (_, module) = module_path!().split_once("::").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::check_main_thread_at_exit"), "--ignored", "--quiet"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("checked at exit\n"), "{output:?}");
    assert!(output.status.success());
}

#[test]
fn spawned_thread_is_captured_to_its_end() {
    thread::spawn(check).join().unwrap();
    thread::Builder::new().stack_size(64 << 10).spawn(check).unwrap().join().unwrap();
}

#[inline(never)]
fn recurse(depth: usize, then: &dyn Fn()) {
    let mut room = [0_u8; 100];
    black_box(&mut room);
    if depth == 0 {
        then()
    } else {
        recurse_with_more_room(depth - 1, then)
    }
    black_box(&mut room);
}

#[inline(never)]
fn recurse_with_more_room(depth: usize, then: &dyn Fn()) {
    let mut room = [0_u8; 3000];
    black_box(&mut room);
    if depth == 0 {
        then()
    } else {
        recurse(depth - 1, then)
    }
    black_box(&mut room);
}

#[test]
fn deep_recursion_is_captured_to_its_end() {
    let deep = || {
        recurse(500, &check);
        recurse(2000, &|| Pair::of_caller().assert_same());
        recurse(3, &check);
    };
    thread::Builder::new().stack_size(16 << 20).spawn(deep).unwrap().join().unwrap();
}

#[test]
fn large_frame_is_passed() {
    #[inline(never)]
    fn large() {
        let mut room = [0_u8; 1 << 20];
        black_box(&mut room);
        check();
        black_box(&mut room);
    }

    if cfg!(target_arch = "x86_64") {
        thread::Builder::new().stack_size(8 << 20).spawn(large).unwrap().join().unwrap();
    }
}

#[test]
fn closures_generics_and_dynamic_calls_are_captured() {
    trait Run {
        fn run(&self);
    }
    impl<F: Fn()> Run for F {
        fn run(&self) {
            black_box(self)();
            black_box(());
        }
    }
    #[inline(never)]
    fn generic<T: std::fmt::Debug>(value: T, run: &dyn Run) -> String {
        run.run();
        format!("{value:?}")
    }

    let text = generic(Some(1), &|| drop(generic("a", &|| [1, 2].iter().for_each(|_| check()))));
    assert_eq!(text, "Some(1)");
}

async fn check_in_task(depth: usize) {
    check();
    tokio::task::yield_now().await;
    if depth > 0 {
        Box::pin(check_in_task(depth - 1)).await;
    }
    check();
}

#[test]
fn tasks_are_captured() {
    for mut builder in [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()] {
        let runtime = builder.build().unwrap();
        runtime.block_on(async {
            check_in_task(2).await;
            tokio::spawn(check_in_task(5)).await.unwrap();
            tokio::task::spawn_blocking(check).await.unwrap();
        });
    }
}

#[test]
fn drop_while_unwinding_is_captured() {
    struct Check;
    impl Drop for Check {
        fn drop(&mut self) {
            assert!(thread::panicking());
            check();
        }
    }

    #[inline(never)]
    fn fail() {
        let _check = Check;
        std::panic::resume_unwind(Box::new(()));
    }

    assert!(std::panic::catch_unwind(|| recurse(5, &fail)).is_err());
}

#[test]
fn destructor_of_a_thread_local_is_captured() {
    struct Check<'a>(Cell<Option<&'a AtomicBool>>);
    impl Drop for Check<'_> {
        fn drop(&mut self) {
            check();
            self.0.get().unwrap().store(true, Ordering::Relaxed);
        }
    }
    thread_local!(static LOCAL: Check<'static> = const { Check(Cell::new(None)) });
    static DROPPED: AtomicBool = AtomicBool::new(false);

    thread::spawn(|| LOCAL.with(|local| local.0.set(Some(&DROPPED)))).join().unwrap();
    assert!(DROPPED.load(Ordering::Relaxed));
}

unsafe extern "C" fn compare(_: *const c_void, _: *const c_void) -> c_int {
    check();
    0
}

#[test]
fn callback_from_c_is_captured() {
    let mut numbers = [3, 1, 2];
    // SAFETY: the array has three elements of this size, and any order will do.
    unsafe { c::qsort(numbers.as_mut_ptr().cast(), 3, size_of::<i32>(), compare) };
}

extern "C" fn pthread(_: *mut c_void) -> *mut c_void {
    check();
    recurse(10, &check);
    std::ptr::null_mut()
}

#[track_caller]
fn check_on_pthread(attributes: &c::Attributes) {
    let mut id = 0;
    // SAFETY: initialised attributes; `pthread` ignores its argument; the thread is joined once.
    unsafe {
        assert_eq!(c::pthread_create(&mut id, attributes, pthread, std::ptr::null_mut()), 0);
        assert_eq!(c::pthread_join(id, std::ptr::null_mut()), 0);
    }
}

#[test]
fn thread_with_a_stack_of_its_own_is_captured() {
    let mut attributes = c::Attributes([0; 128]);
    let mut room = vec![0_u128; 32 << 10];
    // SAFETY: the memory outlives the thread, which is joined.
    unsafe {
        assert_eq!(c::pthread_attr_init(&mut attributes), 0);
        assert_eq!(c::pthread_attr_setstacksize(&mut attributes, 300 << 10), 0);
        check_on_pthread(&attributes);
        assert_eq!(c::pthread_attr_setstack(&mut attributes, room.as_mut_ptr().cast(), room.len() * 16), 0);
        check_on_pthread(&attributes);
    }
}

/// Loads another copy of libc, and returns it with its `bsearch`.
fn second_libc() -> (*mut c_void, c::Search) {
    // SAFETY: this libc is only asked for a function without any state.
    unsafe {
        let libc = c::dlmopen(c::NEW_NAMESPACE, c"libc.so.6".as_ptr(), c::RTLD_NOW);
        assert!(!libc.is_null());
        let search = c::dlsym(libc, c"bsearch".as_ptr());
        assert!(!search.is_null());
        (libc, std::mem::transmute::<*mut c_void, c::Search>(search))
    }
}

#[test]
#[cfg_attr(target_feature = "crt-static", ignore = "there is no loader")]
fn module_loaded_later_is_captured_and_not_remembered() {
    thread_local!(static CALLER: Cell<usize> = const { Cell::new(0) });
    unsafe extern "C" fn compare(_: *const c_void, _: *const c_void) -> c_int {
        let pair = Pair::of_caller();
        pair.assert_same();
        CALLER.set(pair.ours[2]);
        let numbers: Vec<u32> = (0..2).map(|_| number_here()).collect();
        assert_ne!(numbers[0], numbers[1]);
        0
    }

    assert!(prepare());
    let number = 1;
    let pointer = (&raw const number).cast();
    let (libc, search) = second_libc();
    assert!(prepare());
    // SAFETY: one element of this size.
    unsafe { search(pointer, pointer, 1, size_of::<i32>(), compare) };
    let (_, stay) = modules::at(CALLER.get()).unwrap();
    assert_eq!(stay, Stay::Passing);
    assert_eq!(cache::get(CALLER.get()), None);
    // SAFETY: nothing of it is used any more.
    unsafe { c::dlclose(libc) };
    assert_eq!(modules::at(CALLER.get()), None);
}

#[test]
fn program_and_libc_stay() {
    assert!(prepare());
    let own = modules::at(check as fn() as usize).unwrap();
    let libc = modules::at(c::qsort as *const () as usize).unwrap();
    assert_eq!([own.1, libc.1], [Stay::Lasting; 2]);
    assert_eq!(modules::at(0x1000), None);
    assert_eq!(modules::at(Box::into_raw(Box::new(1)) as usize), None);
}

#[cfg(target_arch = "x86_64")]
global_asm!(
    // No unwind data at all.
    "lightsout_silent: push rbp; call rdi; pop rbp; ret",
    // Unwind data that is wrong, each in its own way.
    "lightsout_high: .cfi_startproc; sub rsp, 8; .cfi_def_cfa_offset 0x2000000; call rdi",
    "add rsp, 8; ret; .cfi_endproc",
    "lightsout_low: .cfi_startproc; push rbp; .cfi_def_cfa_offset -64; call rdi; pop rbp; ret; .cfi_endproc",
    "lightsout_odd: .cfi_startproc; push rbp; .cfi_def_cfa_offset 20; call rdi; pop rbp; ret; .cfi_endproc",
    "lightsout_wild: .cfi_startproc; push rbp; mov ebp, 4096; .cfi_def_cfa rbp, 16; call rdi",
    "pop rbp; ret; .cfi_endproc",
    // Unwind data that is right, and more than is followed.
    "lightsout_other: .cfi_startproc; push rbx; lea rbx, [rsp + 16]; .cfi_def_cfa rbx, 0; .cfi_offset rbx, -16",
    "call rdi; pop rbx; ret; .cfi_endproc",
    "lightsout_formula: .cfi_startproc; push rbx; .cfi_escape 0x0f, 0x02, 0x77, 0x10; .cfi_offset rbx, -16",
    "call rdi; pop rbx; ret; .cfi_endproc",
    // Two frames that share 96 bytes, of which the inner one, found by the frame pointer, takes as many as asked for. What another
    // share has left behind stays there.
    "lightsout_framed: .cfi_startproc; push rbp; .cfi_def_cfa_offset 16; .cfi_offset rbp, -16; mov rbp, rsp",
    ".cfi_def_cfa_register rbp; mov eax, 96; sub rax, rsi; sub rsp, rax; call lightsout_share",
    "leave; .cfi_def_cfa rsp, 8; ret; .cfi_endproc",
    "lightsout_share: .cfi_startproc; push rbp; .cfi_def_cfa_offset 16; .cfi_offset rbp, -16; mov rbp, rsp",
    ".cfi_def_cfa_register rbp; sub rsp, rsi; call rdi; leave; .cfi_def_cfa rsp, 8; ret; .cfi_endproc",
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".macro lightsout_call; .cfi_offset 29, -16; .cfi_offset 30, -8; blr x0; ldp x29, x30, [sp], 16; .endm",
    "lightsout_silent: stp x29, x30, [sp, -16]!; blr x0; ldp x29, x30, [sp], 16; ret",
    "lightsout_high: .cfi_startproc; stp x29, x30, [sp, -16]!; .cfi_def_cfa_offset 0x30000",
    "lightsout_call; ret; .cfi_endproc",
    "lightsout_low: .cfi_startproc; stp x29, x30, [sp, -16]!; .cfi_def_cfa_offset -64",
    "lightsout_call; ret; .cfi_endproc",
    "lightsout_odd: .cfi_startproc; stp x29, x30, [sp, -16]!; .cfi_def_cfa_offset 20",
    "lightsout_call; ret; .cfi_endproc",
    "lightsout_wild: .cfi_startproc; stp x29, x30, [sp, -16]!; mov x29, 4096; .cfi_def_cfa 29, 16",
    "lightsout_call; ret; .cfi_endproc",
    "lightsout_other: .cfi_startproc; stp x19, x30, [sp, -16]!; add x19, sp, 16; .cfi_def_cfa 19, 0",
    ".cfi_offset 19, -16; .cfi_offset 30, -8; blr x0; ldp x19, x30, [sp], 16; ret; .cfi_endproc",
    "lightsout_formula: .cfi_startproc; stp x29, x30, [sp, -16]!; .cfi_escape 0x0f, 0x02, 0x8f, 0x10",
    "lightsout_call; ret; .cfi_endproc",
    // Signs its return address, on processors that can.
    "lightsout_signed: .cfi_startproc; hint 25; .cfi_negate_ra_state; stp x29, x30, [sp, -16]!",
    ".cfi_def_cfa_offset 16; lightsout_call; hint 29; ret; .cfi_endproc",
);

#[test]
#[cfg(target_arch = "aarch64")]
fn signed_return_address_is_captured() {
    unsafe extern "C" {
        fn lightsout_signed(then: extern "C" fn());
    }
    extern "C" fn then() {
        check();
    }

    // SAFETY: it calls what it is given, and returns.
    unsafe { lightsout_signed(then) };
}

unsafe extern "C" {
    fn lightsout_silent(then: extern "C" fn());
    fn lightsout_high(then: extern "C" fn());
    fn lightsout_low(then: extern "C" fn());
    fn lightsout_odd(then: extern "C" fn());
    fn lightsout_wild(then: extern "C" fn());
    fn lightsout_other(then: extern "C" fn());
    fn lightsout_formula(then: extern "C" fn());
}

/// Called by assembly that is not followed; libgcc would not survive some of it.
extern "C" fn stop_at_caller() {
    let mut out = [0; 64];
    assert_eq!(capture(&mut out), 2);
    assert!(function(out[0]).ends_with("stop_at_caller"));
}

#[test]
fn wrong_and_absent_unwind_data_end_the_walk() {
    assert!(prepare());
    // SAFETY: they call what they are given, and return.
    unsafe {
        lightsout_silent(stop_at_caller);
        lightsout_low(stop_at_caller);
        lightsout_odd(stop_at_caller);
        lightsout_wild(stop_at_caller);
        lightsout_high(stop_at_caller);
    }
}

#[test]
fn unusual_unwind_data_ends_the_walk() {
    extern "C" fn check() {
        let pair = Pair::of_caller();
        pair.assert_ends_early(3);
    }

    // SAFETY: they call what they are given, and return.
    unsafe {
        lightsout_other(check);
        lightsout_formula(check);
    }
}

/// Returns a copy of this program's unwind data, the address of its table, and the code that it is about.
fn own_unwind_data() -> (Vec<u8>, usize, usize, Range<usize>) {
    assert!(prepare());
    let (module, _) = modules::at(check as fn() as usize).unwrap();
    // SAFETY: the program stays.
    let image = unsafe { module.image() };
    (image.bytes.to_vec(), image.address, module.header(), module.code())
}

/// A small generator of noise.
struct Noise(u64);

impl Noise {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

#[test]
fn damaged_unwind_data_is_survived() {
    let (mut bytes, address, header, code) = own_unwind_data();
    let offset = header - address;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut found = 0;
    for round in 0..20_000 {
        let pc = code.start + noise.next(code.len());
        found += usize::from(cfi::row(Image { address, bytes: &bytes }, header, pc, REGISTERS).is_some());
        let at = if round % 8 == 0 { offset + noise.next(12) } else { noise.next(bytes.len()) };
        let old = bytes[at];
        bytes[at] = noise.next(256) as u8;
        found += usize::from(cfi::row(Image { address, bytes: &bytes }, header, pc, REGISTERS).is_some());
        if at - at.min(offset) < 12 {
            bytes[at] = old;
        }
    }
    assert!(found > 0);
}

#[test]
fn short_unwind_data_is_survived() {
    let (bytes, address, header, code) = own_unwind_data();
    let mut noise = Noise(1);
    for _ in 0..2000 {
        let bytes = &bytes[..noise.next(bytes.len())];
        cfi::row(Image { address, bytes }, header, code.start + noise.next(code.len()), REGISTERS);
    }
    assert_eq!(cfi::row(Image { address, bytes: &[] }, header, code.start, REGISTERS), None);
}

#[test]
fn threads_that_start_with_nothing_agree() {
    let threads = 8;
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for number in 0..threads {
            let barrier = &barrier;
            scope.spawn(move || {
                for round in 0..20 {
                    cache::clear();
                    barrier.wait();
                    recurse(number + round, &check);
                }
            });
        }
    });
}

/// How many captures signal handlers made, and how many of them were not as they should be.
static IN_HANDLER: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];

extern "C" fn on_signal(_: c_int) {
    // This function and five more, over several pages, and the loader's trampoline that ends a signal.
    const LEAST: usize = 7;
    recurse(4, &|| {
        let mut out = [0; 64];
        let count = black_box(capture(black_box(&mut out)));
        // This stack may be gone tomorrow, and is not remembered.
        let [one, other] = [(); 2].map(|()| number_here());
        IN_HANDLER[0].fetch_add(1, Ordering::Relaxed);
        if !(LEAST..LEAST + 2).contains(&count) || one == other {
            IN_HANDLER[1].fetch_add(1, Ordering::Relaxed);
        }
    });
}

fn handle_signals_on_another_stack() -> Vec<u128> {
    let mut room = vec![0_u128; 4 << 10];
    let stack = c::SignalStack { start: room.as_mut_ptr().cast(), flags: 0, size: room.len() * 16 };
    let action =
        c::SignalAction { handler: on_signal, mask: [0; 16], flags: c::SA_ONSTACK | c::SA_RESTART, restorer: 0 };
    // SAFETY: the handler only captures and counts; the thread lets go of the stack before it is freed.
    unsafe {
        assert_eq!(c::sigaltstack(&stack, std::ptr::null_mut()), 0);
        assert_eq!(c::sigaction(c::SIGURG, &action, std::ptr::null_mut()), 0);
    }
    room
}

fn leave_the_other_stack(room: Vec<u128>) {
    const SS_DISABLE: c_int = 2;
    let none = c::SignalStack { start: std::ptr::null_mut(), flags: SS_DISABLE, size: 0 };
    // SAFETY: no handler runs now.
    unsafe { assert_eq!(c::sigaltstack(&none, std::ptr::null_mut()), 0) };
    drop(room);
}

#[test]
fn signal_handlers_capture_in_the_middle_of_captures() {
    let done = AtomicBool::new(false);
    let target = AtomicU64::new(0);
    let interrupted = || {
        let room = handle_signals_on_another_stack();
        target.store(c::pthread_self(), Ordering::Release);
        let mut out = [0; 64];
        let mut again = [0; 64];
        let end = Instant::now() + Duration::from_millis(300);
        for round in 0_usize.. {
            if round.is_multiple_of(64) {
                cache::clear();
            }
            let counts = [capture(&mut out), capture(&mut again)];
            assert_eq!(counts[0], counts[1]);
            assert_eq!(out[1..counts[0]], again[1..counts[0]]);
            assert_remembered(&out[..counts[0]]);
            if round.is_multiple_of(64) && Instant::now() > end {
                break;
            }
        }
        done.store(true, Ordering::Release);
        room
    };
    assert!(prepare());
    thread::scope(|scope| {
        let interrupted = scope.spawn(|| {
            let room = interrupted();
            // The other thread may have one more signal on its way.
            thread::sleep(Duration::from_millis(20));
            leave_the_other_stack(room);
        });
        while !done.load(Ordering::Acquire) && !interrupted.is_finished() {
            let target = target.load(Ordering::Acquire);
            if target != 0 {
                // SAFETY: the thread lives at least 20 ms longer than `done` is false.
                unsafe { c::pthread_kill(target, c::SIGURG) };
            }
            thread::sleep(Duration::from_micros(20));
        }
    });
    assert!(IN_HANDLER[0].load(Ordering::Relaxed) > 100);
    assert_eq!(IN_HANDLER[1].load(Ordering::Relaxed), 0);
}

/// Calls `then` through as many functions as there are numbers, each with a frame of another size.
macro_rules! descend {
    ($then:expr;) => { $then() };
    ($then:expr; $number:literal $($rest:literal)*) => {{
        #[inline(never)]
        fn next(then: &mut dyn FnMut()) {
            let mut room = [0_usize; $number % 5 * 8 + 1];
            black_box(&mut room);
            descend!(then; $($rest)*);
            black_box(&mut room);
        }
        next($then);
    }};
}

fn nanoseconds(times: u32, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        run();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn ours(frames: usize) {
    let mut out = [0; 32];
    assert_eq!(black_box(capture(&mut out[..frames])), frames);
    black_box(out);
}

fn libgcc(frames: usize) {
    let mut out = [0; 32];
    let mut count = 0;
    // SAFETY: no other thread is in there meanwhile.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            out[count] = frame.ip() as usize;
            count += 1;
            count < frames
        });
    }
    assert_eq!(count, frames);
    black_box(out);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Returns what a capture of 24 frames costs after much other memory was used, in nanoseconds.
fn swept() -> f64 {
    let mut memory = vec![0_u8; 4 << 20];
    let mut one = || {
        memory.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(1));
        nanoseconds(1, || ours(24)) - nanoseconds(1, || {})
    };
    median((0..200).map(|_| one()).collect())
}

#[test]
#[ignore = "a measurement: cargo test --release --lib -- --ignored --nocapture --test-threads=1 measure"]
fn measure() {
    assert!(prepare());
    println!("frames   ours ns   libgcc ns   ratio");
    for frames in [5, 12, 24, 32] {
        let compare: &mut dyn FnMut() = &mut || {
            let rounds = || (nanoseconds(20_000, || ours(frames)), nanoseconds(2_000, || libgcc(frames)));
            rounds();
            let (ours, libgcc): (Vec<f64>, Vec<f64>) = (0..25).map(|_| rounds()).unzip();
            let (ours, libgcc) = (median(ours), median(libgcc));
            println!("{frames:6} {ours:9.1} {libgcc:11.1} {:7.1}", libgcc / ours);
        };
        descend!(compare; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
    let swept: &mut dyn FnMut() = &mut || println!("24 frames after 4 MiB of other memory: {:.0} ns", swept());
    descend!(swept; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    let (module, _) = modules::at(check as fn() as usize).unwrap();
    let code = module.code();
    let mut noise = Noise(5);
    let addresses: Vec<usize> = (0..4000).map(|_| code.start + noise.next(code.len())).collect();
    let find_all = || {
        nanoseconds(1, || {
            for pc in &addresses {
                black_box(super::walk::find(*pc));
            }
        }) / addresses.len() as f64
    };
    let (cold, again) = (find_all(), find_all());
    println!("a new address: {cold:.0} ns the first time, {again:.0} ns with its unwind data in the cache");
}
