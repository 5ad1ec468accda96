//! What can go wrong for reasons of the user's program or machine.

use std::fmt;
use std::io;
use std::path::Path;

use crate::disturb::plan::Plan;
use crate::disturb::signal::Signal;
use crate::report::words;

/// Why a check could not be made, or a report not be read or written. Never a finding: a finding is a result.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug)]
enum ErrorKind {
    Environment { name: &'static str, value: String, accepted: &'static str },
    Signal { name: String },
    Plan { text: String, word: String, why: String },
    Unfit { plan: Plan, signals: Vec<Signal> },
    Regressions { path: String, cause: Box<Error> },
    ReadRegressions { path: String, cause: io::Error },
    WriteRegressions { path: String, cause: io::Error },
    Pattern { pattern: String, cause: glob::PatternError },
    Order { rule: String, cause: String },
    Unsupported { what: String, hint: &'static str },
    StuckInRehearsal { plan: Plan },
    Runtime { cause: io::Error },
    Thread { cause: io::Error },
    Child { cause: io::Error },
    ToldByChild { message: String },
    WriteReport { path: String, cause: io::Error },
    ParseReport { cause: serde_json::Error },
    NewerReport { version: u64 },
}

impl Error {
    pub(crate) fn environment(name: &'static str, value: String, accepted: &'static str) -> Self {
        Self { kind: ErrorKind::Environment { name, value, accepted } }
    }

    pub(crate) fn signal(name: &str) -> Self {
        Self { kind: ErrorKind::Signal { name: name.to_owned() } }
    }

    pub(crate) fn plan(text: &str, word: &str, why: String) -> Self {
        Self { kind: ErrorKind::Plan { text: text.to_owned(), word: word.to_owned(), why } }
    }

    pub(crate) fn unfit(plan: &Plan, signals: &[Signal]) -> Self {
        Self { kind: ErrorKind::Unfit { plan: plan.clone(), signals: signals.to_vec() } }
    }

    pub(crate) fn regressions(path: &Path, cause: Self) -> Self {
        Self { kind: ErrorKind::Regressions { path: path.display().to_string(), cause: Box::new(cause) } }
    }

    pub(crate) fn read_regressions(path: &Path, cause: io::Error) -> Self {
        Self { kind: ErrorKind::ReadRegressions { path: path.display().to_string(), cause } }
    }

    pub(crate) fn write_regressions(path: &Path, cause: io::Error) -> Self {
        Self { kind: ErrorKind::WriteRegressions { path: path.display().to_string(), cause } }
    }

    pub(crate) fn pattern(pattern: &str, cause: glob::PatternError) -> Self {
        Self { kind: ErrorKind::Pattern { pattern: pattern.to_owned(), cause } }
    }

    pub(crate) fn order(rule: &str, cause: String) -> Self {
        Self { kind: ErrorKind::Order { rule: rule.to_owned(), cause } }
    }

    pub(crate) fn unsupported(what: impl Into<String>, hint: &'static str) -> Self {
        Self { kind: ErrorKind::Unsupported { what: what.into(), hint } }
    }

    pub(crate) fn stuck_in_rehearsal(plan: &Plan) -> Self {
        Self { kind: ErrorKind::StuckInRehearsal { plan: plan.clone() } }
    }

    pub(crate) fn runtime(cause: io::Error) -> Self {
        Self { kind: ErrorKind::Runtime { cause } }
    }

    pub(crate) fn thread(cause: io::Error) -> Self {
        Self { kind: ErrorKind::Thread { cause } }
    }

    pub(crate) fn child(cause: io::Error) -> Self {
        Self { kind: ErrorKind::Child { cause } }
    }

    pub(crate) fn told_by_child(message: String) -> Self {
        Self { kind: ErrorKind::ToldByChild { message } }
    }

    pub(crate) fn write_report(path: &Path, cause: io::Error) -> Self {
        Self { kind: ErrorKind::WriteReport { path: path.display().to_string(), cause } }
    }

    pub(crate) fn parse_report(cause: serde_json::Error) -> Self {
        Self { kind: ErrorKind::ParseReport { cause } }
    }

