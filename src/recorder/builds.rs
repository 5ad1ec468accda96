//! Which build each loaded module is: the number that its linker gave it, so that a file that was built anew is not taken for it.
#![expect(unsafe_code, reason = "modules are what the loader says they are, in C structs")]

use std::ffi::{c_int, c_void};

use super::loaded::{Loaded, dl_iterate_phdr};

const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
/// Three words of 4 bytes: how long the owner's name is, how long the note, and what it is.
const NOTE_HEADER: usize = 12;

/// Writes a line for each module, `7f00400 0123abcd`: an address that is inside of it, and the number of its build; returns how long
/// that is. What does not fit is left out. Call it while the process has one thread: the loader is asked.
pub(super) fn write(room: &mut [u8]) -> isize {
    let mut text = Text { room, len: 0 };
    // SAFETY: the function is given what it expects, and the text is there until all is visited.
    unsafe { dl_iterate_phdr(visit, (&raw mut text).cast()) };
    isize::try_from(text.len).unwrap_or_default()
}

struct Text<'a> {
    room: &'a mut [u8],
    len: usize,
}

impl Text<'_> {
    fn line(&mut self, address: usize, build: &[u8]) -> Option<()> {
        let start = self.len;
        let is_written = self.hex(&address.to_be_bytes()).and_then(|()| self.push(b' ')).and_then(|()| self.hex(build));
        if is_written.and_then(|()| self.push(b'\n')).is_none() {
            self.len = start;
        }
        is_written
    }

    fn hex(&mut self, bytes: &[u8]) -> Option<()> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        nibbles.try_for_each(|nibble| self.push(DIGITS[usize::from(nibble)]))
    }

    fn push(&mut self, byte: u8) -> Option<()> {
        *self.room.get_mut(self.len)? = byte;
        self.len += 1;
        Some(())
    }
}

unsafe extern "C" fn visit(loaded: *mut Loaded, _: usize, text: *mut c_void) -> c_int {
    // SAFETY: the loader describes a module that stays while it is visited, and `write` gave the text.
    let (loaded, text) = unsafe { (&*loaded, &mut *text.cast::<Text<'_>>()) };
    // SAFETY: so many segments stand there, if there are any.
    let segments = unsafe { std::slice::from_raw_parts(loaded.segments, loaded.segment_count.into()) };
    for note in segments.iter().filter(|segment| segment.kind == PT_NOTE) {
        let address = loaded.base + note.address;
        // SAFETY: notes are loaded, and read-only.
        let notes = unsafe { std::slice::from_raw_parts(address as *const u8, note.size) };
        if let Some(build) = build_in(notes) {
            text.line(address, build);
            break;
        }
    }
    0
}

/// Returns the number of a build among notes that stand one after the other.
fn build_in(mut notes: &[u8]) -> Option<&[u8]> {
    while notes.len() >= NOTE_HEADER {
        let word = |at: usize| Some(u32::from_ne_bytes(notes.get(at..at + 4)?.try_into().ok()?) as usize);
        let (name_len, len, kind) = (word(0)?, word(4)?, word(8)?);
        let start = NOTE_HEADER + name_len.next_multiple_of(4);
        let is_build = kind == NT_GNU_BUILD_ID as usize && notes.get(NOTE_HEADER..NOTE_HEADER + 4)? == b"GNU\0";
        if is_build {
            return notes.get(start..start + len);
        }
        notes = notes.get(start + len.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Text, build_in, write};

    #[test]
    fn build_is_found_behind_other_notes() {
        let note = |name: &[u8; 4], kind: u32, text: &[u8]| {
            let words = [4, text.len() as u32, kind].map(u32::to_ne_bytes).concat();
            [&words[..], name, text].concat()
        };
        let notes = [note(b"GNU\0", 5, &[0; 16]), note(b"GNU\0", 3, &[0xab, 0xcd, 1, 2])].concat();
        assert_eq!(build_in(&notes), Some(&[0xab, 0xcd, 1, 2][..]));
        assert_eq!(build_in(&notes[..30]), None);
        assert_eq!(build_in(&note(b"Xen\0", 3, &[1; 4])), None);
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut room = [b'-'; 24];
        let mut text = Text { room: &mut room, len: 0 };
        assert_eq!(text.line(0x12, &[1, 2]), Some(()));
        assert_eq!(text.line(0x34, &[1, 2]), None);
        assert_eq!(text.len, 22);
        assert_eq!(room[..22], *b"0000000000000012 0102\n");
    }

    #[cfg(all(not(miri), target_env = "gnu"))]
    #[test]
    fn modules_of_this_process_have_lines() {
        let mut room = vec![0; 60_000];
        let len = usize::try_from(write(&mut room)).expect("a length");
        let text = std::str::from_utf8(&room[..len]).expect("text");
        let is_line = |line: &str| line.split_once(' ').is_some_and(|(at, id)| at.len() == 16 && id.len() >= 16);
        assert!(text.lines().count() > 0 && text.lines().all(is_line), "{text}");
    }
}
