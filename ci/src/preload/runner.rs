//! What the usher becomes that cargo runs in place of each test binary: it looks at the binary, and becomes it, with the recorder preloaded
//! where that can be. It leaves a [`pass`] for the next time.
#![cfg_attr(not(unix), expect(dead_code, reason = "there are no records"))]

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Command;

use lightsout::records;

use crate::preload::LIBRARY_PATH;
use crate::preload::note::{Note, Way};
use crate::preload::pass;
use crate::suite::RECORD_DIR;

/// The first word of a command line that means this.
pub(crate) const MARK: &str = "--run-test";

/// Tells the recorder which program is meant.
const PROGRAM: &str = "LIGHTSOUT_PROGRAM";
const PRELOAD: &str = "LD_PRELOAD";
/// Tells the recorder where the list of the program's vtables is.
const VTABLES: &str = "LIGHTSOUT_VTABLES";
/// Makes the recorder tell what it takes.
pub(crate) const TIMED: &str = "LIGHTSOUT_TIMED";

/// What cargo asks for: the words of the runner that there was, the test binary, and its arguments.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    command: Vec<OsString>,
    /// Where among them the test binary is.
    program: usize,
}

impl Asked {
    /// Reads `--run-test 2 sudo -E target/debug/deps/it-0123 --exact stops`; `None` where something else is meant.
    fn read(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.skip(1);
        arguments.next().filter(|word| word == MARK)?;
        let program = arguments.next()?.to_str()?.parse().ok()?;
        let command: Vec<OsString> = arguments.collect();
        (command.len() > program).then_some(Self { command, program })
    }

    fn program(&self) -> &Path {
        self.command[self.program].as_ref()
    }

    /// Returns whether tests are run, and not only listed, and whether they are those of a test binary.
    fn runs_tests(&self) -> bool {
        let is_listed = self.command[self.program + 1..].iter().any(|word| word == "--list");
        let name =
            |path: Option<&Path>| path.and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let is_documentation = name(Some(self.program())).starts_with("rust_out")
            || name(self.program().parent()).starts_with("rustdoctest");
        !is_listed && !is_documentation
    }
}

/// Becomes the test binary if cargo asks for one; returns only if it does not, or if that failed.
pub(crate) fn become_asked() -> Option<std::io::Error> {
    let asked = Asked::read(std::env::args_os())?;
    let mut command = Command::new(&asked.command[0]);
    command.args(&asked.command[1..]).env_remove(LIBRARY_PATH);
    if asked.runs_tests() {
        preload(&mut command, &asked);
    }
    Some(replace(&mut command))
}

#[cfg(unix)]
fn replace(command: &mut Command) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    command.exec()
}

#[cfg(not(unix))]
fn replace(_: &mut Command) -> std::io::Error {
    std::io::Error::other("test binaries are not run through the gate here")
}

/// A binary of which nothing can be said runs as ever; that it left no note is what the gate tells.
fn preload(command: &mut Command, asked: &Asked) {
    let (Some(library), Some(folder)) = (std::env::var_os(LIBRARY_PATH), std::env::var_os(RECORD_DIR)) else { return };
    let Ok(program) = fs::canonicalize(asked.program()) else { return };
    let note = Note { way: way(&program), program };
    if note.leave(folder.as_ref()).is_err() {
        return;
    }
    let library = Path::new(&library);
    let set = settings(note.way, &note.program, library, &library.with_file_name("vtables"));
    command.envs(set.iter().map(|(name, value)| (name, value)));
    if asked.program == 0 && !set.is_empty() {
        // Without one the binary is looked at again.
        let _ = pass::leave(&library.with_file_name("passes"), &note, &set);
    }
}

