//! The loaded modules, and which part of them is unwind data; see the head of [`unwind`](super) for what this rests on.
#![expect(unsafe_code, reason = "modules are what the loader says they are, in C structs")]

use std::ffi::{CStr, c_char, c_int, c_ulonglong, c_void};
use std::mem::{MaybeUninit, transmute};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::loaded::{Loaded, Segment, dl_iterate_phdr};
use super::cfi::Image;
use super::stack;

/// More than programs need at their start; what is beyond is looked up each time.
const LASTING: usize = 128;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_GNU_EH_FRAME: u32 = 0x6474_e550;
const PF_W: u32 = 2;
const PF_R: u32 = 4;
const DT_NEEDED: usize = 1;
const DT_STRTAB: usize = 5;
const DT_SONAME: usize = 14;

/// `Elf64_Ehdr`.
#[repr(C)]
struct ElfHeader {
    magic: [u8; 4],
    class: u8,
    _ident: [u8; 11],
    _kind: u16,
    _machine: u16,
    _version: u32,
    _entry: usize,
    segments: usize,
    _sections: usize,
    _flags: u32,
    _size: u16,
    segment_size: u16,
    segment_count: u16,
}

/// `Elf64_Dyn`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Dynamic {
    tag: usize,
    value: usize,
}

/// `dl_find_object` of glibc 2.35, on machines where it has neither a data base nor a count.
#[repr(C)]
struct Found {
    _flags: c_ulonglong,
    start: usize,
    end: usize,
    _link_map: *const c_void,
    header: usize,
    _reserved: [c_ulonglong; 7],
}

type FindObject = unsafe extern "C" fn(*const c_void, *mut Found) -> c_int;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// Where a module is, and where its unwind data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Module {
    start: usize,
    end: usize,
    /// The address of `.eh_frame_hdr`.
    header: usize,
    /// The read-only segment that has it, and `.eh_frame` with it.
    image: usize,
    image_size: usize,
}

/// Whether what was found out about a module stays true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// It cannot be unloaded before this code is.
    Lasting,
    /// Another module may be at its place when this one is no longer on the stack.
    Passing,
}

/// A [`Module`] that threads share; all 0 before it is published.
struct Shared([AtomicUsize; 5]);

static MODULES: [Shared; LASTING] = [const { Shared([const { AtomicUsize::new(0) }; 5]) }; LASTING];
/// How many of them are published; 0 before [`list`].
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// The address of `_dl_find_object`, or 0: not looked for, or not there.
static FIND_OBJECT: AtomicUsize = AtomicUsize::new(0);
static HAS_MET_OTHERS: AtomicBool = AtomicBool::new(false);

/// Returns whether the modules are listed.
#[inline]
pub(super) fn listed() -> bool {
    COUNT.load(Ordering::Acquire) != 0
}

/// Returns the module with this code, which must be on the stack.
pub(super) fn at(pc: usize) -> Option<(Module, Stay)> {
    let count = COUNT.load(Ordering::Acquire);
    let mut lasting = MODULES[..count].iter().map(Shared::load);
    match lasting.find(|module| (module.start..module.end).contains(&pc)) {
        Some(module) => Some((module, Stay::Lasting)),
        None => {
            HAS_MET_OTHERS.store(true, Ordering::Relaxed);
            Some((find_object(pc)?, Stay::Passing))
        }
    }
}

/// Returns whether there was code on a stack that is in none of the listed modules.
pub(super) fn has_met_others() -> bool {
    HAS_MET_OTHERS.load(Ordering::Relaxed)
}

/// Lists the modules that will not be unloaded. `own` is an address in the code that asks for it.
///
/// Threads may do so at once: which modules these are does not change, nor their order, so each writes what the other
/// does.
pub(super) fn list(own: usize) -> bool {
    // SAFETY: both names end with a null byte; the second is glibc's, if it is there, and stays.
    unsafe {
        FIND_OBJECT.store(dlsym(std::ptr::null_mut(), c"_dl_find_object".as_ptr()) as usize, Ordering::Relaxed);
        stack::set_main_end(dlsym(std::ptr::null_mut(), c"__libc_stack_end".as_ptr()));
    }
    let closure = Closure::of(own);
    let modules = || closure.members().filter_map(|member| member.module);
    for (shared, module) in MODULES.iter().zip(modules()) {
        shared.store(module);
    }
    COUNT.store(modules().count(), Ordering::Release);
    modules().any(|module| (module.start..module.end).contains(&own))
}

