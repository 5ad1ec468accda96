//! Which file lies where in a process: text as `/proc/self/maps` has it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A part of a process that comes from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<usize>,
    pub(crate) is_readable: bool,
    pub(crate) is_code: bool,
    /// Where in the file it begins.
    offset: u64,
    file: PathBuf,
}

/// The files of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Maps(Vec<Mapping>);

impl Maps {
    /// Reads those of this process; `None` where the system does not tell.
    pub(crate) fn of_this_process() -> Option<Self> {
        Some(Self::parse(&fs::read_to_string("/proc/self/maps").ok()?))
    }

    /// Reads lines such as `7f00-7f10 r-xp 00002000 fd:00 1234   /usr/lib/libc.so.6`, and leaves out those that are of no file.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().filter_map(mapping).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mapping> {
        self.0.iter()
    }

    /// Returns the file that an address is in, and where in it.
    pub(crate) fn locate(&self, address: usize) -> Option<(&Path, u64)> {
        let found = self.0.iter().find(|mapping| mapping.addresses.contains(&address))?;
        Some((&found.file, found.offset + (address - found.addresses.start) as u64))
    }
}

fn mapping(line: &str) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let (field, behind) = rest.trim_start().split_once(' ')?;
        rest = behind;
        Some(field)
    };
    let (range, rights, offset) = (field()?, field()?, field()?);
    let (_device, _inode) = (field()?, field()?);
    // A file that was replaced goes on being mapped.
    let file = rest.trim_start();
    let file = file.strip_suffix(" (deleted)").unwrap_or(file);
    let (start, end) = range.split_once('-')?;
    let number = |digits| usize::from_str_radix(digits, 16).ok();
    file.starts_with('/').then_some(Mapping {
        addresses: number(start)?..number(end)?,
        is_readable: rights.starts_with('r'),
        is_code: rights.contains('x'),
        offset: u64::from_str_radix(offset, 16).ok()?,
        file: file.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
        5500-5600 r--p 00000000 fd:00 17   /home/a b/deps/it-1234\n\
        5600-5800 r-xp 00000100 fd:00 17   /home/a b/deps/it-1234\n\
        5800-5900 rw-p 00000000 00:00 0 \n\
        5900-5a00 rw-p 00000000 00:00 0    [heap]\n";

    #[test]
    fn addresses_are_located_in_files_whose_names_have_spaces() {
        let maps = Maps::parse(TEXT);
        assert_eq!(maps.locate(0x5601), Some((Path::new("/home/a b/deps/it-1234"), 0x101)));
        assert_eq!(maps.iter().map(|mapping| mapping.is_code).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn file_that_was_replaced_keeps_its_name() {
        let maps = Maps::parse("5500-5600 r-xp 00000000 fd:00 17   /deps/it-1234 (deleted)\n");
        assert_eq!(maps.locate(0x5500), Some((Path::new("/deps/it-1234"), 0)));
    }

    #[test]
    fn memory_of_no_file_is_nowhere() {
        assert_eq!(Maps::parse(TEXT).locate(0x5901), None);
    }
}
