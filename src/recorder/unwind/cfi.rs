//! Reads unwind data: `.eh_frame_hdr`, which finds a function's description, and `.eh_frame`, which has it.
//!
//! The format is DWARF's call frame information as the LSB (5.0, section 10.6) changes it. This is safe code over a
//! slice, returns `None` for whatever it does not know, and never panics: the data may be anything.

use std::ops::Range;

/// How many remembered rows it holds; compilers nest them once.
const REMEMBERED: usize = 4;

/// The table of `.eh_frame_hdr` has pairs of four-byte offsets from its own start: the only form that linkers write.
const TABLE_ENCODING: u8 = 0x3b;
/// The pointer is not there.
const OMITTED: u8 = 0xff;

/// A read-only part of a loaded module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image<'a> {
    /// Where `bytes` are in memory, which relative pointers count from.
    pub(super) address: usize,
    pub(super) bytes: &'a [u8],
}

/// The numbers that unwind data has for the registers that matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers {
    pub(super) sp: u64,
    pub(super) fp: u64,
    /// The return address; on x86-64 a column that is no register.
    pub(super) ra: u64,
}

/// Where a caller's register is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// It has not been changed.
    Same,
    /// In memory, so many bytes from the CFA.
    At(i64),
    /// Nowhere; for the return address: nobody called this function.
    Nowhere,
    /// In a way that is not followed.
    Otherwise,
}

/// What is known about a frame at one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The register that the CFA is found by, or `None`: by an expression.
    pub(super) base: Option<u64>,
    /// Bytes from that register to the CFA.
    pub(super) offset: i64,
    pub(super) sp: Kept,
    pub(super) fp: Kept,
    pub(super) ra: Kept,
}

impl Row {
    const UNKNOWN: Self = Self { base: None, offset: 0, sp: Kept::Same, fp: Kept::Same, ra: Kept::Same };
}

/// Returns what the module with this `.eh_frame_hdr` says about the instruction at `pc`.
pub(super) fn row(image: Image, header: usize, pc: usize, registers: Registers) -> Option<Row> {
    let function = Function::parse(image, search(image, header, pc)?)?;
    if !(function.start..function.end).contains(&pc) {
        return None;
    }
    let mut machine = Machine::new(&function.common, registers, function.common.program);
    machine.run(usize::MAX)?;
    machine.start(function.start, function.program);
    machine.run(pc)?;
    Some(machine.row)
}

/// Returns the address of the last description whose function begins at or before `pc`.
fn search(image: Image, header: usize, pc: usize) -> Option<usize> {
    let mut reader = image.reader(header)?;
    let [version, frames, count, table] = reader.take()?;
    if version != 1 || count == OMITTED || table != TABLE_ENCODING {
        return None;
    }
    reader.skip_pointer(frames)?;
    let count = reader.pointer(count)?;
    let (pairs, _) = reader.rest.get(..count.checked_mul(8)?)?.as_chunks::<8>();
    let relative = |bytes: &[u8]| Some(header.wrapping_add(i32::from_ne_bytes(*bytes.first_chunk()?) as usize));
    let is_before = |pair: &[u8; 8]| relative(pair).is_some_and(|start| start <= pc);
    let near = relative(pairs.first()?)?..relative(pairs.last()?)?;
    let part = bracket(guess(pairs.len(), near, pc), pairs.len(), |at| is_before(&pairs[at]));
    let after = part.start + pairs[part].partition_point(is_before);
    relative(&pairs.get(after.checked_sub(1)?)?[4..])
}

/// Guesses where among so many addresses, which are spread evenly from the first to the last one, an address is.
fn guess(count: usize, all: Range<usize>, address: usize) -> usize {
    let (into, length) = (address.saturating_sub(all.start), all.end.saturating_sub(all.start));
    let guess = into as u128 * count as u128 / length.max(1) as u128;
    usize::try_from(guess).unwrap_or(usize::MAX).min(count - 1)
}