impl Shared {
    fn load(&self) -> Module {
        let [start, end, header, image, image_size] = [0, 1, 2, 3, 4].map(|part| self.0[part].load(Ordering::Relaxed));
        Module { start, end, header, image, image_size }
    }

    fn store(&self, module: Module) {
        let Module { start, end, header, image, image_size } = module;
        for (part, value) in self.0.iter().zip([start, end, header, image, image_size]) {
            part.store(value, Ordering::Relaxed);
        }
    }
}

impl Module {
    pub(super) fn header(&self) -> usize {
        self.header
    }

    /// Returns where it is, from its first segment to its last.
    #[cfg(test)]
    pub(super) fn code(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// Returns its unwind data.
    ///
    /// # Safety
    /// The module stays loaded as long as this is used.
    pub(super) unsafe fn image<'a>(&self) -> Image<'a> {
        // SAFETY: the loader has mapped this segment, readable and not writable.
        let bytes = unsafe { std::slice::from_raw_parts(self.image as *const u8, self.image_size) };
        Image { address: self.image, bytes }
    }

    /// `None` for a module without unwind data in a read-only segment.
    fn new(base: usize, segments: &[Segment]) -> Option<Self> {
        let loads = || segments.iter().filter(|segment| segment.kind == PT_LOAD);
        let header = segments.iter().find(|segment| segment.kind == PT_GNU_EH_FRAME)?.address;
        let image = loads().find(|load| (load.address..load.address + load.file_size).contains(&header))?;
        if image.flags & (PF_R | PF_W) != PF_R {
            return None;
        }
        let start = loads().map(|load| load.address).min()?;
        let end = loads().map(|load| load.address + load.size).max()?;
        let [start, end, header, image_start] = [start, end, header, image.address].map(|at| base.wrapping_add(at));
        Some(Self { start, end, header, image: image_start, image_size: image.file_size })
    }
}

/// Asks glibc for the module with this code.
fn find_object(pc: usize) -> Option<Module> {
    let find = match FIND_OBJECT.load(Ordering::Relaxed) {
        0 => return None,
        // SAFETY: glibc declares it so.
        address => unsafe { transmute::<usize, FindObject>(address) },
    };
    let mut found = MaybeUninit::<Found>::uninit();
    // SAFETY: it may be given any address, and fills in the result when it returns 0.
    let found = unsafe { (find(pc as *const c_void, found.as_mut_ptr()) == 0).then(|| found.assume_init())? };
    let segments = mapped_segments(found.start)?;
    let lowest = segments.iter().filter(|segment| segment.kind == PT_LOAD).map(|load| load.address).min()?;
    let module = Module::new(found.start.wrapping_sub(page(lowest)), segments)?;
    (module.header == found.header && (found.start..found.end).contains(&pc)).then_some(module)
}

/// Returns the start of the smallest page that has this address.
fn page(address: usize) -> usize {
    address & !(PAGE - 1)
}

const PAGE: usize = 4096;

/// Returns the segments of a module by the file header that is mapped at its start, as it nearly always is.
fn mapped_segments<'a>(start: usize) -> Option<&'a [Segment]> {
    if start != page(start) || !stack::readable(start) {
        return None;
    }
    // SAFETY: it is aligned to a page, and that page can be read and is some module's first, so nobody writes to it.
    let header = unsafe { &*(start as *const ElfHeader) };
    let size = size_of::<Segment>();
    let end = header.segments.checked_add(usize::from(header.segment_count) * size)?;
    let is_known = header.magic == *b"\x7fELF" && header.class == 2 && usize::from(header.segment_size) == size;
    if !is_known || end > PAGE || !header.segments.is_multiple_of(align_of::<Segment>()) {
        return None;
    }
    // SAFETY: in the same page, and aligned.
    Some(unsafe {
        std::slice::from_raw_parts((start + header.segments) as *const Segment, header.segment_count.into())
    })
}

/// A module of which it is known that it stays.
#[derive(Clone, Copy)]
struct Member {
    base: usize,
    /// Also says which module this is.
    segments: *const Segment,
    /// Its dynamic section, or null: it is linked statically.
    dynamic: *const Dynamic,
    /// Its path, as the loader has it.
    path: *const c_char,
    /// `None` without unwind data.
    module: Option<Module>,
}

/// The program, the module of this code, and all that they need.
struct Closure {
    members: [Option<Member>; LASTING],
    count: usize,
    /// An address in this code.
    own: usize,
    /// Modules looked at in this pass; the first is the program.
    visited: usize,
}

impl Closure {
    /// Goes over the modules until a pass adds none. Each is read while the loader's lock is held, or once it is a
    /// member.
    fn of(own: usize) -> Self {
        let mut closure = Self { members: [None; LASTING], count: 0, own, visited: 0 };
        loop {
            let before = closure.count;
            closure.visited = 0;
            // SAFETY: `visit` is given what it takes.
            unsafe { dl_iterate_phdr(visit, (&raw mut closure).cast()) };
            if closure.count == before {
                return closure;
            }
        }
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.members[..self.count].iter().flatten()
    }

