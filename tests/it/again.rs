//! This binary once more, for tests that need a process of their own.

use std::process::Command;

/// Returns the command that runs a test of this binary, and nothing else of it. A gate that runs the suite hears nothing of it: what the
/// test finds is there by intent.
pub(crate) fn again(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a running program has a path"));
    command.args(["--exact", test, "--include-ignored", "--nocapture"]);
    command.env_remove("LIGHTSOUT_REPORT_DIR").env_remove("LIGHTSOUT_RECORD_DIR");
    command
}
