//! Writes the record of this process: the recorder's own memory becomes a file, so nothing is lost however the process ends.
//!
//! The file is made before `main`, by [`open`], and never closed. What is written into it afterwards are words of memory that the
//! kernel keeps when the process is gone. A child process that is forked off gets empty memory in its place, and writes nothing.

pub(crate) use linux::is_open;
pub(super) use linux::learn_clock;
pub(crate) use linux::time;
#[cfg(target_os = "linux")]
pub(crate) use linux::{Start, environment, open};
pub(super) use linux::{list_end, lose, room, tell_table};

#[cfg(target_os = "linux")]
mod linux {
    #![expect(unsafe_code, reason = "it makes and maps a file by the C library, since nothing here may allocate")]

    use std::ffi::{CStr, c_char, c_int, c_long, c_void};
    use std::ptr::{self, NonNull};
    use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

    use super::super::arena::{self, WORDS};
    use super::super::builds;
    use super::super::ends::{self, End};
    use super::super::format::{self, AT_EXIT, NO_TASK};
    use super::super::text::Text;
    use super::super::who::is_ordinary;
    use super::super::{CELLS, NO_RUN, REST, enter, here, memory, shared, state_of, unwind};

    const WORD: usize = size_of::<u64>();

    /// Null unless there is a record.
    static FILE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
    static IS_OPEN: AtomicBool = AtomicBool::new(false);

    /// Returns whether this process writes a record.
    pub(crate) fn is_open() -> bool {
        IS_OPEN.load(Ordering::Acquire)
    }

