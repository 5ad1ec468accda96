//! What the loader says of modules.
#![expect(unsafe_code, reason = "modules are what the loader says they are, in C structs")]

use std::ffi::{c_char, c_int, c_void};
use std::ops::Range;

pub(super) const PT_LOAD: u32 = 1;
/// What the loader has relocated and then made read-only.
const PT_GNU_RELRO: u32 = 0x6474_e552;
pub(super) const PF_X: u32 = 1;

/// `Elf64_Phdr`.
#[repr(C)]
pub(super) struct Segment {
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) offset: usize,
    pub(super) address: usize,
    _physical: usize,
    pub(super) file_size: usize,
    pub(super) size: usize,
    _alignment: usize,
}

/// The start of `dl_phdr_info`.
#[repr(C)]
pub(super) struct Loaded {
    pub(super) base: usize,
    pub(super) name: *const c_char,
    pub(super) segments: *const Segment,
    pub(super) segment_count: u16,
}

unsafe extern "C" {
    pub(super) fn dl_iterate_phdr(
        visit: unsafe extern "C" fn(*mut Loaded, usize, *mut c_void) -> c_int,
        data: *mut c_void,
    ) -> c_int;
}

/// Visits each module, the program first.
pub(super) fn each(visit: &mut dyn FnMut(&Loaded, &[Segment])) {
    let mut visit = visit;
    // SAFETY: the function is given what it expects, and that is there until all is visited.
    unsafe { dl_iterate_phdr(visited, (&raw mut visit).cast()) };
}

unsafe extern "C" fn visited(loaded: *mut Loaded, _: usize, visit: *mut c_void) -> c_int {
    // SAFETY: the loader describes a module that stays while it is visited, and `each` gave the other.
    let (loaded, visit) = unsafe { (&*loaded, &mut *visit.cast::<&mut dyn FnMut(&Loaded, &[Segment])>()) };
    // SAFETY: so many segments stand there, if there are any.
    visit(loaded, unsafe { std::slice::from_raw_parts(loaded.segments, loaded.segment_count.into()) });
    0
}

/// Returns the addresses of the program's own code. Call it while the process has one thread.
#[expect(dead_code, reason = "the library that is preloaded needs it")]
pub(crate) fn code_of_program() -> Range<usize> {
    let mut code = None;
    each(&mut |loaded, segments| {
        let own = segments.iter().filter(|it| it.kind == PT_LOAD && it.flags & PF_X != 0);
        let ranges = own.map(|it| loaded.base + it.address..loaded.base + it.address + it.size);
        let whole = ranges.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        // The program comes first.
        code.get_or_insert(whole.unwrap_or(0..0));
    });
    code.unwrap_or(0..0)
}

/// Returns where the program is, and the addresses of its constant data that the loader has relocated; `None` where it has none.
pub(super) fn constants_of_program() -> Option<(usize, Range<usize>)> {
    let mut found = None;
    each(&mut |loaded, segments| {
        let constants = segments.iter().find(|it| it.kind == PT_GNU_RELRO);
        let range = constants.map(|it| loaded.base + it.address..loaded.base + it.address + it.size);
        // The program comes first.
        found.get_or_insert((loaded.base, range));
    });
    found.and_then(|(base, range)| Some((base, range?)))
}