/// A variable of the environment, and what it is set to.
pub(crate) type Setting = (&'static OsStr, OsString);

/// Returns what is to be set so that the recorder in a program does its work: the library, which is preloaded where that is the way, and where
/// the vtables of tasks are, as a list in this folder. Without the list it tells less, and nothing that is wrong.
pub(crate) fn settings(way: Way, program: &Path, library: &Path, lists: &Path) -> Vec<Setting> {
    let mut set: Vec<Setting> = Vec::new();
    if way == Way::Preloaded {
        set.push((PRELOAD.as_ref(), with_others(library.as_os_str())));
        set.push((PROGRAM.as_ref(), program.into()));
    }
    if [Way::Preloaded, Way::Linked].contains(&way) {
        set.extend(records::list_vtables(program, lists).map(|list| (VTABLES.as_ref(), list.into())));
    }
    set
}

/// The library goes before what is preloaded already.
fn with_others(library: &OsStr) -> OsString {
    let mut all = library.to_owned();
    if let Some(others) = std::env::var_os(PRELOAD).filter(|others| !others.is_empty()) {
        all.push(":");
        all.push(others);
    }
    all
}

/// Returns how a program can be looked at.
pub(crate) fn way(program: &Path) -> Way {
    if records::links(program) {
        return Way::Linked;
    }
    match records::loader(program) {
        None => Way::Static,
        Some(loader) if !is_ours(&loader) => Way::Foreign,
        Some(_) if is_privileged(program) => Way::Privileged,
        Some(_) => Way::Preloaded,
    }
}

/// Returns whether this is the loader of the C library and processor that the recorder is for.
fn is_ours(loader: &Path) -> bool {
    let name = if cfg!(target_arch = "x86_64") { "ld-linux-x86-64.so.2" } else { "ld-linux-aarch64.so.1" };
    loader.file_name() == Some(name.as_ref())
}

#[cfg(unix)]
fn is_privileged(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const AS_OTHERS: u32 = 0o6000;
    fs::metadata(program).is_ok_and(|it| it.permissions().mode() & AS_OTHERS != 0)
}

#[cfg(not(unix))]
fn is_privileged(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::Asked;
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    use super::{Way, way};

    fn asked(line: &str) -> Option<Asked> {
        Asked::read(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn runner_that_there_was_goes_before_the_binary() {
        let asked = asked("us --run-test 2 sudo -E deps/it-01 stops").expect("what cargo says");
        assert_eq!((asked.program(), asked.runs_tests()), ("deps/it-01".as_ref(), true));
        assert_eq!(asked.command.len(), 4);
    }

    #[test]
    fn lists_and_documentation_are_run_as_ever() {
        for line in ["us --run-test 0 deps/it-01 --list", "us --run-test 0 /tmp/rustdoctestAb/rust_out"] {
            assert!(!asked(line).expect("what cargo says").runs_tests(), "{line}");
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn only_what_the_loader_lets_us_into_is_preloaded() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shell = folder.path().join("shell");
        fs::copy("/bin/sh", &shell).expect("a copy of the shell");
        assert_eq!(way(&shell), Way::Preloaded);
        fs::set_permissions(&shell, fs::Permissions::from_mode(0o4755)).expect("permissions");
        assert_eq!(way(&shell), Way::Privileged);
        assert_eq!(way(&std::env::current_exe().expect("this program")), Way::Linked);
        fs::write(&shell, "no program").expect("a file");
        assert_eq!(way(&shell), Way::Static);
    }

    /// Puts another loader's name into a program, and another processor into its header.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn foreign(program: &[u8], loader: &[u8], processor: u8) -> Vec<u8> {
        let mut bytes = program.to_vec();
        let at = bytes.windows(4).position(|part| part == b"/lib").expect("a loader");
        let len = bytes[at..].iter().position(|byte| *byte == 0).expect("its end");
        bytes[at..at + len].fill(0);
        bytes[at..at + loader.len()].copy_from_slice(loader);
        bytes[18] = processor;
        bytes
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn binary_for_another_processor_or_library_is_foreign() {
        const AARCH64: u8 = 183;
        const RISC_V: u8 = 243;
        let other = if cfg!(target_arch = "x86_64") { AARCH64 } else { 62 };
        let own = fs::read("/bin/sh").expect("the shell");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let binary = folder.path().join("binary");
        for (loader, processor) in [
            (&b"/lib/ld-linux-riscv64.so"[..], RISC_V),
            (b"/lib/ld-linux.so.2", other),
            (b"/lib/ld-musl-x86_64.so.1", own[18]),
        ] {
            fs::write(&binary, foreign(&own, loader, processor)).expect("a file");
            assert_eq!(way(&binary), Way::Foreign, "{}", String::from_utf8_lossy(loader));
        }
        fs::write(&binary, foreign(&own, b"/lib/ld-2.so", own[18])).expect("a file");
        assert_eq!(way(&binary), Way::Foreign);
    }

    #[test]
    fn other_command_lines_are_not_ours() {
        assert_eq!(asked("us lightsout gate --run-test 0 a"), None);
        assert_eq!(asked("us --run-test 1 a"), None);
    }
}
