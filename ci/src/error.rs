//! Set-up faults: what keeps the gate from doing its work.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::Path;

use crate::cli::Shard;
use crate::words;

/// A set-up fault: what failed, on what, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    /// Verb and noun: `create folder`.
    doing: &'static str,
    /// The thing, as it is printed between backticks.
    thing: String,
    /// One or more lines.
    cause: String,
    /// `None` where the cause says it all.
    hint: Option<Cow<'static, str>>,
}

impl Error {
    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn run_cargo(program: &OsStr, cause: &io::Error) -> Self {
        Self::new("run", program.display(), cause, Some(words::HINT_CARGO))
    }

    pub(crate) fn run_test(cause: &io::Error) -> Self {
        Self::new("run", "test binary", cause, None)
    }

    pub(crate) fn find_folder(cause: &io::Error) -> Self {
        Self::new("find folder", ".", cause, None)
    }

    pub(crate) fn find_workspace(place: &Path, cause: &str) -> Self {
        Self::new("find workspace of", place.display(), cause, Some(words::HINT_WORKSPACE))
    }

    pub(crate) fn read_metadata(cause: &serde_json::Error) -> Self {
        Self::new("read answer of", "cargo metadata", cause, None)
    }

    pub(crate) fn create_folder(path: &Path, cause: &io::Error) -> Self {
        Self::new("create folder", path.display(), cause, Some(words::HINT_FOLDER))
    }

    pub(crate) fn read_folder(path: &Path, cause: &io::Error) -> Self {
        Self::new("read folder", path.display(), cause, None)
    }

    pub(crate) fn write_log(path: &Path, cause: &io::Error) -> Self {
        Self::new("write log", path.display(), cause, None)
    }

    pub(crate) fn read_log(path: &Path, cause: &io::Error) -> Self {
        Self::new("read log", path.display(), cause, None)
    }

    pub(crate) fn read_report(path: &Path, cause: &io::Error) -> Self {
        Self::new("read report", path.display(), cause, None)
    }

    pub(crate) fn parse_report(path: &Path, cause: &lightsout::Error) -> Self {
        Self::new("read report", path.display(), words::parse_report(cause), Some(words::HINT_REPORT))
    }

    pub(crate) fn read_record(path: &Path, cause: &io::Error) -> Self {
        Self::new("read record", path.display(), cause, Some(words::HINT_REPORT))
    }

    pub(crate) fn unfinished_report(path: &Path) -> Self {
        Self::new("read report", path.display(), words::NEVER_FINISHED, Some(words::HINT_REPORT))
    }

    pub(crate) fn quiet_log(path: &Path) -> Self {
        Self::new("read log", path.display(), words::QUIET, Some(words::HINT_QUIET))
    }

    pub(crate) fn write_file(path: &Path, cause: &io::Error) -> Self {
        Self::new("write file", path.display(), cause, None)
    }

    pub(crate) fn find_nextest() -> Self {
        Self::new("run", "cargo nextest", "it is not installed", Some(words::HINT_NEXTEST))
    }

    pub(crate) fn shard_with_filter(filter: &str) -> Self {
        Self::new("take a part of", filter, words::SHARD_WITH_FILTER, Some(words::HINT_SHARD_WITH_FILTER))
    }

    pub(crate) fn list_tests(cause: &str) -> Self {
        Self::new("list", "the tests of the suite", words::without_error(cause), None)
    }

    pub(crate) fn read_run(path: &Path, cause: &io::Error) -> Self {
        Self::new("read run", path.display(), cause, None)
    }

    pub(crate) fn parse_run(path: &Path, cause: &str) -> Self {
        Self::new("read run", path.display(), cause, Some(words::HINT_RUN))
    }

    pub(crate) fn unread_record(folder: &Path, cause: &str) -> Self {
        Self::new("look at the tests of", folder.display(), cause, None)
    }

    pub(crate) fn find_runs(path: &Path) -> Self {
        Self::new("find runs in", path.display(), words::NO_RUNS, Some(words::HINT_RUNS))
    }

    pub(crate) fn shard_twice(shard: Shard, one: &Path, other: &Path) -> Self {
        let cause = words::shard_twice(one, other);
        Self::new("merge part", shard, cause, Some(words::HINT_SHARD_TWICE))
    }