    fn add_if_it_stays(&mut self, loaded: &Loaded) {
        // SAFETY: `dl_iterate_phdr` says so.
        let segments = unsafe { std::slice::from_raw_parts(loaded.segments, loaded.segment_count.into()) };
        let member = Member::new(loaded, segments);
        self.visited += 1;
        let is_root = self.visited == 1 || covers(loaded.base, segments, self.own);
        if self.count < LASTING && !self.has(&member) && (is_root || self.needs(&member)) {
            self.members[self.count] = Some(member);
            self.count += 1;
        }
    }

    fn has(&self, member: &Member) -> bool {
        self.members().any(|other| other.segments == member.segments)
    }

    /// Of two modules with one name, the loader takes the one that was there first.
    fn needs(&self, member: &Member) -> bool {
        let is_taken = self.members().any(|other| other.name() == member.name());
        !is_taken && self.members().any(|other| other.needed().any(|name| file_name(name) == member.name()))
    }
}

/// Returns whether a segment of the module has this address.
fn covers(base: usize, segments: &[Segment], address: usize) -> bool {
    segments
        .iter()
        .any(|segment| segment.kind == PT_LOAD && address.wrapping_sub(base + segment.address) < segment.size)
}

fn file_name(path: &CStr) -> &[u8] {
    path.to_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

impl Member {
    fn new(loaded: &Loaded, segments: &[Segment]) -> Self {
        let dynamic = segments.iter().find(|segment| segment.kind == PT_DYNAMIC);
        Self {
            base: loaded.base,
            segments: loaded.segments,
            dynamic: dynamic.map_or(std::ptr::null(), |segment| loaded.base.wrapping_add(segment.address) as _),
            path: loaded.name,
            module: Module::new(loaded.base, segments),
        }
    }

    fn entries(&self) -> impl Iterator<Item = Dynamic> {
        let mut next = self.dynamic;
        std::iter::from_fn(move || {
            if next.is_null() {
                return None;
            }
            // SAFETY: a dynamic section is an array that ends with a tag of 0, and nobody reads on behind it.
            let entry = unsafe { next.read() };
            // SAFETY: used only if this was not the last one.
            next = unsafe { next.add(1) };
            (entry.tag != 0).then_some(entry)
        })
        .fuse()
    }

    /// Returns the strings of these entries.
    fn strings(&self, tag: usize) -> impl Iterator<Item = &CStr> {
        let table = self.entries().find(|entry| entry.tag == DT_STRTAB).map(|entry| entry.value);
        // The loader has put an address here, except where the section is read-only (the vDSO).
        let table = table.map(|table| if table < self.base { table + self.base } else { table });
        self.entries().filter(move |entry| entry.tag == tag).filter_map(move |entry| {
            // SAFETY: the loader has read the same string.
            table.map(|table| unsafe { CStr::from_ptr((table + entry.value) as *const c_char) })
        })
    }

    fn needed(&self) -> impl Iterator<Item = &CStr> {
        self.strings(DT_NEEDED)
    }

    /// Returns the name that others need it by.
    fn name(&self) -> &[u8] {
        // SAFETY: the loader keeps it as long as the module.
        let path = || (!self.path.is_null()).then(|| unsafe { CStr::from_ptr(self.path) });
        self.strings(DT_SONAME).next().or_else(path).map_or(b"", file_name)
    }
}

unsafe extern "C" fn visit(loaded: *mut Loaded, _size: usize, closure: *mut c_void) -> c_int {
    // SAFETY: `Closure::of` passes itself, and nobody else has it meanwhile.
    let closure = unsafe { &mut *closure.cast::<Closure>() };
    // SAFETY: `dl_iterate_phdr` lends it for this call.
    closure.add_if_it_stays(unsafe { &*loaded });
    0
}
