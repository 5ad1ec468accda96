//! What a program file says about its code addresses: functions, with the types that generic ones were made for, and places.
//!
//! The `backtrace` crate gives a function's linkage name, which has no types; debug information has them beside it, as
//! `channel<u32>`. They tell what a task runs and what a channel carries.
#![expect(unsafe_code, reason = "it maps a file")]

use std::fs::File;
use std::path::{Path, PathBuf};

use addr2line::gimli::{self, AttributeValue, DebugInfoOffset, Dwarf, EndianSlice, RunTimeEndian, Unit, UnitOffset};
use memmap2::Mmap;
use object::{Object, ObjectSection, ObjectSegment, ObjectSymbol, SymbolIndex, SymbolKind};

use crate::recorder;
use crate::system::symbols::Frame;
use crate::system::workspace;

type Bytes = EndianSlice<'static, RunTimeEndian>;

/// A program or a library as its file has it.
pub(crate) struct Module {
    /// The workspace whose places are told without its path.
    root: Option<PathBuf>,
    /// Where the parts of the file are meant to lie: file offset, length, address.
    segments: Vec<(u64, u64, u64)>,
    lines: addr2line::Context<Bytes>,
    file: &'static object::File<'static>,
    /// The functions by their addresses; `None` before they are asked for.
    symbols: Option<Vec<(u64, SymbolIndex)>>,
}

/// Maps a file; `None` if it cannot be read.
pub(crate) fn mapped(path: &Path) -> Option<Mmap> {
    let file = File::open(path).ok()?;
    // SAFETY: a test binary is replaced by its build tool under a new inode, not written over while it runs.
    unsafe { Mmap::map(&file) }.ok()
}

/// Returns the number that its linker gave a file, if any.
pub(crate) fn build(path: &Path) -> Option<Vec<u8>> {
    let file = mapped(path)?;
    let file = object::File::parse(&file[..]).ok()?;
    Some(file.build_id().ok()??.to_owned())
}

impl Module {
    /// Opens a file; `None` if it cannot be read or is none. It stays mapped for the rest of the process.
    pub(crate) fn open(path: &Path, root: Option<&Path>) -> Option<Self> {
        recorder::noting(|| Self::read(path, root))
    }

    fn read(path: &Path, root: Option<&Path>) -> Option<Self> {
        let map: &'static Mmap = Box::leak(Box::new(mapped(path)?));
        let file: &'static object::File<'static> = Box::leak(Box::new(object::File::parse(&map[..]).ok()?));
        let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
        let section = |id: gimli::SectionId| -> Result<Bytes, gimli::Error> {
            Ok(EndianSlice::new(contents(file, id.name()), endian))
        };
        let segments = file.segments().map(|it| (it.file_range().0, it.file_range().1, it.address())).collect();
        let lines = addr2line::Context::from_dwarf(Dwarf::load(section).ok()?).ok()?;
        Some(Self { root: root.map(Path::to_owned), segments, lines, file, symbols: None })
    }

    /// Returns the functions at a place of the file, innermost first: several where calls were inlined.
    pub(crate) fn frames(&mut self, offset: u64) -> Vec<Frame> {
        recorder::noting(|| self.look_up(offset))
    }

    fn look_up(&mut self, offset: u64) -> Vec<Frame> {
        let Some(address) = self.address(offset) else { return Vec::new() };
        let mut frames = self.described(address).unwrap_or_default();
        if frames.is_empty() {
            frames.push(Frame { function: String::new(), typed: None, site: None });
        }
        // Line tables name functions without their path, and some not at all. The table of symbols has whole names, for those that were not
        // inlined.
        if let (Some(outermost), Some(name)) = (frames.last_mut(), self.symbol(address)) {
            outermost.function = name;
        }
        frames
    }

    fn address(&self, offset: u64) -> Option<u64> {
        let inside = |(start, len, _): &&(u64, u64, u64)| (*start..start + len).contains(&offset);
        self.segments.iter().find(inside).map(|(start, _, address)| offset - start + address)
    }

