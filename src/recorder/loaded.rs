//! What the loader says of a module.
#![expect(unsafe_code, reason = "it declares a function of the C library")]

use std::ffi::{c_char, c_int, c_void};

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
