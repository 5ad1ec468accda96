//! What the gate adds to a suite, and what it takes to merge many reports.
//!
//! ```text
//! cargo bench -p benches --bench gate [-- --quick]
//! ```
//!
//! The suite is a throw-away package of 1,000 checked tests, each of which spawns a task and joins it; they share one body. It is built once, without
//! optimisation, as tests are; the runner and the gate take turns. The gate is optimised, as an installed one is, and knows the names of
//! the build from its first turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use benches::{Bar, budget, cargo, child, column, head, line, millis, part, ratios, root, rounds};
use nix::sys::resource::{UsageWho, getrusage};
use serde_json::json;

const TESTS: usize = 1_000;
const REPORTS: usize = 100_000;

/// The folder that this bench works in.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("gate")
}

/// Builds the gate, and returns where it is.
fn build_gate() -> PathBuf {
    let target = folder().join("tool");
    let target = target.to_str().expect("its path is text");
    cargo(root(), &["build", "--quiet", "--release", "--package", "cargo-lightsout", "--target-dir", target]);
    Path::new(target).join("release/cargo-lightsout")
}

/// Writes the suite, and builds it.
fn build_suite() -> PathBuf {
    let suite = folder().join("suite");
    fs::create_dir_all(suite.join("src")).expect("a folder");
    let manifest = format!(
        "[package]\nname = \"trivial\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n[dev-dependencies]\n\
         lightsout = {{ path = {:?} }}\ntokio = {{ version = \"1\", features = [\"rt\"] }}\n",
        root()
    );
    fs::write(suite.join("Cargo.toml"), manifest).expect("a file");
    fs::copy(root().join("Cargo.lock"), suite.join("Cargo.lock")).expect("a file");
    // One body for all, so that it is compiled once.
    let body = "async fn joins() {\n    tokio::spawn(async {}).await.unwrap();\n}\n";
    let test = |at| {
        format!(
            "#[test]\nfn joins_its_task_{at}() {{\n    lightsout::Check::new(\"joins_its_task_{at}\").run(joins).assert_clean();\n}}\n"
        )
    };
    let text = format!("#![cfg(test)]\n{body}{}", (0..TESTS).map(test).collect::<String>());
    fs::write(suite.join("src/lib.rs"), text).expect("a file");
    cargo(&suite, &["test", "--quiet", "--no-run", "--offline"]);
    suite
}

/// Runs a command to its end, and returns how many milliseconds that took.
fn timed(command: &mut Command) -> f64 {
    let began = Instant::now();
    let output = command.env("RUSTFLAGS", "").stdin(Stdio::null()).output().expect("it can be started");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    millis(began.elapsed())
}

/// Writes what a gate leaves of a suite of so many tests.
fn write_reports(folder: &Path, number: usize) {
    let name = |at: usize| format!("module_{}::test_{at}", at % 100);
    let test = |at| json!({ "name": name(at), "result": "Passed", "attempts": 1 });
    let binary = json!({
        "name": "tests/it.rs", "package": "shop", "file": "it-0123456789abcdef", "tests": (0..number).map(test).collect::<Vec<_>>(),
        "passed": number, "failed": 0, "started": 1, "finished": 1, "complaint": null, "during": null,
    });
    let run = json!({
        "version": 1, "shard": null, "extent": "whole", "build": "",
        "run": { "ran": { "ended": "passed", "log": { "binaries": [binary], "tail": "" } } },
    });
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join("gate.run"), run.to_string()).expect("a file");
    let mut lines = String::new();
    for at in 0..number {
        let report = json!({
            "version": 1, "test": name(at), "package": "shop", "ending": { "how": "passed" }, "findings": [],
            "enforced": "by-attribute", "allowed": [], "coverage": { "runs": 1, "tasks": 3, "exact": true, "unseen": [] },
            "again": "", "micros": 12_345,
        });
        lines += &format!("{}\n", json!({ "version": 1, "of": at, "report": report }));
    }
    fs::write(folder.join("1-0.jsonl"), lines).expect("a file");
}

/// Merges the reports, and prints how many milliseconds that took and how many MB the process held at most.
fn merge(gate: &str, reports: &str) {
    let took = timed(Command::new(gate).args(["merge", reports]).current_dir(reports));
    let most = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system tells").max_rss();
    println!("{took} {}", most as f64 / 1024.0);
}

fn main() {
    if let Some(part) = part() {
        return merge(&part[0], &part[1]);
    }
    let (gate, suite, reports) = (build_gate(), build_suite(), folder().join("reports"));
    let text = |path: &Path| path.to_str().expect("its path is text").to_owned();

    head(&format!("a suite of {TESTS} trivial checked tests, milliseconds"), "cargo test", "ratio");
    let [plain, gated] = rounds(
        budget(Duration::from_secs(60)),
        [&mut || timed(Command::new(env!("CARGO")).args(["test", "--offline"]).current_dir(&suite)), &mut || {
            timed(Command::new(&gate).args(["gate", "--", "--offline"]).current_dir(&suite))
        }],
    );
    line("under the gate", &plain, &gated, &ratios(&gated, &plain), "x", Bar::AtMost(1.10));

    write_reports(&reports, REPORTS);
    let (gate, folder) = (text(&gate), text(&reports));
    let [merged] = rounds(budget(Duration::from_secs(20)), [&mut || child(&[&gate, &folder])]);
    head(&format!("merging {REPORTS} reports"), "", "lightsout");
    let (time, memory) = (column(&merged, 0), column(&merged, 1));
    line("milliseconds", &[], &time, &time, " ms", Bar::AtMost(3_000.0));
    line("memory of the process at most", &[], &memory, &memory, " MB", Bar::AtMost(200.0));
    fs::remove_dir_all(&reports).expect("a folder of ours");
}