/// Returns a part around a guess, of `0..count`, in which `is_before` changes from yes to no, if it does anywhere. It steps away from the guess
/// until it does: halving the whole would ask for memory far away each time.
fn bracket(guess: usize, count: usize, is_before: impl Fn(usize) -> bool) -> Range<usize> {
    const STEP: usize = 8;
    let (mut low, mut high, mut step) = (guess, guess, STEP);
    if is_before(guess) {
        while high < count && is_before(high) {
            (low, high, step) = (high, high.saturating_add(step), step.saturating_mul(4));
        }
    } else {
        while low > 0 && !is_before(low) {
            (low, high, step) = (low.saturating_sub(step), low, step.saturating_mul(4));
        }
    }
    low..high.min(count)
}

/// Bytes to read one after the other.
#[derive(Clone, Copy, Debug)]
struct Reader<'a> {
    /// Of the first byte of `rest`.
    address: usize,
    rest: &'a [u8],
}

impl<'a> Image<'a> {
    fn reader(self, address: usize) -> Option<Reader<'a>> {
        let rest = self.bytes.get(address.checked_sub(self.address)?..)?;
        Some(Reader { address, rest })
    }
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        self.address = self.address.wrapping_add(N);
        Some(*first)
    }

    /// Splits off the next bytes.
    fn part(&mut self, length: usize) -> Option<Self> {
        let (first, rest) = self.rest.split_at_checked(length)?;
        let part = Self { address: self.address, rest: first };
        *self = Self { address: self.address.wrapping_add(length), rest };
        Some(part)
    }

    /// Splits off the entry that begins here with its length. The 64-bit form, and the end mark of length 0, are not
    /// followed.
    fn entry(&mut self) -> Option<Self> {
        let length = self.u32()?;
        if length == 0 || length == u32::MAX { None } else { self.part(length as usize) }
    }

    /// Splits off a part that begins here with its length in LEB128.
    fn block(&mut self) -> Option<Self> {
        let length = self.uleb()?;
        self.part(length as usize)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_ne_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_ne_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_ne_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_ne_bytes)
    }

    /// Returns an unsigned LEB128 number, and the number of its bits.
    fn leb(&mut self) -> Option<(u64, u32)> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some((value, shift + 7));
            }
        }
        None
    }

    fn uleb(&mut self) -> Option<u64> {
        self.leb().map(|(value, _)| value)
    }

    fn sleb(&mut self) -> Option<i64> {
        let (value, bits) = self.leb()?;
        let unused = 64_u32.saturating_sub(bits);
        Some((value << unused).cast_signed() >> unused)
    }

    /// Returns a pointer, absolute or relative to where it stands.
    fn pointer(&mut self, encoding: u8) -> Option<usize> {
        let here = self.address;
        let value = self.number(encoding & 0x0f)?;
        match encoding & 0xf0 {
            0x00 => Some(value),
            0x10 => Some(here.wrapping_add(value)),
            _ => None,
        }
    }

    fn skip_pointer(&mut self, encoding: u8) -> Option<()> {
        const ALIGNED: u8 = 0x50;
        match encoding {
            OMITTED => Some(()),
            _ if encoding & 0x70 == ALIGNED => None,
            _ => self.number(encoding & 0x0f).map(drop),
        }
    }

    fn number(&mut self, format: u8) -> Option<usize> {
        match format {
            0x00 | 0x04 | 0x0c => self.u64().map(|value| value as usize),
            0x01 => self.uleb().map(|value| value as usize),
            0x02 => self.u16().map(usize::from),
            0x03 => self.u32().map(|value| value as usize),
            0x09 => self.sleb().map(|value| value as usize),
            0x0a => self.u16().map(|value| value.cast_signed() as usize),
            0x0b => self.u32().map(|value| value.cast_signed() as usize),
            _ => None,
        }
    }
}

/// What several functions share (a CIE).
#[derive(Clone, Copy, Debug)]
struct Common<'a> {
    /// Bytes that locations are counted in.
    code_unit: u64,
    /// Bytes that offsets are counted in, often negative.
    data_unit: i64,
    /// Which register column has the return address.
    ra: u64,
    /// Of pointers into code.
    encoding: u8,
    /// Whether descriptions of functions have a block of extras to be skipped.
    has_extras: bool,
    program: Reader<'a>,
}