    /// How the process was started, as the loader says: no system call tells it as fast.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Start {
        count: c_int,
        arguments: *const *const c_char,
        /// The path of the program, if somebody knows it.
        program: Option<&'static CStr>,
    }

    impl Start {
        /// # Safety
        ///
        /// These must be the arguments of `main`, which stay.
        pub(crate) unsafe fn new(count: c_int, arguments: *const *const c_char) -> Self {
            Self { count, arguments, program: None }
        }

        /// Says what the program is.
        #[expect(dead_code, reason = "the library that is preloaded knows it")]
        pub(crate) fn of(self, program: &'static CStr) -> Self {
            Self { program: Some(program), ..self }
        }

        fn arguments(&self) -> impl Iterator<Item = &'static [u8]> {
            // SAFETY: so many stand there, each ends with a null byte, and they stay.
            let argument = |at| unsafe { CStr::from_ptr(*self.arguments.add(at)) }.to_bytes_with_nul();
            (0..usize::try_from(self.count).unwrap_or(0)).map(argument)
        }
    }

    /// Begins the record, in this folder; `false` if there can be none. Call it once, while the process has one thread.
    pub(crate) fn open(folder: &CStr, start: Start) -> bool {
        begin(folder, start).is_some()
    }

    fn begin(folder: &CStr, process: Start) -> Option<()> {
        let file = map(folder)?;
        if !memory::fill_pages(file.as_ptr().addr(), (format::ARENA.start + arena::FIRST_PIECE) * WORD) {
            return None;
        }
        // SAFETY: the arena is inside the mapping, zeroed, mapped for good, begins a page, has as many words, and its first piece has pages.
        unsafe { WORDS.adopt(file.add(format::ARENA.start * WORD), format::ARENA.len).then_some(())? };
        FILE.store(file.as_ptr().cast(), Ordering::Release);
        write_header(process);
        // SAFETY: the functions are there for good, and can be called at any time.
        unsafe {
            pthread_atfork(None, None, Some(in_child));
            atexit(at_exit);
        }
        IS_OPEN.store(true, Ordering::Release);
        Some(())
    }

    /// Returns so many bytes of zeroed memory inside the record, for a table; `None` where there is no room.
    pub(crate) fn room(bytes: usize) -> Option<NonNull<u8>> {
        let start = WORDS.take(bytes.div_ceil(WORD))?;
        Some(NonNull::from(&WORDS.words()?[start]).cast())
    }

    /// Says where the table of a shard is now: `start` came from [`room`].
    pub(crate) fn tell_table(shard: usize, start: NonNull<u8>, entries: usize) {
        let Some(words) = WORDS.words() else { return };
        let place = (start.as_ptr().addr() - words.as_ptr().addr()) / WORD;
        set(format::SHARDS_AT + shard, (place as u64) << 32 | entries as u64);
    }

    /// Notes that something could not be written down.
    pub(crate) fn lose() {
        if let Some(word) = header(format::LOST_AT) {
            word.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Does a step that stands for so many, and notes what it took of the processor.
    pub(crate) fn time(steps: u32, act: impl FnOnce()) {
        let start = now();
        act();
        let took = now().saturating_sub(start).saturating_sub(CLOCK.load(Ordering::Relaxed));
        if let Some((count, sum)) = header(format::STEPS_AT).zip(header(format::TOOK_AT)) {
            count.fetch_add(steps.into(), Ordering::Relaxed);
            sum.fetch_add(took * u64::from(steps), Ordering::Relaxed);
        }
    }

    /// What asking for the time takes itself, in nanoseconds: often longer than what is timed.
    static CLOCK: AtomicU64 = AtomicU64::new(0);

    /// Learns what asking for the time takes.
    pub(crate) fn learn_clock() {
        let asked = (0..32).map(|_| {
            let start = now();
            now().saturating_sub(start)
        });
        CLOCK.store(asked.min().unwrap_or(0), Ordering::Relaxed);
    }

    /// Returns the processor's time that this thread had, in nanoseconds.
    fn now() -> u64 {
        const OF_THIS_THREAD: c_int = 3;
        let mut now = Time { seconds: 0, nanoseconds: 0 };
        // SAFETY: the system writes the time into `now`.
        unsafe { clock_gettime(OF_THIS_THREAD, &raw mut now) };
        now.seconds as u64 * 1_000_000_000 + now.nanoseconds as u64
    }

    fn header(at: usize) -> Option<&'static AtomicU64> {
        let file = NonNull::new(FILE.load(Ordering::Acquire))?;
        // SAFETY: the header is inside the mapping, which stays.
        Some(unsafe { file.add(at).as_ref() })
    }

    fn set(at: usize, value: u64) {
        if let Some(word) = header(at) {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn write_header(process: Start) {
        match process.program {
            Some(program) => write_parts(format::PROGRAM, [program.to_bytes()].into_iter()),
            None => write_text(format::PROGRAM, |room| {
                // SAFETY: it writes at most as much as there is room for.
                unsafe { readlink(c"/proc/self/exe".as_ptr(), room.as_mut_ptr().cast(), room.len()) }
            }),
        }
        write_parts(format::ARGUMENTS, process.arguments());
        write_parts(format::NEXTEST, environment(c"NEXTEST_TEST_NAME").map(CStr::to_bytes).into_iter());
        put_together(format::BUILDS, builds::write);
        let program = header(format::TEXTS_AT + format::PROGRAM).map_or(0, |it| it.load(Ordering::Relaxed) as usize);
        // SAFETY: it was written just now, and is only read from now on.
        let program: &[u8] = unsafe { bytes(program >> 32, program & u32::MAX as usize) }.map_or(&[], |text| text);
        put_together(format::MAPS, |text| builds::write_maps(text, program));
        // SAFETY: they only ask.
        let (process, parent) = unsafe { (getpid(), getppid()) };
        set(format::PROCESS_AT, process as u64);
        set(format::PARENT_AT, parent as u64);
        let ((cells, stride), (rest, _)) = (CELLS.signs(), REST.signs());
        set(format::CELLS_SIGNS_AT, cells as u64);
        set(format::REST_SIGNS_AT, rest as u64);
        set(format::STRIDE_AT, stride as u64);
        set(format::VERSION_AT, format::VERSION);
        set(format::MAGIC_AT, format::MAGIC);
    }

    /// Adds an end to those that a reader finds: `before` is the word of it that names the one before.
    pub(crate) fn list_end(place: usize, before: &AtomicU64) -> Option<()> {
        let last = header(format::ENDS_AT)?;
        let add = |last| {
            before.store(last, Ordering::Relaxed);
            Some(place as u64)
        };
        last.fetch_update(Ordering::Release, Ordering::Relaxed, add).ok().map(drop)
    }

    /// Writes one of the texts into the arena; `write` returns its length in bytes, or less than 0 where there is none. Call it while the
    /// process has one thread.
    fn write_text(text: usize, write: impl FnOnce(&mut [u8]) -> isize) {
        let place = WORDS.end();
        // SAFETY: nobody else takes anything meanwhile.
        let Some(room) = (unsafe { bytes(place, LONGEST_TEXT) }) else { return };
        let written = write(room).max(0) as usize;
        if WORDS.take(written.div_ceil(WORD)).is_some() {
            tell_text(text, place, written);
        }
    }

    fn tell_text(text: usize, place: usize, bytes: usize) {
        set(format::TEXTS_AT + text, (place as u64) << 32 | bytes as u64);
    }

    /// Returns so many bytes of the arena.
    ///
    /// # Safety
    ///
    /// Nobody else may use them as long as they are used.
    unsafe fn bytes(place: usize, len: usize) -> Option<&'static mut [u8]> {
        let words = WORDS.words()?.get(place..)?;
        // SAFETY: they are inside the arena, which stays, and atomics may be written otherwise where nobody else does.
        (len <= size_of_val(words))
            .then(|| unsafe { std::slice::from_raw_parts_mut(words.as_ptr().cast_mut().cast::<u8>(), len) })
    }

    /// Writes a text that consists of these, as far as there is room.
    fn write_parts(text: usize, mut parts: impl Iterator<Item = &'static [u8]>) {
        put_together(text, |text| {
            let _ = parts.try_for_each(|part| text.push(part).map(drop));
        });
    }

    fn put_together(text: usize, write: impl FnOnce(&mut Text<'_>)) {
        write_text(text, |room| {
            let mut text = Text::new(room);
            write(&mut text);
            text.len() as isize
        });
    }

    /// Reads a file into memory, as far as there is room; returns its length.
    fn read_file(path: &CStr, room: &mut [u8]) -> isize {
        // SAFETY: the path ends with a null byte; at most as much is read as there is room for; the file is closed once.
        unsafe {
            let file = open_file(path.as_ptr(), O_CLOEXEC);
            if file < 0 {
                return -1;
            }
            let mut filled = 0;
            loop {
                let rest = &mut room[filled..];
                match read(file, rest.as_mut_ptr().cast(), rest.len()) {
                    1.. if rest.is_empty() => break,
                    count @ 1.. => filled += count as usize,
                    _ => break,
                }
            }
            close(file);
            filled as isize
        }
    }

    /// Returns what a variable of the environment is set to.
    ///
    /// Call it while the process has one thread.
    pub(crate) fn environment(name: &CStr) -> Option<&'static CStr> {
        // SAFETY: the name ends with a null byte, and nobody changes the environment meanwhile; what is returned ends with one, too.
        unsafe { NonNull::new(getenv(name.as_ptr())).map(|value| CStr::from_ptr(value.as_ptr())) }
    }

    /// Makes the file and maps it whole.
    fn map(folder: &CStr) -> Option<NonNull<u8>> {
        let bytes = format::WHOLE * WORD;
        // SAFETY: the path ends with a null byte, the file is new and ours, and is closed once; the mapping goes to an address of the
        // system's choice.
        unsafe {
            let file = create(folder)?;
            let is_long = ftruncate(file, bytes as c_long) == 0;
            let start = if is_long { mmap(ptr::null_mut(), bytes, READ_WRITE, SHARED, file, 0) } else { FAILED };
            close(file);
            let start = NonNull::new(start).filter(|_| start != FAILED)?;
            // What stands in the file are holes, and a system that reads ahead fills megabytes of them with zeros for each page.
            madvise(start.as_ptr(), bytes, RANDOM);
            Some(start.cast())
        }
    }

    /// Makes a file of a name that no other process has.
    fn create(folder: &CStr) -> Option<c_int> {
        let mut path = Path::new(folder)?;
        let begin = path.len;
        for attempt in 0..8 {
            let mut now = Time { seconds: 0, nanoseconds: 0 };
            path.len = begin;
            // SAFETY: the system writes the time into `now`; the path ends with a null byte.
            unsafe {
                clock_gettime(0, &raw mut now);
                path.number(getpid() as u64)?;
                path.push(b"-")?;
                path.number(now.seconds as u64 * 1_000_000_000 + now.nanoseconds as u64 + attempt)?;
                path.push(b".")?;
                path.push(format::EXTENSION.as_bytes())?;
                let file = open_file(path.bytes.as_ptr().cast(), O_RDWR | O_CREATE | O_EXCLUSIVE | O_CLOEXEC, 0o644);
                if file >= 0 {
                    return Some(file);
                }
            }
        }
        None
    }

    /// A path that is put together without an allocator; zero behind its end.
    struct Path {
        bytes: [u8; 4096],
        len: usize,
    }

    impl Path {
        fn new(folder: &CStr) -> Option<Self> {
            let mut path = Self { bytes: [0; 4096], len: 0 };
            path.push(folder.to_bytes())?;
            path.push(b"/")?;
            Some(path)
        }

        fn push(&mut self, part: &[u8]) -> Option<()> {
            let end = self.len.checked_add(part.len()).filter(|end| *end < self.bytes.len())?;
            self.bytes[self.len..end].copy_from_slice(part);
            self.bytes[end] = 0;
            self.len = end;
            Some(())
        }

        fn number(&mut self, number: u64) -> Option<()> {
            if number >= 10 {
                self.number(number / 10)?;
            }
            self.push(&[b'0' + (number % 10) as u8])
        }
    }

    /// The process ends by itself: what is still allocated is written down with its state, while that can be read.
    extern "C" fn at_exit() {
        // What is given back from now on was still there at the end.
        if !IS_OPEN.swap(false, Ordering::AcqRel) {
            return;
        }
        let who = enter(NO_RUN);
        CELLS.each_ordinary(|allocation| {
            ends::count(allocation, End { stack: 0, who: 0, state: AT_EXIT | state_of(allocation) });
        });
        if !shared::is_from_outside() {
            REST.each_ordinary(|allocation| {
                if shared::is_counted(allocation) {
                    ends::count(allocation, End { stack: 0, who: 0, state: AT_EXIT | NO_TASK });
                }
            });
        }
        // Modules that came later are not in what was written at the start.
        if unwind::has_met_others() {
            let _ = write_maps_again();
        }
        set(format::ENDED_AT, 1);
        enter(who);
    }

    fn write_maps_again() -> Option<()> {
        /// Other threads take what they keep meanwhile.
        const ROOM: usize = 1 << 20;
        let place = WORDS.take(ROOM / WORD)?;
        // SAFETY: they were taken just now.
        let written = read_file(c"/proc/self/maps", unsafe { bytes(place, ROOM)? });
        (written > 0).then(|| tell_text(format::MAPS, place, written as usize))
    }

    /// A forked child is no part of the test, and must not write into its parent's record.
    extern "C" fn in_child() {
        let Some(file) = NonNull::new(FILE.swap(ptr::null_mut(), Ordering::AcqRel)) else { return };
        IS_OPEN.store(false, Ordering::Release);
        // SAFETY: the mapping is replaced by empty memory of the same size that belongs to the child alone.
        unsafe { mmap(file.as_ptr().cast(), format::WHOLE * WORD, READ_WRITE, PRIVATE_EMPTY, -1, 0) };
        CELLS.forget();
        REST.forget();
        if is_ordinary(here()) {
            enter(NO_RUN);
        }
    }

    /// Room for a text, in bytes; what is longer is cut.
    const LONGEST_TEXT: usize = 1 << 20;
    const RANDOM: c_int = 1;
    const READ_WRITE: c_int = 1 | 2;
    const SHARED: c_int = 1;
    /// Private, fixed, anonymous, without memory set aside.
    const PRIVATE_EMPTY: c_int = 0x02 | 0x10 | 0x20 | 0x4000;
    const FAILED: *mut c_void = ptr::without_provenance_mut(usize::MAX);
    const O_RDWR: c_int = 0o2;
    const O_CREATE: c_int = 0o100;
    const O_EXCLUSIVE: c_int = 0o200;
    const O_CLOEXEC: c_int = 0o2_000_000;

    #[repr(C)]
    struct Time {
        seconds: c_long,
        nanoseconds: c_long,
    }

    unsafe extern "C" {
        #[link_name = "open"]
        fn open_file(path: *const c_char, flags: c_int, ...) -> c_int;
        fn close(file: c_int) -> c_int;
        fn read(file: c_int, into: *mut c_void, bytes: usize) -> isize;
        fn readlink(path: *const c_char, into: *mut c_char, bytes: usize) -> isize;
        fn ftruncate(file: c_int, bytes: c_long) -> c_int;
        fn mmap(
            address: *mut c_void,
            bytes: usize,
            protection: c_int,
            flags: c_int,
            file: c_int,
            offset: c_long,
        ) -> *mut c_void;
        fn madvise(start: *mut c_void, bytes: usize, advice: c_int) -> c_int;
        fn getpid() -> c_int;
        fn getppid() -> c_int;
        fn getenv(name: *const c_char) -> *mut c_char;
        fn clock_gettime(clock: c_int, time: *mut Time) -> c_int;
        fn atexit(act: extern "C" fn()) -> c_int;
        fn pthread_atfork(
            before: Option<extern "C" fn()>,
            in_parent: Option<extern "C" fn()>,
            in_child: Option<extern "C" fn()>,
        ) -> c_int;
    }
}

/// There are no records elsewhere.
#[cfg(not(target_os = "linux"))]
mod linux {
    use std::ptr::NonNull;

    pub(crate) fn is_open() -> bool {
        false
    }

    pub(crate) fn room(_: usize) -> Option<NonNull<u8>> {
        None
    }

    pub(crate) fn tell_table(_: usize, _: NonNull<u8>, _: usize) {}

    pub(crate) fn lose() {}

    pub(crate) fn list_end(_: usize, _: &std::sync::atomic::AtomicU64) -> Option<()> {
        None
    }

    pub(crate) fn time(_: u32, act: impl FnOnce()) {
        act();
    }

    pub(crate) fn learn_clock() {}
}
