//! What whole test suites pay for the recording allocator: lightsout's own, and those of other crates as they are published.
//!
//! ```text
//! cargo bench -p benches --bench suites [-- --quick]
//! ```
//!
//! A crate's sources are copied to the target folder, twice: one copy gets `use lightsout as _;` in each of its test crates, and that
//! is all that differs; both depend on lightsout, so that features of tokio are the same. They are built without optimisation and
//! without flags, as tests are. lightsout's own suite is built with and without its feature `allocator`. Only tests that pass
//! in all contenders are measured; they run on two threads, in turns, and both the time that passes and that of processors is
//! compared, since the first is mostly what tests wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use benches::{Bar, budget, cargo, head, line, millis, ratios, root, rounds};
use serde_json::Value;

const THREADS: &str = "--test-threads=2";
/// Crates whose tests are published, with the features that they need; the bench's own dev-dependencies.
const OTHERS: [(&str, &str); 3] = [("tokio-util", "full"), ("tokio-stream", "full"), ("async-channel", "default")];
/// These run cargo.
const LEFT_OUT: &str = "ui::";
/// Of the system's clock for processor time, in a second.
const TICKS: f64 = 100.0;
/// A turn takes so many milliseconds at least, so that ticks are small against it.
const TURN: f64 = 1000.0;

/// One binary of tests, and the folder that it expects to be in.
#[derive(Clone, Debug)]
struct Tests {
    binary: PathBuf,
    folder: PathBuf,
}

/// Builds the tests of a package; returns them by the names of their binaries.
fn build(folder: &Path, target: &Path, args: &[&str]) -> BTreeMap<String, Tests> {
    let target = target.to_str().expect("its path is text");
    let mut all = vec!["test", "--no-run", "--quiet", "--message-format=json", "--target-dir", target];
    all.extend(args);
    let said = cargo(folder, &all);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = messages.filter_map(|message| {
        let binary = message["executable"].as_str()?.into();
        Some((message["target"]["name"].as_str()?.to_owned(), Tests { binary, folder: folder.to_owned() }))
    });
    tests.collect()
}

/// Who runs them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Environment {
    Plain,
    Gate,
}

impl Tests {
    fn command(&self, environment: Environment, reports: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(THREADS).current_dir(&self.folder).stdin(Stdio::null()).stderr(Stdio::null());
        if environment == Environment::Gate {
            command.env("LIGHTSOUT_REPORT_DIR", reports);
        }
        command
    }

    fn passing(&self, environment: Environment, reports: &Path) -> BTreeSet<String> {
        let output =
            self.command(environment, reports).args(["--skip", LEFT_OUT]).output().expect("tests can be started");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let passed = said.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... ok"));
        passed.map(str::to_owned).collect()
    }
}

/// The same tests without and with the recording allocator.
struct Suite {
    name: &'static str,
    /// For each binary both forms, and the tests that pass in either.
    pairs: Vec<([Tests; 2], BTreeSet<String>)>,
    /// Where reports go.
    reports: PathBuf,
    /// How often it runs in a turn.
    times: usize,
}

/// What a run of a suite took, in milliseconds; the mean of a turn.
#[derive(Clone, Copy, Debug)]
struct Cost {
    passed: f64,
    processors: f64,
}

impl Suite {
    fn new(name: &'static str, off: BTreeMap<String, Tests>, on: &BTreeMap<String, Tests>, reports: PathBuf) -> Self {
        let mut suite = Self { name, pairs: Vec::new(), reports, times: 1 };
        for (binary, off) in off {
            suite.add(off, on[&binary].clone());
        }
        let once = suite.run(0, Environment::Plain).passed;
        suite.times = (TURN / once).ceil() as usize;
        suite
    }

    fn add(&mut self, off: Tests, on: Tests) {
        let plain = off.passing(Environment::Plain, &self.reports);
        let [recorded, gated] = [Environment::Plain, Environment::Gate].map(|it| on.passing(it, &self.reports));
        let everywhere = |test: &&String| recorded.contains(*test) && gated.contains(*test);
        let left_out: Vec<_> = plain.iter().filter(|test| !everywhere(test)).collect();
        if !left_out.is_empty() {
            println!("  {}: fail with the allocator, and are left out: {left_out:?}", self.name);
        }
        let passing: BTreeSet<String> = plain.iter().filter(everywhere).cloned().collect();
        if !passing.is_empty() {
            self.pairs.push(([off, on], passing));
        }
    }

    fn count(&self) -> usize {
        self.pairs.iter().map(|(_, passing)| passing.len()).sum()
    }