    pub(crate) fn newer_report(version: u64) -> Self {
        Self { kind: ErrorKind::NewerReport { version } }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Environment { name, value, accepted } => {
                write!(f, "failed to read the environment variable `{name}`: `{value}` is not {accepted}")
            }
            ErrorKind::Signal { name } => {
                write!(f, "unknown signal `{name}`, accepted: {}", words::signals(&Signal::ALL))
            }
            ErrorKind::Plan { text, word, why } => {
                write!(f, "failed to read the plan `{text}`: `{word}` is no part of one: {why}")
            }
            ErrorKind::Unfit { plan, signals } => write!(
                f,
                "failed to play the plan `{plan}`: its signals are not the first ones of this check, which has {}",
                words::signals(signals)
            ),
            ErrorKind::Regressions { path, cause } => write!(
                f,
                "failed to read the kept plans in `{path}`: {cause}\nhint: take the line out, or write a plan as in `SIGTERM@17`"
            ),
            ErrorKind::ReadRegressions { path, cause } => {
                write!(f, "failed to read the kept plans in `{path}`: {cause}")
            }
            ErrorKind::WriteRegressions { path, cause } => write!(
                f,
                "failed to keep the failing plan in `{path}`: {cause}\nhint: its folder must be one that can be written to"
            ),
            ErrorKind::Pattern { pattern, cause } => write!(f, "failed to read the pattern `{pattern}`: {cause}"),
            ErrorKind::Order { rule, cause } => write!(
                f,
                "failed to read the order `{rule}`: {cause}\nhint: write what ends first at the left, as in `listener < \
                 connections < database`"
            ),
            ErrorKind::Unsupported { what, hint } => write!(f, "failed to set up {what}\nhint: {hint}"),
            ErrorKind::StuckInRehearsal { plan } => write!(
                f,
                "failed to run the plan `{plan}`: code panics where the runtime has no driver for sockets, processes and signals, and \
                 then the body blocks its thread\nhint: keep the driver in every run: `.runtime(Runtime::current_thread().with_io())`",
            ),
            ErrorKind::Runtime { cause } => write!(f, "failed to build the run's runtime: {cause}"),
            ErrorKind::Thread { cause } => write!(f, "failed to start the run's thread: {cause}"),
            ErrorKind::Child { cause } => {
                write!(f, "failed to run the test in a process of its own: {cause}")
            }
            ErrorKind::ToldByChild { message } => f.write_str(message),
            ErrorKind::WriteReport { path, cause } => write!(
                f,
                "failed to write the report `{path}`: {cause}\nhint: `LIGHTSOUT_REPORT_DIR` must name a folder that can be \
                 written to"
            ),
            ErrorKind::ParseReport { cause } => write!(f, "failed to parse the report: {cause}"),
            ErrorKind::NewerReport { version } => write!(
                f,
                "failed to parse the report: its format has version {version}, this lightsout knows {}\nhint: use a \
                 `cargo-lightsout` at least as new as the `lightsout` of the tests",
                crate::FORMAT_VERSION
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Environment { .. }
            | ErrorKind::Order { .. }
            | ErrorKind::Signal { .. }
            | ErrorKind::Plan { .. }
            | ErrorKind::Unfit { .. }
            | ErrorKind::ToldByChild { .. }
            | ErrorKind::Unsupported { .. }
            | ErrorKind::StuckInRehearsal { .. }
            | ErrorKind::NewerReport { .. } => None,
            ErrorKind::Regressions { cause, .. } => Some(cause),
            ErrorKind::Pattern { cause, .. } => Some(cause),
            ErrorKind::Runtime { cause }
            | ErrorKind::Thread { cause }
            | ErrorKind::Child { cause }
            | ErrorKind::ReadRegressions { cause, .. }
            | ErrorKind::WriteRegressions { cause, .. }
            | ErrorKind::WriteReport { cause, .. } => Some(cause),
            ErrorKind::ParseReport { cause } => Some(cause),
        }
    }
}
