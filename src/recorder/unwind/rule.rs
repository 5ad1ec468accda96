//! What is needed of a frame to come to its caller, in few enough bits to share a word with the code address that it
//! is for.
//!
//! Both forms are compiled into the tests, on either machine.

use super::cfi::{Kept, Row};

#[cfg(target_arch = "aarch64")]
pub(super) use aarch64::{PC_SHIFT, REGISTERS, RULE_BITS, pack, unpack};
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::{PC_SHIFT, REGISTERS, RULE_BITS, pack, unpack};

/// A packed [`Shape`], or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule(u32);

/// How a frame looks. Distances are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Whether the CFA is found by the frame pointer, and not by the stack pointer.
    pub(super) by_fp: bool,
    /// From that pointer up to the CFA; 0 where the walk ends.
    pub(super) size: usize,
    /// From the CFA down to the return address.
    pub(super) ra: usize,
    /// From the CFA down to the caller's frame pointer; 0 if it has not been changed.
    pub(super) fp: usize,
}

impl Rule {
    /// The walk ends here: nobody called this function, or it is not known who did.
    pub(super) const END: Self = Self(0);

    pub(super) fn of(row: &Row) -> Self {
        pack(row).map_or(Self::END, Self)
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u32 {
        self.0
    }

    #[inline]
    pub(super) const fn shape(self) -> Shape {
        unpack(self.0)
    }
}

/// Bytes in a word.
const WORD: u32 = 8;

/// Returns how many words a register is kept below the CFA, if that is fewer than `limit`.
fn words_below(kept: Kept, limit: u32) -> Option<u32> {
    match kept {
        Kept::At(offset) => words(offset.checked_neg()?, limit),
        _ => None,
    }
}

/// Returns a length in words if it is a whole number of them, between 0 and `limit`.
fn words(bytes: i64, limit: u32) -> Option<u32> {
    let bytes = u32::try_from(bytes).ok()?;
    let words = bytes / WORD;
    (bytes.is_multiple_of(WORD) && words > 0 && words < limit).then_some(words)
}

/// Returns 0 for the stack pointer and 1 for the frame pointer.
fn base(row: &Row, registers: super::cfi::Registers) -> Option<u32> {
    match row.base? {
        base if base == registers.sp => Some(0),
        base if base == registers.fp => Some(1),
        _ => None,
    }
}

/// ```text
/// 29..7 words from the pointer to the CFA | 6..1 words from the CFA down to the caller's frame pointer, or 0 | 0 by_fp
/// ```
#[cfg(any(target_arch = "x86_64", test))]
pub(super) mod x86_64 {
    use super::super::cfi::{Kept, Registers, Row};
    use super::{Shape, WORD, base, words, words_below};

    pub(in super::super) const REGISTERS: Registers = Registers { sp: 7, fp: 6, ra: 16 };
    pub(in super::super) const RULE_BITS: u32 = 30;
    /// Code may begin at any byte.
    #[cfg(target_arch = "x86_64")]
    pub(in super::super) const PC_SHIFT: u32 = 0;

    /// A call pushes it.
    const RA: Kept = Kept::At(-8);

    pub(in super::super) fn pack(row: &Row) -> Option<u32> {
        if row.ra != RA || row.sp != Kept::Same {
            return None;
        }
        let fp = if row.fp == Kept::Same { 0 } else { words_below(row.fp, 1 << 6)? };
        Some(words(row.offset, 1 << 23)? << 7 | fp << 1 | base(row, REGISTERS)?)
    }

    #[inline]
    pub(in super::super) const fn unpack(rule: u32) -> Shape {
        let size = (rule >> 7) * WORD;
        let fp = (rule >> 1 & 0x3f) * WORD;
        Shape { by_fp: rule & 1 == 1, size: size as usize, ra: WORD as usize, fp: fp as usize }
    }
}

/// ```text
/// 30..16 words from the pointer to the CFA | 15..5 words from the CFA down to the return address
/// 4..1 how many words the frame pointer is kept below that, plus 8; 0 if it has not been changed | 0 by_fp
/// ```
#[cfg(any(target_arch = "aarch64", test))]
pub(super) mod aarch64 {
    use super::super::cfi::{Kept, Registers, Row};
    use super::{Shape, WORD, base, words, words_below};

    pub(in super::super) const REGISTERS: Registers = Registers { sp: 31, fp: 29, ra: 30 };
    pub(in super::super) const RULE_BITS: u32 = 31;
    /// An instruction has four bytes.
    #[cfg(target_arch = "aarch64")]
    pub(in super::super) const PC_SHIFT: u32 = 2;

    /// What is added to the distance of the two slots; they are usually neighbours.
    const BIAS: u32 = 8;