    /// Returns what debug information says.
    fn described(&self, address: u64) -> Option<Vec<Frame>> {
        let unit = self.lines.find_dwarf_and_unit(address).skip_all_loads()?;
        let mut found = self.lines.find_frames(address).skip_all_loads().ok()?;
        let mut frames = Vec::new();
        while let Ok(Some(frame)) = found.next() {
            let name = frame.function.as_ref().and_then(|name| Some(name.raw_name().ok()?.into_owned()));
            let at = |place: addr2line::Location<'_>| {
                Some(workspace::site(self.root.as_deref(), Path::new(place.file?), place.line, place.column))
            };
            frames.push(Frame {
                function: name.map(|name| demangled(&name)).unwrap_or_default(),
                typed: frame.dw_die_offset.and_then(|entry| typed_name(unit.dwarf, unit.unit, entry, DEEPEST)),
                site: frame.location.and_then(at),
            });
        }
        Some(frames)
    }

    /// Returns the function that the table of symbols names.
    fn symbol(&mut self, address: u64) -> Option<String> {
        let symbols = self.symbols.get_or_insert_with(|| functions(self.file));
        let before = symbols.partition_point(|(start, _)| *start <= address).checked_sub(1)?;
        let symbol = self.file.symbol_by_index(symbols[before].1).ok()?;
        let is_inside = symbol.size() == 0 || address < symbol.address() + symbol.size();
        is_inside.then(|| symbol.name().ok().map(demangled))?
    }
}

/// Returns the functions of a file by their addresses. A whole `SymbolMap` reads all names, of which few are needed.
fn functions(file: &object::File<'_>) -> Vec<(u64, SymbolIndex)> {
    let is_function = |symbol: &object::Symbol<'_, '_>| symbol.kind() == SymbolKind::Text && symbol.is_definition();
    let mut functions: Vec<_> = file.symbols().filter(is_function).map(|it| (it.address(), it.index())).collect();
    functions.sort_unstable_by_key(|(address, _)| *address);
    functions
}

fn contents(file: &'static object::File<'static>, name: &str) -> &'static [u8] {
    let data = file.section_by_name(name).and_then(|section| section.uncompressed_data().ok());
    match data {
        Some(std::borrow::Cow::Borrowed(data)) => data,
        Some(std::borrow::Cow::Owned(data)) => data.leak(),
        None => &[],
    }
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// How many entries of debug information may refer to one another until one has a name.
const DEEPEST: usize = 8;

/// Returns the name of an entry, with types; an inlined or an outlined function refers to another entry for it.
fn typed_name(dwarf: &Dwarf<Bytes>, unit: &Unit<Bytes>, entry: UnitOffset, deepest: usize) -> Option<String> {
    let entry = unit.entry(entry).ok()?;
    if let Some(name) = entry.attr_value(gimli::DW_AT_name) {
        return Some(dwarf.attr_string(unit, name).ok()?.to_string_lossy().into_owned());
    }
    let deeper = deepest.checked_sub(1)?;
    let refers = [gimli::DW_AT_abstract_origin, gimli::DW_AT_specification];
    match refers.into_iter().find_map(|attribute| entry.attr_value(attribute))? {
        AttributeValue::UnitRef(offset) => typed_name(dwarf, unit, offset, deeper),
        AttributeValue::DebugInfoRef(offset) => {
            let (unit, offset) = unit_of(dwarf, offset)?;
            typed_name(dwarf, &unit, offset, deeper)
        }
        _ => None,
    }
}

/// Returns the unit that an entry is in; units refer to one another where a program was optimised as a whole.
fn unit_of(dwarf: &Dwarf<Bytes>, offset: DebugInfoOffset) -> Option<(Unit<Bytes>, UnitOffset)> {
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        if let Some(inside) = offset.to_unit_offset(&header) {
            return Some((dwarf.unit(header).ok()?, inside));
        }
    }
    None
}
