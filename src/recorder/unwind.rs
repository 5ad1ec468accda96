//! The return addresses of the calling stack, cheaply enough to ask for them at every allocation.
//!
//! # Why not libgcc
//!
//! `_Unwind_Backtrace`, which the `backtrace` crate calls, works out every frame anew: it finds the module, searches
//! its table of functions, and interprets the unwind program of the function from its start, for all registers. That
//! is 75 ns a frame and 130 ns a call. A program that allocates does so from the same few thousand places all the
//! time, and what is needed of each place fits in 31 bits.
//!
//! # How it works
//!
//! The compiler describes in `.eh_frame` for each instruction where the caller's frame begins (the CFA), and where
//! the caller's registers are kept, relative to it. For nearly all code that comes down to three numbers: CFA = stack
//! pointer + K or frame pointer + K; the frame pointer is kept so far below the CFA, or was not touched; so is the
//! return address (on x86-64 always right below the CFA). Those are a [`rule`](rule::Rule).
//!
//! - [`walk`] starts from its caller's registers and applies one rule a frame: three loads, all of them likely in the
//!   first cache.
//! - [`cache`] maps a return address to its rule: one word an entry, holding both, so that no torn pair can be read.
//! - [`cfi`] finds a rule that is not there: binary search in `.eh_frame_hdr`, then the unwind program. It is safe code
//!   over a slice, and says no to whatever it does not know.
//! - [`modules`] says in which module an address is, and which part of it may be read.
//! - [`stack`] says how far the stack may be read.
//! - [`memo`] spares the walk where the words that it would read are what they were.
//!
//! The technique is framehop's; so are several of the pitfalls.
//!
//! # What it promises
//!
//! It allocates nothing, takes no lock, waits for nobody, and does not touch `errno`. It may be called in an
//! allocator, in a thread-local's destructor, while unwinding, and in a signal handler, also one that interrupts
//! another capture: all it shares is words that are right each for itself.
//!
//! It never guesses. There is no scan of the stack for what looks like a return address and no belief that code
//! keeps frame pointers. A frame whose rule it cannot know ends the walk, and what was found until then is right.
//!
//! # What it relies on
//!
//! **Modules.** Walking a frame reads the unwind data of the module whose code is on this very stack, so that module
//! cannot be unloaded meanwhile. But a cached rule outlives the walk, and after `dlclose` another module may lie at
//! its address. Therefore rules are kept only of modules that cannot be unloaded before this code is: the program,
//! the module that this code is in, and all that these two need, directly or not. [`prepare`] lists them once, and
//! that list never has to be renewed. Code of any other module (`dlopen`) is looked up each time, through glibc's
//! `_dl_find_object`, which is lock-free, never out of date, and exists since glibc 2.35; without it such code ends
//! the walk. `dl_iterate_phdr` is not used outside `prepare`: it takes the loader's lock, and another thread may hold
//! that lock while it waits for the recorder.
//!
//! **A thread's last stacks.** What [`memo`] returns is not looked up but proved: the walk would read the same registers, the same words
//! at the same addresses, and the same rules, which of all the modules above never change, so it would come to the same end. A walk that
//! passed other code, another stack, or more words than there is room for is not remembered. A thread takes some 5 KiB for it, which
//! are touched as they are used.
//!
//! **Stacks.** A right chain of rules ends by itself at the thread's first function, whose return address is marked
//! as undefined. Bounds are for the wrong ones: hand-written assembly with a mistake in its unwind data, a smashed
//! stack. Each frame must lie above the one before it, be aligned, and end inside the stack. Asking for the bounds of
//! the stack (`pthread_getattr_np`) is out of the question here, as it allocates, takes a lock that is not reentrant,
//! and for the main thread opens a file. But glibc puts the thread's descriptor, whose address is at hand, at the top
//! of the thread's stack, and says where the main thread's begins (`__libc_stack_end`). That this holds here is not
//! believed but looked at: the pages in between are probed, each once in the life of a thread, by a system call that
//! reads one word and reports a fault in place of raising it; a hole among them says that this is another stack. On
//! other stacks (coroutines, `sigaltstack`) nothing is remembered, since they may be freed at any time: pages are
//! probed as the walk reaches them.
//!
//! # What it cannot do
//!
//! The walk ends, quietly and early, at:
//!
//! - signal frames;
//! - CFAs and registers that are given by expressions (the PLT, stack-realigning prologues of GCC), and CFAs in another
//!   register than the two pointers;
//! - frames larger than 64 MiB, on aarch64 256 KiB; by frame pointer they may have any size, but on aarch64 the return
//!   address must lie within 16 KiB of the CFA;
//! - a switch of stacks that goes downwards or far;
//! - code without unwind data, or with unwind data that was only registered (`__register_frame`), as that of a
//!   just-in-time compiler; modules without `.eh_frame_hdr`.
//!
//! It knows nothing about frames that a compiler merged by a tail call, as no unwinder can. In a library that was
//! itself loaded by `dlopen`, the loader may allocate this code's thread-local at its first use on a thread. Return
//! addresses in modules that came by `dlopen` cost what a new one costs, each time.
//!
//! Miri has no registers to start from: there no stack is ever captured.

#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod cache;
#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod cfi;
#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod memo;
#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod modules;
#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod rule;
#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod stack;
#[cfg(all(
    test,
    not(miri),
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
mod tests;
#[cfg(all(not(miri), target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod walk;
#[cfg(not(all(
    not(miri),
    target_os = "linux",
    target_env = "gnu",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
#[path = "unwind/nowhere.rs"]
mod walk;

pub(crate) use walk::{has_met_others, number, outermost, prepare};
