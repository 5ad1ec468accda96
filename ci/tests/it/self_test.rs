//! The gate sees what is planted, with the real library.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::project::Gate;

#[test]
fn everything_that_is_planted_is_seen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lightsout"));
    let output = command.arg("self-test").current_dir(root).stdin(Stdio::null()).output().expect("the tool");
    let seen = [
        "clean         seen: nothing",
        "double_close  seen: double-close",
        "hang          seen: hang",
        "leak          seen: leaked-task",
        "lost_work     seen: lost-work",
        "open_channel  seen: open-channel",
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        "unaware_leak  seen: leaked-task",
    ];
    Gate::from(output).check(0, &seen);
}
