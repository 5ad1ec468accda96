//! What cargo runs in place of each test binary: it becomes the binary at once where the gate's runner has left a pass for it, and
//! otherwise becomes the runner, which looks at the binary first.
//!
//! A suite may have many binaries that take two milliseconds each, and nextest starts one for each test. The gate is a large program, of
//! which nothing is needed then; this one has no library, not even C's, and the system starts it in the tenth of a millisecond.
//!
//! It is called as `USHER GATE --run-test 0 BINARY ARGS..`, and whatever it does not understand, or cannot do, is the runner's. The form
//! of a pass is told where the gate writes it, in `pass.rs`.

#![no_std]
#![no_main]

mod memory;
mod system;

use core::ffi::CStr;
use core::ptr;

use system::{File, Identity, Process};

/// The file of a pass at the most, in bytes.
const PASS: usize = 16 << 10;
/// Variables of the environment at the most.
const VARIABLES: usize = 2 << 10;
/// A path at the most, with the null byte at its end.
const PATH: usize = 4 << 10;

/// The library that is preloaded; passes are beside it.
const LIBRARY: &[u8] = b"LIGHTSOUT_RECORDER=";
/// Where notes go.
const RECORDS: &[u8] = b"LIGHTSOUT_RECORD_DIR=";
/// What a pass sets: where one of these is set already, the runner has to see to it.
const SET: [&[u8]; 3] = [b"LD_PRELOAD=", b"LIGHTSOUT_PROGRAM=", b"LIGHTSOUT_VTABLES="];

/// Goes on as whoever is to run.
fn begin(process: Process) -> ! {
    let arguments = process.arguments();
    let _ = pass(&process, arguments);
    // What is missing, or wrong, the runner tells.
    system::become_program(arguments.get(1).copied().unwrap_or(ptr::null()), &arguments[1..], process.variables());
    system::exit(127)
}

/// Becomes the binary; returns if there is no pass for it.
fn pass(process: &Process, arguments: &[*const u8]) -> Option<()> {
    let [_, gate, mark, words, program, rest @ .., _null] = arguments else { return None };
    if text(*mark) != b"--run-test" || text(*words) != b"0" || rest.iter().any(|it| text(*it) == b"--list") {
        return None;
    }
    let find = |name: &[u8]| process.variables().iter().find_map(|it| text(*it).strip_prefix(name));
    if SET.iter().any(|name| find(name).is_some()) {
        return None;
    }
    let (library, records) = (find(LIBRARY)?, find(RECORDS)?);
    let binary = name(text(*program));

    let mut room = [0; PASS];
    let pass =
        File::open(path(&mut [0; PATH], &[parent(library)?, b"/passes/", binary, b".pass"])?)?.read(&mut room)?;
    let pass = Pass::read(pass)?;
    (system::identity(*gate)? == pass.gate && system::identity(*program)? == pass.binary).then_some(())?;
    note(records, binary, pass.note)?;

    let mut variables = [ptr::null(); VARIABLES];
    let mut count = 0;
    let kept = process.variables().iter().filter(|it| !it.is_null() && !text(**it).starts_with(LIBRARY)).copied();
    for variable in kept.chain(pass.variables()) {
        // The last one is a null pointer.
        *variables[..VARIABLES - 1].get_mut(count)? = variable;
        count += 1;
    }
    system::become_program(*program, &arguments[4..], &variables);
    None
}

/// Leaves a note, unless there is one.
fn note(records: &[u8], binary: &[u8], text: &[u8]) -> Option<()> {
    let mut room = [0; PATH];
    let file = path(&mut room, &[records, b"/", binary, b".binary"])?;
    if system::exists(file) {
        return Some(());
    }
    let mut room = [0; PATH];
    let mut digits = [0; 20];
    let temporary = path(&mut room, &[records, b"/", binary, b".", number(&mut digits, system::id()), b".binary~"])?;
    File::create(temporary)?.write(text)?;
    system::rename(temporary, file)
}

/// What the gate's runner has left for a binary.
struct Pass<'a> {
    /// Which gate has left it.
    gate: Identity,
    /// Which file it is for.
    binary: Identity,
    note: &'a [u8],
    /// What is to be set, each with a null byte at its end.
    set: &'a [u8],
}

impl<'a> Pass<'a> {
    /// Reads the words of both identities, the length of the note, the note, and the rest.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let word = |at: usize| Some(u64::from_ne_bytes(*bytes.get(at * 8..)?.first_chunk()?));
        let identity = |at: usize| Some([word(at)?, word(at + 1)?, word(at + 2)?, word(at + 3)?]);
        let (note, set) = bytes.get(9 * 8..)?.split_at_checked(word(8)? as usize)?;
        (set.last() == Some(&0)).then_some(())?;
        Some(Self { gate: identity(0)?, binary: identity(4)?, note, set })
    }

    fn variables(&self) -> impl Iterator<Item = *const u8> {
        self.set.split_inclusive(|byte| *byte == 0).map(<[u8]>::as_ptr)
    }
}

/// Returns a text of the system's; a null pointer has none.
fn text<'a>(text: *const u8) -> &'a [u8] {
    // SAFETY: the system ends each with a null byte, and keeps it as long as the process is this program.
    if text.is_null() { &[] } else { unsafe { CStr::from_ptr(text.cast()) }.to_bytes() }
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    path.get(..path.len().checked_sub(name(path).len() + 1)?)
}

/// Puts a path together, with a null byte at its end.
fn path<'a>(room: &'a mut [u8; PATH], parts: &[&[u8]]) -> Option<*const u8> {
    let mut len = 0;
    for byte in parts.iter().copied().flatten() {
        *room[..PATH - 1].get_mut(len)? = *byte;
        len += 1;
    }
    Some(room.as_ptr())
}

fn number(room: &mut [u8; 20], mut number: u64) -> &[u8] {
    let mut at = room.len();
    loop {
        at -= 1;
        room[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[at..];
        }
    }
}