    pub(in super::super) fn pack(row: &Row) -> Option<u32> {
        if row.sp != Kept::Same {
            return None;
        }
        let ra = words_below(row.ra, 1 << 11)?;
        let fp = if row.fp == Kept::Same { 0 } else { distance(words_below(row.fp, 1 << 12)?, ra)? };
        Some(words(row.offset, 1 << 15)? << 16 | ra << 5 | fp << 1 | base(row, REGISTERS)?)
    }

    fn distance(fp: u32, ra: u32) -> Option<u32> {
        let distance = (fp + BIAS).checked_sub(ra)?;
        (1..16).contains(&distance).then_some(distance)
    }

    #[inline]
    pub(in super::super) const fn unpack(rule: u32) -> Shape {
        let ra = rule >> 5 & 0x7ff;
        let distance = rule >> 1 & 0xf;
        let fp = if distance == 0 { 0 } else { (ra + distance).saturating_sub(BIAS) };
        let size = (rule >> 16) * WORD;
        Shape { by_fp: rule & 1 == 1, size: size as usize, ra: (ra * WORD) as usize, fp: (fp * WORD) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cfi::Registers;
    use super::*;

    const X86: Registers = x86_64::REGISTERS;
    const ARM: Registers = aarch64::REGISTERS;

    fn row(base: u64, offset: i64, fp: Kept, ra: Kept) -> Row {
        Row { base: Some(base), offset, sp: Kept::Same, fp, ra }
    }

    #[track_caller]
    fn survives(pack: fn(&Row) -> Option<u32>, unpack: fn(u32) -> Shape, bits: u32, row: Row, shape: Shape) {
        let rule = pack(&row).unwrap();
        assert_eq!(unpack(rule), shape);
        assert_eq!(rule >> bits, 0);
    }

    #[test]
    fn x86_64_frames_survive_packing() {
        let check = |row, shape| survives(x86_64::pack, x86_64::unpack, x86_64::RULE_BITS, row, shape);
        let ra = Kept::At(-8);
        check(row(X86.sp, 64, Kept::Same, ra), Shape { by_fp: false, size: 64, ra: 8, fp: 0 });
        check(row(X86.fp, 16, Kept::At(-16), ra), Shape { by_fp: true, size: 16, ra: 8, fp: 16 });
        let large = (64 << 20) - 8;
        check(row(X86.sp, large, Kept::At(-504), ra), Shape { by_fp: false, size: large as usize, ra: 8, fp: 504 });
    }

    #[test]
    fn aarch64_frames_survive_packing() {
        let check = |row, shape| survives(aarch64::pack, aarch64::unpack, aarch64::RULE_BITS, row, shape);
        check(row(ARM.fp, 16, Kept::At(-16), Kept::At(-8)), Shape { by_fp: true, size: 16, ra: 8, fp: 16 });
        check(row(ARM.sp, 32, Kept::Same, Kept::At(-32)), Shape { by_fp: false, size: 32, ra: 32, fp: 0 });
        check(
            row(ARM.sp, 4096, Kept::At(-4096), Kept::At(-4088)),
            Shape { by_fp: false, size: 4096, ra: 4088, fp: 4096 },
        );
        check(row(ARM.sp, 96, Kept::At(-32), Kept::At(-88)), Shape { by_fp: false, size: 96, ra: 88, fp: 32 });
    }

    #[test]
    fn other_frames_end_the_walk() {
        let ra = Kept::At(-8);
        for row in [
            row(X86.sp, 64 << 20, Kept::Same, ra),
            row(X86.sp, 12, Kept::Same, ra),
            row(X86.sp, -16, Kept::Same, ra),
            row(X86.sp, 16, Kept::At(8), ra),
            row(X86.sp, 16, Kept::At(-512), ra),
            row(X86.sp, 16, Kept::Nowhere, ra),
            row(X86.sp, 16, Kept::Otherwise, ra),
            row(X86.sp, 16, Kept::Same, Kept::At(-16)),
            row(X86.sp, 16, Kept::Same, Kept::Nowhere),
            row(10, 16, Kept::Same, ra),
            Row { base: None, ..row(0, 16, Kept::Same, ra) },
            Row { sp: Kept::At(-24), ..row(X86.sp, 16, Kept::Same, ra) },
        ] {
            assert_eq!(x86_64::pack(&row), None, "{row:?}");
        }
        for row in [
            row(ARM.sp, 0, Kept::Same, Kept::Same),
            row(ARM.sp, 32, Kept::Same, Kept::Nowhere),
            row(ARM.sp, 256 << 10, Kept::Same, ra),
            row(ARM.sp, 32 << 10, Kept::Same, Kept::At(-(32 << 10))),
            row(ARM.sp, 512, Kept::At(-8), Kept::At(-512)),
            row(ARM.sp, 512, Kept::At(-512), Kept::At(-8)),
        ] {
            assert_eq!(aarch64::pack(&row), None, "{row:?}");
        }
    }
}
