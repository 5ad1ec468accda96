//! The faults that need a signal at the wrong moment: the search finds each in the faulty form, and is through with the fixed one without
//! a finding.
//!
//! These tests have a binary of their own and run one after the other: a signal reaches every listener of the process.
#![cfg(all(unix, tokio_unstable))]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, process};

use lightsout::{Check, Finding, Kind, Report, Signal};
use services::FAULTY;

mod application;
mod group;
mod messaging;
mod sequence;
mod web;

const LOOPBACK: &str = "127.0.0.1:0";
const BOUND: Duration = Duration::from_secs(5);

/// Keeps the other tests of this process waiting.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A search over the moments at which SIGTERM may come so often.
fn search(name: &str, signals: usize) -> Check {
    Check::new(name).signals(vec![Signal::Term; signals])
}

/// Claims that the faulty form has exactly this finding, which tells of a line in this file, and shows under some signal only; and that
/// the fixed form was searched through without one.
#[track_caller]
fn found_unless_fixed(report: &Report, kind: Kind, file: &str) {
    if !FAULTY {
        return searched_through(report);
    }
    let [finding] = report.findings() else { panic!("expected one {kind}, got:\n{report}") };
    assert_eq!(finding.kind(), kind, "{report}");
    assert!(tells_of(finding, &format!("tests/services/src/{file}")), "{report}");
    let plan = finding.plan().expect("it was searched").to_string();
    assert!(plan.starts_with("SIGTERM@"), "{plan}\n{report}");
}

/// Claims that every plan was tried, and none failed.
#[track_caller]
fn searched_through(report: &Report) {
    report.assert_clean();
    let searched = report.coverage().searched().expect("it searched");
    assert!(searched.done() > 1 && searched.done() == searched.total(), "{report}");
}

/// Returns whether a finding is in this file; a hang stands at its test, and names what is alive or waits.
fn tells_of(finding: &Finding, file: &str) -> bool {
    finding.sites().iter().any(|site| site.file == file)
        || finding.evidence().iter().any(|evidence| evidence.seen.contains(file))
}

/// Returns a file of this process that has this text.
fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("search-{name}-{}", process::id()));
    fs::write(&path, text).unwrap();
    path
}