    fn run(&self, contender: usize, environment: Environment) -> Cost {
        let (began, before) = (Instant::now(), processors());
        for (forms, passing) in (0..self.times).flat_map(|_| &self.pairs) {
            let mut command = forms[contender].command(environment, &self.reports);
            // One that fails now and then costs as much as one that passes.
            command.arg("--exact").args(passing).stdout(Stdio::null()).status().expect("tests can be started");
        }
        let times = self.times as f64;
        Cost { passed: millis(began.elapsed()) / times, processors: (processors() - before) / times }
    }
}

/// Returns the processor time of children that have ended, in milliseconds; 0 where the system does not tell.
fn processors() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let of_children = after_name.split_whitespace().skip(13).take(2);
    of_children.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * 1e3 / TICKS
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?
        } else {
            fs::copy(entry.path(), target).map(drop)?
        }
    }
    Ok(())
}

/// Copies a published crate, makes it depend on lightsout, and where asked links it into each test crate.
fn unpack(source: &Path, to: &Path, link: bool) -> io::Result<()> {
    let _ = fs::remove_dir_all(to);
    copy(source, to)?;
    fs::copy(root().join("Cargo.lock"), to.join("Cargo.lock"))?;
    let manifest = fs::read_to_string(to.join("Cargo.toml"))?;
    let added = format!(
        "\n[workspace]\n\n[dev-dependencies.lightsout]\npath = {:?}\n\n[profile.dev]\ndebug = \"line-tables-only\"\n",
        root()
    );
    fs::write(to.join("Cargo.toml"), manifest + &added)?;
    for entry in fs::read_dir(to.join("tests"))?.filter(|_| link) {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            fs::write(&path, fs::read_to_string(&path)? + "\nuse lightsout as _;\n")?;
        }
    }
    Ok(())
}

fn metadata() -> Value {
    let said = cargo(root(), &["metadata", "--format-version", "1", "--locked"]);
    serde_json::from_str(&said).expect("cargo writes JSON")
}

fn source_of(name: &str, metadata: &Value) -> PathBuf {
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    let found =
        packages.iter().find(|package| package["name"] == name).unwrap_or_else(|| panic!("no package `{name}`"));
    let manifest = found["manifest_path"].as_str().expect("a package has a manifest");
    Path::new(manifest).parent().expect("a manifest is in a folder").to_owned()
}

fn other(name: &'static str, features: &str, metadata: &Value, folder: &Path) -> Suite {
    let forms = [("off", false), ("on", true)].map(|(form, link)| {
        let copied = folder.join(format!("{name}-{form}"));
        unpack(&source_of(name, metadata), &copied, link).unwrap_or_else(|error| panic!("`{name}` is copied: {error}"));
        build(&copied, &folder.join("target"), &["--tests", "--features", features])
    });
    let [off, on] = forms;
    Suite::new(name, off, &on, folder.join("reports"))
}

fn own(folder: &Path) -> Suite {
    let build = |features: &[&str]| {
        let mut args = vec!["--package", "lightsout", "--test", "it"];
        args.extend(features);
        build(root(), &folder.join("target"), &args)
    };
    Suite::new("lightsout", build(&["--no-default-features"]), &build(&[]), folder.join("reports"))
}

/// A figure of a cost.
type Of = fn(&Cost) -> f64;

fn compare(suite: &Suite, time: Duration) {
    let [off, on, gated] = rounds(
        time,
        [&mut || suite.run(0, Environment::Plain), &mut || suite.run(1, Environment::Plain), &mut || {
            suite.run(1, Environment::Gate)
        }],
    );
    for (what, with) in [("", &on), (", under the gate", &gated)] {
        let parts: [(&str, Of); 2] = [("", |cost| cost.passed), (" of processors", |cost| cost.processors)];
        for (part, of) in parts {
            let [off, with] = [&off, with].map(|costs| costs.iter().map(of).collect::<Vec<_>>());
            let what = format!("{} ({} tests){what}{part}", suite.name, suite.count());
            line(&what, &off, &with, &ratios(&with, &off), "x", Bar::AtMost(1.10));
        }
    }
}

fn main() {
    let metadata = metadata();
    let folder = Path::new(metadata["target_directory"].as_str().expect("there is one")).join("suites");
    fs::create_dir_all(folder.join("reports")).expect("the target folder can be written");
    let time = budget(Duration::from_secs(60));
    head("milliseconds for a test suite", "without", "ratio");
    compare(&own(&folder), time);
    for (name, features) in OTHERS {
        compare(&other(name, features, &metadata, &folder), time);
    }
}
