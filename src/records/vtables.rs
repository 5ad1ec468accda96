//! Where a program has the vtables of its tasks: a list for its recorder, which sees by them how a task is shut down.
//!
//! A vtable is where the linker asks for the address of tokio's `poll` and, a few words on, for that of its `shutdown`: it is found by the
//! names of functions and by relocations. Where those are not to be had the list is empty, and the recorder does without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use object::elf::{self, FileHeader64, Rela64};
use object::read::elf::{FileHeader, Rela, SectionHeader, SectionTable, Sym};
use object::{Endianness, SectionIndex};

use crate::recorder::vtables::{HEAD, MAGIC, REACH, WORDS};
use crate::system::debuginfo::mapped;

type Sections<'a> = SectionTable<'a, FileHeader64<Endianness>>;

const WORD: u64 = 8;

/// What the compiler calls functions of a task's vtable, whatever the task runs.
const POLL: &[u8] = b"4task3raw4poll";
const SHUTDOWN: &[u8] = b"4task3raw8shutdown";

/// Writes the list of a program's vtables into a folder, unless it is there; returns where it is.
///
/// # Errors
///
/// If the program cannot be read, or the list cannot be written.
pub(super) fn list(program: &Path, folder: &Path) -> io::Result<PathBuf> {
    let head = head(&fs::metadata(program)?);
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let list = folder.join(format!("{name}.vtables"));
    if fs::File::open(&list).and_then(|mut list| begins_with(&mut list, &head)).unwrap_or(false) {
        return Ok(list);
    }
    let vtables = mapped(program).and_then(|file| find(&file)).unwrap_or_default();
    let count = [vtables.len() as u64];
    let words = head.iter().chain(&count).chain(vtables.iter().flatten());
    fs::create_dir_all(folder)?;
    // Another process may have the old one mapped.
    let temporary = folder.join(format!("{name}.{}.tmp", std::process::id()));
    fs::write(&temporary, words.flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>())?;
    fs::rename(&temporary, &list)?;
    Ok(list)
}

/// Returns what tells that a list is that of a file.
fn head(program: &Metadata) -> [u64; HEAD - 1] {
    let changed = program.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    [MAGIC, program.len(), changed.as_nanos() as u64]
}

fn begins_with(list: &mut impl io::Read, head: &[u64]) -> io::Result<bool> {
    head.iter().try_fold(true, |is_same, word| {
        let mut read = [0; WORD as usize];
        list.read_exact(&mut read)?;
        Ok(is_same && u64::from_ne_bytes(read) == *word)
    })
}

/// Returns the vtables of a program, in order: where each begins, where in it the function stands, and where that function is.
fn find(file: &[u8]) -> Option<Vec<[u64; WORDS]>> {
    let header = FileHeader64::<Endianness>::parse(file).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, file).ok()?;
    let [polls, shutdowns] = functions(&sections, endian, file, [POLL, SHUTDOWN])?;
    let slots = slots(&sections, endian, file, |function| polls.contains(&function) || shutdowns.contains(&function));
    let of_shutdown = slots.iter().filter(|(_, function)| shutdowns.contains(function));
    let vtables = of_shutdown.filter_map(|(slot, function)| {
        let start =
            slots.range(slot.saturating_sub(REACH as u64 * WORD)..*slot).rev().find(|(_, it)| polls.contains(it))?;
        Some([*start.0, *slot, *function])
    });
    let vtables: Vec<_> = vtables.collect();
    // All are of one type.
    let lengths: BTreeSet<u64> = vtables.iter().map(|[start, slot, _]| slot - start).collect();
    (lengths.len() == 1).then_some(vtables)
}

/// Returns where the functions are whose names have these parts.
fn functions(
    sections: &Sections<'_>,
    endian: Endianness,
    file: &[u8],
    parts: [&[u8]; 2],
) -> Option<[BTreeSet<u64>; 2]> {
    let symbols = sections.symbols(endian, file, elf::SHT_SYMTAB).ok()?;
    let names = sections.section(SectionIndex(symbols.string_section().0)).ok()?.data(endian, file).ok()?;
    // There are many symbols, and few of these: names are looked for, and not looked at.
    let starts = parts.map(|part| {
        let start = |at: usize| names[..at].iter().rposition(|byte| *byte == 0).map_or(0, |end| end + 1);
        memchr::memmem::find_iter(names, part).map(|at| start(at) as u32).collect::<BTreeSet<_>>()
    });
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    for symbol in symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC) {
        let name = symbol.st_name(endian);
        for (starts, found) in starts.iter().zip(&mut found) {
            if starts.contains(&name) {
                found.insert(symbol.st_value(endian));
            }
        }
    }
    Some(found)
}

/// Returns where the loader is to put the address of such a function, and which.
fn slots(
    sections: &Sections<'_>,
    endian: Endianness,
    file: &[u8],
    is_meant: impl Fn(u64) -> bool,
) -> BTreeMap<u64, u64> {
    let all = sections.iter().filter_map(|section| Some(section.rela(endian, file).ok()??.0)).flatten();
    let pair = |it: &Rela64<Endianness>| (it.r_offset(endian), it.r_addend(endian) as u64);
    let relative =
        all.filter(|it| [elf::R_X86_64_RELATIVE, elf::R_AARCH64_RELATIVE].contains(&it.r_type(endian, false)));
    relative.map(pair).filter(|(_, function)| is_meant(*function)).collect()
}
