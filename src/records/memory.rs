//! The memory of a process that runs, read from outside.

use std::fs::File;
use std::io;

use super::WORD;

/// Places that are no further apart are read at once, with what is between them, in bytes.
const GAP: u64 = 4 << 10;
/// So much is read at once, in bytes.
const PIECE: usize = 256 << 10;

/// What can be read of a process for as long as it is the program that it was.
#[derive(Debug)]
pub(super) struct Memory(File);

impl Memory {
    /// Opens the memory of a process.
    pub(super) fn open(process: u64) -> io::Result<Self> {
        File::open(format!("/proc/{process}/mem")).map(Self)
    }

    /// Returns whether the process has ended, or become another program: then there is nothing at this address, where there was something.
    pub(super) fn is_over(&self, at: u64) -> bool {
        matches!(read_at(&self.0, &mut [0], at), Ok(0))
    }

    /// Reads so many words; `None` if they are not there, or the process is not.
    pub(super) fn words<const COUNT: usize>(&self, at: u64) -> Option<[u64; COUNT]> {
        let words = self.many_words(at, COUNT)?;
        words.try_into().ok()
    }

    /// Reads so many words; `None` if they are not all there.
    pub(super) fn many_words(&self, at: u64, count: usize) -> Option<Vec<u64>> {
        let mut bytes = vec![0; count * WORD];
        (self.read(at, &mut bytes) == bytes.len()).then(|| bytes.chunks_exact(WORD).map(word).collect())
    }

    /// Calls `see` with each of these places that is there, and its memory: what is near to one another is read at once. `place` says
    /// where one begins, by which they are sorted, and how many bytes of it are asked for, which are no more than a [`PIECE`].
    pub(super) fn each<T>(&self, sorted: &[T], place: impl Fn(&T) -> (u64, usize), mut see: impl FnMut(&T, &[u8])) {
        let mut piece = vec![0; PIECE];
        let mut rest = sorted;
        while let Some(first) = rest.first() {
            let start = place(first).0;
            let end_of = |it: &T| place(it).0 + place(it).1 as u64;
            let mut end = start;
            let near = rest.iter().take_while(|it| {
                let is_near = place(it).0 <= end + GAP && end_of(it) <= start + PIECE as u64;
                end = if is_near { end.max(end_of(it)) } else { end };
                is_near
            });
            let near = near.count();
            let read = start + self.read(start, &mut piece[..(end - start) as usize]) as u64;
            // Behind a hole it goes on with what begins there; what begins in one is not there.
            let seen = rest[..near].iter().take_while(|it| end_of(it) <= read).count();
            for it in &rest[..seen] {
                let (at, len) = place(it);
                see(it, &piece[(at - start) as usize..][..len]);
            }
            rest = &rest[seen.max(1)..];
        }
    }

    /// Reads from an address on; returns how many bytes there were before a hole.
    fn read(&self, at: u64, into: &mut [u8]) -> usize {
        let mut filled = 0;
        while filled < into.len() {
            match read_at(&self.0, &mut into[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        filled
    }
}

/// Reads a word out of eight bytes.
pub(super) fn word(bytes: &[u8]) -> u64 {
    u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(not(unix))]
fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Memory, PIECE};

    fn own() -> Memory {
        Memory::open(std::process::id().into()).expect("our own memory")
    }

    /// Returns which of these places are seen, with their first bytes.
    fn seen(places: &[(u64, usize)]) -> Vec<(u64, u8)> {
        let mut seen = Vec::new();
        own().each(places, |place| *place, |place, bytes| seen.push((place.0, bytes[0])));
        seen
    }

    #[test]
    fn all_places_are_seen_however_far_apart() {
        let memory: Vec<u8> = (0..3 * PIECE).map(|at| (at / 1_000) as u8).collect();
        let start = memory.as_ptr().addr() as u64;
        for step in [16, 100, 4_000, 5_000, 200_000] {
            let places: Vec<_> = (0..3 * PIECE - 16).step_by(step).collect();
            let asked: Vec<_> = places.iter().map(|at| (start + *at as u64, 16)).collect();
            let expected: Vec<_> = places.iter().map(|at| (start + *at as u64, memory[*at])).collect();
            assert_eq!(seen(&asked), expected, "{step}");
        }
    }

    #[test]
    fn what_is_not_there_hides_nothing_behind_it() {
        let byte = Box::new(77_u64);
        let address = std::ptr::from_ref(&*byte).addr() as u64;
        assert_eq!(seen(&[(16, 8), (4_000, 8), (address, 8), (1 << 56, 8)]), [(address, 77)]);
        assert_eq!(own().words::<1>(16), None);
        assert_eq!(own().words::<1>(address), Some([77]));
    }
}
