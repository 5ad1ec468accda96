//! Which module is where, as the loader says, and which build each is: the number that its linker gave it, so that a file that was built
//! anew is not taken for it.
#![expect(unsafe_code, reason = "modules are what the loader says they are, in C structs")]

use std::ffi::CStr;

use super::loaded::{PF_X, PT_LOAD, Segment, each};
use super::text::Text;

const PT_NOTE: u32 = 4;
const PF_R: u32 = 4;
const PAGE: usize = 4096;
const NT_GNU_BUILD_ID: u32 = 3;
/// Three words of 4 bytes: how long the owner's name is, how long the note, and what it is.
const NOTE_HEADER: usize = 12;

/// Writes a line for each module, `7f00400 0123abcd`: an address that is inside of it, and the number of its build. What does not fit is
/// left out. Call it while the process has one thread: the loader is asked.
pub(super) fn write(text: &mut Text<'_>) {
    each(&mut |loaded, segments| {
        for note in segments.iter().filter(|segment| segment.kind == PT_NOTE) {
            let address = loaded.base + note.address;
            // SAFETY: notes are loaded, and read-only.
            let notes = unsafe { std::slice::from_raw_parts(address as *const u8, note.size) };
            if let Some(build) = build_in(notes) {
                text.line(|line| line.hex(&address.to_be_bytes())?.push(b" ")?.hex(build));
                break;
            }
        }
    });
}

/// Writes what `/proc/self/maps` says of modules, for which the kernel takes long: the program itself has this path. Call it while the
/// process has one thread.
pub(super) fn write_maps(text: &mut Text<'_>, program: &[u8]) {
    let mut is_program = true;
    each(&mut |loaded, segments| {
        // SAFETY: the loader has a name for each, which ends with a null byte.
        let name = unsafe { CStr::from_ptr(loaded.name) }.to_bytes();
        let name = if std::mem::take(&mut is_program) { program } else { name };
        for segment in segments.iter().filter(|segment| segment.kind == PT_LOAD) {
            text.line(|line| mapping(line, loaded.base, segment)?.push(b" 00:00 0 ")?.push(name));
        }
    });
}

/// Writes `7f00-7f10 r-xp 00002000`.
fn mapping<'a, 'b>(line: &'a mut Text<'b>, base: usize, segment: &Segment) -> Option<&'a mut Text<'b>> {
    let start = base + segment.address / PAGE * PAGE;
    let end = base + segment.address + segment.size;
    let offset = segment.offset / PAGE * PAGE;
    let has = |flag| segment.flags & flag != 0;
    let rights = [if has(PF_R) { b'r' } else { b'-' }, b'-', if has(PF_X) { b'x' } else { b'-' }, b'p'];
    let line = line.hex(&start.to_be_bytes())?.push(b"-")?.hex(&end.to_be_bytes())?;
    line.push(b" ")?.push(&rights)?.push(b" ")?.hex(&offset.to_be_bytes())
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
    use super::build_in;
    #[cfg(all(not(miri), target_env = "gnu"))]
    use super::{write, write_maps};

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

    #[cfg(all(not(miri), target_env = "gnu"))]
    fn written(write: impl FnOnce(&mut super::Text<'_>)) -> String {
        let mut room = vec![0; 60_000];
        let mut text = super::Text::new(&mut room);
        write(&mut text);
        let len = text.len();
        String::from_utf8(room[..len].to_vec()).expect("text")
    }

    #[cfg(all(not(miri), target_env = "gnu"))]
    #[test]
    fn modules_of_this_process_have_lines() {
        let text = written(write);
        let is_line = |line: &str| line.split_once(' ').is_some_and(|(at, id)| at.len() == 16 && id.len() >= 16);
        assert!(text.lines().count() > 0 && text.lines().all(is_line), "{text}");
    }

    #[cfg(all(not(miri), target_env = "gnu"))]
    #[test]
    fn code_of_the_program_is_where_the_kernel_says() {
        let program = std::env::current_exe().expect("a path");
        let program = program.to_str().expect("UTF-8");
        let text = written(|room| write_maps(room, program.as_bytes()));
        let own = format!("{:016x}", written as fn(fn(&mut super::Text<'_>)) -> String as usize);
        let place = |text: &str| {
            let lines = text.lines().filter(|line| line.ends_with(program) && line.contains("r-xp"));
            let mut code = lines.filter_map(|line| {
                let (range, rest) = line.split_once(' ')?;
                let (start, end) = range.split_once('-')?;
                let number = |digits| u64::from_str_radix(digits, 16).ok();
                let own = number(&own)?;
                let offset = number(rest.split(' ').nth(1)?)?;
                (number(start)?..number(end)?).contains(&own).then(|| own - number(start).unwrap_or(0) + offset)
            });
            code.next().expect("code of this program")
        };
        assert_eq!(place(&text), place(&std::fs::read_to_string("/proc/self/maps").expect("a file")));
    }
}