    pub(crate) fn shards_differ(shard: Shard, of: u32) -> Self {
        Self::new("merge part", shard, words::shards_differ(of), None)
    }

    pub(crate) fn shard_missing(shard: Shard) -> Self {
        Self::new("merge part", shard, words::SHARD_MISSING, Some(words::HINT_SHARD_MISSING))
    }

    pub(crate) fn read_config(name: &impl fmt::Display, cause: &impl fmt::Display) -> Self {
        Self::new("read settings", name, cause.to_string().trim_end(), None)
    }

    pub(crate) fn unknown_key(name: &str, key: &str, nearest: Option<&str>) -> Self {
        let hint = nearest.map(|it| words::did_you_mean(it).into());
        Self { hint, ..Self::new("read setting", words::of(key, name), words::UNKNOWN_KEY, None) }
    }

    pub(crate) fn bad_value(name: &str, key: &str, cause: &str, choices: Option<&[&str]>) -> Self {
        let hint = choices.map(|it| words::one_of(it).into());
        Self { hint, ..Self::new("read setting", words::of(key, name), cause, None) }
    }

    pub(crate) fn read_file(path: &Path, cause: &io::Error) -> Self {
        Self::new("read file", path.display(), cause, None)
    }

    pub(crate) fn change_file(path: &Path, cause: &str) -> Self {
        Self::new("change", path.display(), cause.trim_end(), Some(words::HINT_CHANGE))
    }

    pub(crate) fn find_tokio(root: &Path) -> Self {
        Self::new("find a package that uses tokio in", root.display(), words::NO_TOKIO, None)
    }

    pub(crate) fn init(cause: &str) -> Self {
        let cause = words::init(words::without_error(cause));
        Self::new("set up", "the project", cause, Some(words::HINT_INIT))
    }

    pub(crate) fn run_program(program: &OsStr, cause: &io::Error) -> Self {
        Self::new("run", program.display(), cause, None)
    }

    pub(crate) fn wait_for_program(cause: &io::Error) -> Self {
        Self::new("wait for", "the program", cause, None)
    }

    pub(crate) fn run_load(load: &str, cause: &io::Error) -> Self {
        Self::new("run load", load, cause, None)
    }

    pub(crate) fn load_failed(load: &str, how: &str) -> Self {
        Self::new("run load", load, words::load_failed(how), Some(words::HINT_LOAD))
    }

    pub(crate) fn signal(signal: &str, cause: &dyn fmt::Display) -> Self {
        Self::new("send", signal, cause, None)
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn ignored(signal: &str) -> Self {
        Self::new("send", signal, words::IGNORED, Some(words::HINT_IGNORED))
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn adopt(cause: &dyn fmt::Display) -> Self {
        Self::new("adopt", "what the program leaves", cause, None)
    }

    pub(crate) fn self_test(said: &str) -> Self {
        Self::new("see what was planted in", "lightsout-self-test", said.trim_end(), Some(words::HINT_SELF_TEST))
    }

    pub(crate) fn unknown_kind(kind: &str, nearest: Option<&str>) -> Self {
        let cause = "there is no such kind of finding";
        Self { hint: Some(words::nearest_kind(nearest).into()), ..Self::new("explain", kind, cause, None) }
    }

    pub(crate) fn read_baseline(path: &Path, cause: &io::Error) -> Self {
        Self::new("read baseline", path.display(), cause, None)
    }

    pub(crate) fn parse_baseline(path: &Path, cause: String, hint: &'static str) -> Self {
        Self::new("read baseline", path.display(), cause, Some(hint))
    }

    pub(crate) fn write_baseline(path: &Path, cause: &io::Error) -> Self {
        Self::new("write baseline", path.display(), cause, None)
    }

    fn new(
        doing: &'static str,
        thing: impl fmt::Display,
        cause: impl fmt::Display,
        hint: Option<&'static str>,
    ) -> Self {
        Self { doing, thing: thing.to_string(), cause: cause.to_string(), hint: hint.map(Cow::Borrowed) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, thing, cause, .. } = self;
        write!(f, "failed to {doing} `{thing}`: {cause}")
    }
}

impl std::error::Error for Error {}
