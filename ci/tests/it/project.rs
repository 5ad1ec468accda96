//! Throw-away projects, and what the gate says of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// A package in a folder of its own.
pub(crate) struct Project {
    dir: tempfile::TempDir,
}

/// What a gate did.
pub(crate) struct Gate {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// How cargo builds throw-away projects: without a network, and alike, so that those in a shared target folder share what they are built on.
pub(crate) const SETTINGS: [(&str, &str); 4] = [
    ("CARGO_NET_OFFLINE", "true"),
    ("CARGO_INCREMENTAL", "0"),
    ("CARGO_PROFILE_DEV_DEBUG", "line-tables-only"),
    ("RUST_BACKTRACE", "0"),
];

/// What projects with dependencies have in common: with equal features of it, what they are built on is built once.
pub(crate) const TOKIO: &str = "tokio = { version = \"1\", features = [\"full\", \"test-util\"] }";

/// Returns the target folder of projects with dependencies. Each of them has a name of its own.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects")
}

/// Every file of tests begins with this: what writes a report, and what waits until one is written.
const PRELUDE: &str = r#"
#[allow(dead_code)]
fn folder() -> std::path::PathBuf {
    std::env::var_os("LIGHTSOUT_REPORT_DIR").expect("the gate sets LIGHTSOUT_REPORT_DIR").into()
}

#[allow(dead_code)]
fn write(name: &str, text: &str) {
    let temporary = folder().join(format!(".{name}.{}.tmp", std::process::id()));
    std::fs::write(&temporary, text).unwrap();
    std::fs::rename(temporary, folder().join(name)).unwrap();
}

#[allow(dead_code)]
fn wait_for(name: &str) {
    while !folder().join(name).exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
"#;

impl Project {
    /// A package `shop` with these unit tests.
    pub(crate) fn new(tests: &[String]) -> Self {
        let project = Self::empty();
        project.write(
            "Cargo.toml",
            "[package]\nname = \"shop\"\nedition = \"2021\"\n[lib]\ndoctest = false\n[workspace]\n",
        );
        project.tests("src/lib.rs", tests)
    }

    /// A folder without anything in it.
    pub(crate) fn empty() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Adds a file of tests.
    pub(crate) fn tests(self, path: &str, tests: &[String]) -> Self {
        self.write(path, &(PRELUDE.to_owned() + &tests.concat()));
        self
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the folders of all runs, the oldest first.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join("target/lightsout/reports")).expect("a folder of reports");
        let mut runs: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        runs.sort();
        runs
    }

    /// Returns the gate, ready to start: `--lib` and its like stand in `line` after `--`.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = self.lightsout("gate");
        command.args(line.split_whitespace());
        command
    }

    /// Returns the tool with a command of its own, ready to start.
    pub(crate) fn lightsout(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lightsout"));
        command.args(line.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        let ours = |name: &str| {
            let fixed = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTDOCFLAGS", "RUST_TEST_THREADS", "CLICOLOR_FORCE"];
            let prefixes =
                ["LIGHTSOUT_", "GITHUB_", "NEXTEST_", "CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_TERM_"];
            fixed.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
            command.env_remove(name);
        }
        command.envs(SETTINGS);
        command
    }

    /// Runs the gate.
    pub(crate) fn gate(&self, line: &str) -> Gate {
        self.command(line).output().expect("a gate that starts").into()
    }
}

impl From<Output> for Gate {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Gate {
    /// Asserts how it ended, and that it said each of these.
    #[track_caller]
    pub(crate) fn check(self, code: i32, sentences: &[&str]) -> Self {
        let Self { stdout, stderr, .. } = &self;
        let all = format!("{stdout}\n--- stderr\n{stderr}");
        assert_eq!(self.code, Some(code), "{all}");
        for sentence in sentences {
            assert!(all.contains(sentence), "not said: {sentence}\n--- stdout\n{all}");
        }
        self
    }

    /// Asserts all of what it printed on stdout, without what varies.
    #[track_caller]
    pub(crate) fn snapshot(&self, name: &str) {
        let filters = [
            (r"log: \S+cargo-test.log", "log: [log]"),
            (r"' (\(\d+\) )?panicked at src/lib.rs:\d+:\d+", "' panicked at [place]"),
            // Said only by the first test of a process that panics.
            (r"\n  note: run with `RUST_BACKTRACE=1`.*", ""),
        ];
        insta::with_settings!({ filters => filters, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, self.stdout);
        });
    }
}

/// A test that writes this text as its report, and then does something.
pub(crate) fn test_with(name: &str, report: &str, then: &str) -> String {
    format!("#[test] fn {name}() {{ write(\"{name}.json\", r##\"{report}\"##); {then} }}\n")
}

/// A checked test that is clean.
pub(crate) fn clean(name: &str) -> String {
    test_with(name, &report(name, "passed", &[]).to_string(), "")
}

/// Says that something cannot be tested here, also where the output of tests is captured.
pub(crate) fn skipped(reason: &str) {
    use std::io::Write;
    // Nobody is left to tell when there is no terminal.
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A checked test that leaks a task, and fails as such a test does.
pub(crate) fn leaking(name: &str) -> String {
    let report = report(name, "passed", &[finding(name, "leaked-task", "a task is alive after the test")]);
    test_with(name, &report.to_string(), "panic!(\"1 finding\")")
}

/// A test that nobody checks.
pub(crate) fn plain(name: &str, body: &str) -> String {
    format!("#[test] fn {name}() {{ {body} }}\n")
}

/// A report as a checked test writes it.
pub(crate) fn report(test: &str, how: &str, findings: &[Value]) -> Value {
    let ending = if how == "panicked" { json!({ "how": how, "message": "oh" }) } else { json!({ "how": how }) };
    json!({
        "version": 1, "test": test, "package": "shop", "ending": ending, "findings": findings, "enforced": "by-attribute", "allowed": [],
        "coverage": { "runs": 1, "tasks": 3, "exact": true, "unseen": [] },
        "again": format!("cargo test --package shop {test} -- --exact"), "micros": 12_345,
    })
}

/// A finding as a checked test writes it.
pub(crate) fn finding(test: &str, kind: &str, summary: &str) -> Value {
    json!({
        "kind": kind, "test": test, "summary": summary, "count": 1,
        "sites": [{ "file": "src/server.rs", "line": 12, "column": 5 }],
        "evidence": [{ "about": "age", "seen": "512 ms" }], "next": "await its `JoinHandle`, or abort it",
    })
}