impl<'a> Common<'a> {
    fn parse(image: Image<'a>, address: usize) -> Option<Self> {
        let mut reader = image.reader(address)?.entry()?;
        let id = reader.u32()?;
        let version = reader.u8()?;
        if id != 0 || !matches!(version, 1 | 3) {
            return None;
        }
        let end = reader.rest.iter().position(|byte| *byte == 0)?;
        let letters = reader.part(end)?.rest;
        reader.u8()?;
        let code_unit = reader.uleb()?;
        let data_unit = reader.sleb()?;
        let ra = if version == 1 { reader.u8()?.into() } else { reader.uleb()? };
        let encoding = Self::encoding(letters, &mut reader)?;
        Some(Self { code_unit, data_unit, ra, encoding, has_extras: !letters.is_empty(), program: reader })
    }

    /// Returns the encoding of code pointers. `None` for unknown letters, and for signal frames (`S`): what these
    /// keep is not what a call keeps.
    fn encoding(letters: &[u8], reader: &mut Reader) -> Option<u8> {
        let mut encoding = 0;
        let Some((first, letters)) = letters.split_first() else { return Some(encoding) };
        if *first != b'z' {
            return None;
        }
        let mut extras = reader.block()?;
        for letter in letters {
            match letter {
                b'R' => encoding = extras.u8()?,
                b'P' => {
                    let encoding = extras.u8()?;
                    extras.skip_pointer(encoding)?;
                }
                b'L' => drop(extras.u8()?),
                // Pointers are signed with the other key; stack memory is tagged. Neither moves anything.
                b'B' | b'G' => {}
                _ => return None,
            }
        }
        Some(encoding)
    }
}

/// What is said about one function (an FDE).
#[derive(Clone, Copy, Debug)]
struct Function<'a> {
    common: Common<'a>,
    start: usize,
    end: usize,
    program: Reader<'a>,
}

impl<'a> Function<'a> {
    fn parse(image: Image<'a>, address: usize) -> Option<Self> {
        let mut reader = image.reader(address)?.entry()?;
        let here = reader.address;
        let common = Common::parse(image, here.checked_sub(reader.u32()? as usize)?)?;
        let start = reader.pointer(common.encoding)?;
        let end = start.checked_add(reader.number(common.encoding & 0x0f)?)?;
        if common.has_extras {
            reader.block()?;
        }
        Some(Self { common, start, end, program: reader })
    }
}

/// Executes unwind programs.
#[derive(Debug)]
struct Machine<'a> {
    common: &'a Common<'a>,
    registers: Registers,
    program: Reader<'a>,
    /// The code address from which `row` holds.
    location: usize,
    row: Row,
    /// What the common program made of the row; registers are restored to it.
    initial: Row,
    remembered: [Row; REMEMBERED],
    depth: usize,
}

impl<'a> Machine<'a> {
    fn new(common: &'a Common<'a>, registers: Registers, program: Reader<'a>) -> Self {
        let row = Row::UNKNOWN;
        let remembered = [row; REMEMBERED];
        Self { common, registers, program, location: 0, row, initial: row, remembered, depth: 0 }
    }

    /// Goes from the common program to that of a function.
    fn start(&mut self, location: usize, program: Reader<'a>) {
        self.location = location;
        self.program = program;
        self.initial = self.row;
    }

    /// Executes until the row for `pc` is there. `None` if the program has something that is not known.
    fn run(&mut self, pc: usize) -> Option<()> {
        if self.common.ra != self.registers.ra {
            return None;
        }
        while !self.program.rest.is_empty() {
            let operation = self.program.u8()?;
            self.step(operation)?;
            if self.location > pc {
                break;
            }
        }
        Some(())
    }

    fn step(&mut self, operation: u8) -> Option<()> {
        match operation {
            // A signed return address: the signature is taken off when it is read.
            0x00 | 0x2d => Some(()),
            // The size of pushed arguments.
            0x2e => self.program.uleb().map(drop),
            0x0a => self.remember(),
            0x0b => self.recall(),
            0x01..=0x04 | 0x40..=0x7f => self.advance(operation),
            0x0c..=0x0f | 0x12 | 0x13 => self.define_cfa(operation),
            _ => self.keep(operation),
        }
    }

    fn remember(&mut self) -> Option<()> {
        *self.remembered.get_mut(self.depth)? = self.row;
        self.depth += 1;
        Some(())
    }

    fn recall(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        self.row = self.remembered[self.depth];
        Some(())
    }

    fn advance(&mut self, operation: u8) -> Option<()> {
        let units = match operation {
            0x01 => {
                self.location = self.program.pointer(self.common.encoding)?;
                return Some(());
            }
            0x02 => self.program.u8()?.into(),
            0x03 => self.program.u16()?.into(),
            0x04 => self.program.u32()?.into(),
            _ => u64::from(operation & 0x3f),
        };
        self.location = self.location.checked_add(units.checked_mul(self.common.code_unit)? as usize)?;
        Some(())
    }

    fn define_cfa(&mut self, operation: u8) -> Option<()> {
        match operation {
            0x0c => {
                self.row.base = Some(self.program.uleb()?);
                self.row.offset = self.program.uleb()?.cast_signed();
            }
            0x0d => self.row.base = Some(self.program.uleb()?),
            0x0e => self.row.offset = self.program.uleb()?.cast_signed(),
            0x12 => {
                self.row.base = Some(self.program.uleb()?);
                self.row.offset = self.signed_offset()?;
            }
            0x13 => self.row.offset = self.signed_offset()?,
            _ => {
                self.program.block()?;
                self.row.base = None;
            }
        }
        Some(())
    }

    /// Executes what says where one register is kept.
    fn keep(&mut self, operation: u8) -> Option<()> {
        let register = match operation {
            0x80..=0xff => u64::from(operation & 0x3f),
            _ => self.program.uleb()?,
        };
        let kept = match operation {
            0x80..=0xbf | 0x05 => Kept::At(self.offset()?),
            0x11 => Kept::At(self.signed_offset()?),
            0x2f => Kept::At(self.offset()?.wrapping_neg()),
            0xc0..=0xff | 0x06 => self.initial_of(register),
            0x07 => Kept::Nowhere,
            0x08 => Kept::Same,
            0x09 | 0x14 | 0x15 => self.program.uleb().map(|_| Kept::Otherwise)?,
            0x10 | 0x16 => self.program.block().map(|_| Kept::Otherwise)?,
            _ => return None,
        };
        if let Some(place) = Self::column(&mut self.row, self.registers, register) {
            *place = kept;
        }
        Some(())
    }

    fn initial_of(&mut self, register: u64) -> Kept {
        Self::column(&mut self.initial, self.registers, register).map_or(Kept::Same, |kept| *kept)
    }

    fn column(row: &mut Row, registers: Registers, register: u64) -> Option<&mut Kept> {
        match register {
            _ if register == registers.sp => Some(&mut row.sp),
            _ if register == registers.fp => Some(&mut row.fp),
            _ if register == registers.ra => Some(&mut row.ra),
            _ => None,
        }
    }

    fn offset(&mut self) -> Option<i64> {
        self.program.uleb()?.cast_signed().checked_mul(self.common.data_unit)
    }

    fn signed_offset(&mut self) -> Option<i64> {
        self.program.sleb()?.checked_mul(self.common.data_unit)
    }
}

#[cfg(test)]
mod tests {
    use super::{bracket, guess};

    #[test]
    fn bracket_around_any_guess_has_the_change() {
        for count in 1..50 {
            for (change, guess) in (0..=count).flat_map(|change| (0..count).map(move |guess| (change, guess))) {
                let part = bracket(guess, count, |at| at < change);
                let before = part.clone().filter(|at| *at < change).count();
                assert_eq!(part.start + before, change, "{part:?} of {count}, guessed {guess}");
            }
        }
    }

    #[test]
    fn guess_is_exact_for_even_addresses_and_never_outside() {
        assert_eq!(guess(10, 1000..1090, 1000 + 50), 5);
        assert_eq!((guess(10, 1000..1090, 7), guess(10, 1000..1090, usize::MAX), guess(1, 7..7, 9)), (0, 9, 0));
    }
}
