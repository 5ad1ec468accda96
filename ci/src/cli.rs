//! What can be asked for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};

use crate::baseline::Extent;
use crate::exit::Exit;
use crate::run::{Sequence, time};
use crate::words;

/// Tests that async tokio programs stop: leaked tasks, blocked threads, lost panics and hangs.
#[derive(Debug, Parser)]
#[command(name = "cargo-lightsout", bin_name = "cargo lightsout", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the test suite, and fails when a test left something alive
    ///
    /// Builds and runs the tests with `cargo test`, reads what every test checked by lightsout found (`#[lightsout::test]`
    /// or `lightsout::Check`), prints it once, and sets the exit code. Ordinary tests are looked at too: tasks that were alive when their
    /// runtime ended are told. On Linux with glibc that needs nothing; elsewhere their crate must link lightsout, if only by
    /// `use lightsout as _;`. A run in which no test was looked at fails, since it would prove nothing.
    #[command(after_help = words::after_help())]
    Gate(Box<Gate>),
    /// Judges several runs of the gate as one: the parts of a suite that ran on different machines
    ///
    /// Each `gate --shard k/n` leaves its reports in a folder. Bring the folders together and name them here: the verdict, the baseline
    /// and every form are then those of the whole suite. A part that is missing is a set-up fault.
    Merge(Box<Merge>),
    /// Explains a kind of finding: what it means, what it comes from, what mends it
    Explain {
        /// `leaked-task` and the like; all of them are listed without one
        kind: Option<String>,
    },
    /// Sets an existing project up: dependency, a line in each test crate, CI workflow
    ///
    /// Shows what it would change, asks, and changes it; everything is put back if cargo does not take it. A second run changes nothing.
    Init(Init),
    /// Starts any program, sends it signals, and judges from outside how it stops
    ///
    /// Waits until it is ready, loads it if asked to, sends the signals, and looks: does it exit in time and with the right code, did it
    /// panic, does it leave children or sockets, do its threads and descriptors grow with every round of load? Linux tells all of that;
    /// elsewhere it is said what was not looked at. With `--census` it also looks at the tasks and channels of a program that uses tokio: as it is,
    /// built with line tables, and with nothing in it that knows of lightsout.
    #[command(after_help = words::after_help_of_run())]
    Run(Box<Run>),
    /// Plants faults in a throw-away project, and makes sure that the gate sees every one
    ///
    /// The project is built in the target folder of the current one, with its flags and its versions: what is seen there is seen here.
    SelfTest {
        /// Takes the package or workspace of this `Cargo.toml` and not that of the current folder
        #[arg(long, value_name = "PATH")]
        manifest_path: Option<PathBuf>,
    },
    /// Prints the completions of a shell
    ///
    /// For bash: `cargo-lightsout completions bash > ~/.local/share/bash-completion/completions/cargo-lightsout`
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// What `gate` was asked for.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Gate {
    /// Tests only this package; may be given more than once
    #[arg(short, long, value_name = "SPEC", help_heading = "Packages")]
    pub(crate) package: Vec<String>,
    /// Tests all packages of the workspace
    #[arg(long, help_heading = "Packages")]
    pub(crate) workspace: bool,
    /// Leaves this package out; goes with `--workspace`; may be given more than once
    #[arg(long, value_name = "SPEC", help_heading = "Packages")]
    pub(crate) exclude: Vec<String>,
    /// Switches on these features, separated by commas; may be given more than once
    #[arg(short = 'F', long, value_name = "FEATURES", help_heading = "Build")]
    pub(crate) features: Vec<String>,
    /// Switches on all features of the packages
    #[arg(long, help_heading = "Build")]
    pub(crate) all_features: bool,
    /// Switches off the default features of the packages
    #[arg(long, help_heading = "Build")]
    pub(crate) no_default_features: bool,
    /// Builds with optimisations
    #[arg(short, long, help_heading = "Build")]
    pub(crate) release: bool,
    /// Takes the package or workspace of this `Cargo.toml` and not that of the current folder
    #[arg(long, value_name = "PATH", help_heading = "Build")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Builds into this folder, and keeps reports and log there
    #[arg(long, value_name = "DIR", help_heading = "Build")]
    pub(crate) target_dir: Option<PathBuf>,
    /// Keeps the reports of each run in a new folder below this one [default: `lightsout/reports` in the target folder]
    #[arg(long, env = "LIGHTSOUT_GATE_REPORT_DIR", value_name = "DIR", help_heading = "Output")]
    pub(crate) report_dir: Option<PathBuf>,
    /// Draws who waits for whom in each test that left tasks: as `.svg` and `.dot` files in this folder; sets `LIGHTSOUT_WAIT_GRAPH`
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) graph: Option<PathBuf>,
    /// What runs the tests [default: cargo]
    #[arg(long, env = "LIGHTSOUT_RUNNER", value_name = "RUNNER", value_enum, help_heading = "Suite")]
    pub(crate) runner: Option<Runner>,
    /// Also looks at the processes that tests start, as far as nothing has to be linked for that
    #[arg(long, help_heading = "Suite")]
    pub(crate) children: bool,
    /// Looks at channels of every kind that ordinary tests leave open, and tells them as notes, or as findings with `--channels=deny`;
    /// without it notes tell of tokio's `mpsc` and some others. Costs each allocation of a test some 30 to 200 ns
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "note",
          help_heading = "Suite")]
    pub(crate) channels: Option<Channels>,
    /// Runs one part of the suite only, told by the tests' names: `--shard 2/3` is the second of three; `merge` judges all of them
    #[arg(long, value_name = "K/N", help_heading = "Suite")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) telling: Telling,
    /// Everything after `--` goes to the runner as it is
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) rest: Vec<OsString>,
}

/// What becomes of a verdict.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Telling {
    /// The findings that are known and do not fail the gate [default: `lightsout-baseline.json` in the folder of the workspace, if it is
    /// there]
    #[arg(long, env = "LIGHTSOUT_BASELINE", value_name = "FILE", help_heading = "Baseline")]
    pub(crate) baseline: Option<PathBuf>,
    /// Takes out of the baseline what is gone; `--update-baseline=all` also takes in what is new
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "shrink",
          help_heading = "Baseline")]
    pub(crate) update_baseline: Option<Update>,
    #[command(flatten)]
    pub(crate) formats: Formats,
    /// When to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = "Output")]
    pub(crate) color: Color,
}

/// What runs the tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runner {
    /// `cargo test`
    #[default]
    Cargo,
    /// `cargo nextest run`
    Nextest,
}

/// What a channel means that an ordinary test leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channels {
    /// It is told, and fails nothing
    Note,
    /// It is a finding
    Deny,
}

/// One of the parts of a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Shard {
    /// Counts from 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) of: u32,
}

impl std::str::FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("it is written like `2/3`: the second of three"),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

/// What `init` was asked for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Init {
    /// Takes the package or workspace of this `Cargo.toml` and not that of the current folder
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest_path: Option<PathBuf>,
    /// Takes lightsout from this checkout and not from crates.io
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Also builds everything with `--cfg tokio_unstable`, which tells how old tasks are and what they await
    #[arg(long)]
    pub(crate) tokio_unstable: bool,
    /// Leaves out the workflow for GitHub Actions
    #[arg(long)]
    pub(crate) no_workflow: bool,
    /// Only shows what would change
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

/// What `run` was asked for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// It is ready when it listens on this port of 127.0.0.1
    #[arg(long, value_name = "PORT", help_heading = "Ready")]
    pub(crate) ready_port: Option<u16>,
    /// It is ready when it has printed this, on stdout or stderr
    #[arg(long, value_name = "TEXT", help_heading = "Ready")]
    pub(crate) ready_line: Option<String>,
    /// It is ready not before this time [default: 1s, unless a port or a line is named]
    #[arg(long, value_name = "TIME", value_parser = time, help_heading = "Ready")]
    pub(crate) ready_after: Option<Duration>,
    /// It must be ready within this time
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s", help_heading = "Ready")]
    pub(crate) ready_within: Duration,
    /// Signals and the gaps between them
    #[arg(long, value_name = "SEQUENCE", default_value = "TERM", help_heading = "End")]
    pub(crate) signals: Sequence,
    /// It must exit within this time after the last signal
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "10s", help_heading = "End")]
    pub(crate) exit_within: Duration,
    /// The exit code that it should end with; may be given more than once
    #[arg(long, value_name = "CODE", default_value = "0", help_heading = "End")]
    pub(crate) exit_code: Vec<i32>,
    /// Runs this shell command once a round, when the program is ready
    #[arg(long, value_name = "COMMAND", help_heading = "Load")]
    pub(crate) load: Option<String>,
    /// How many rounds; growth is judged from three on
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Load")]
    pub(crate) rounds: u32,
    /// Also looks at its tasks, and at its channels of every kind, by place: which grow with every round, and which tasks are alive at its
    /// end. Costs each allocation some 0.1 to 0.5 µs
    #[arg(long, help_heading = "Census")]
    pub(crate) census: bool,
    /// Also looks at the processes that it starts, as far as they are linked like it: a script or a tool that starts the program, too
    #[arg(long, requires = "census", help_heading = "Census")]
    pub(crate) children: bool,
    /// Tasks that were spawned here may be alive at its end: `src/main.rs`, or `src/main.rs:10`; may be given more than once
    #[arg(long, value_name = "PLACE", requires = "census", help_heading = "Census")]
    pub(crate) allow: Vec<String>,
    /// Keeps what the program prints in this file
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Also writes the verdict into this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// The program with its arguments
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    pub(crate) program: Vec<OsString>,
}

/// What `merge` was asked for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Merge {
    /// Folders of reports, as `--report-dir` named them, or folders that such are in
    #[arg(required = true, value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

impl Gate {
    /// Returns how much of the suite is to run; whatever follows `--` may leave tests out.
    pub(crate) fn extent(&self) -> Extent {
        if self.rest.is_empty() { Extent::Whole } else { Extent::Part }
    }

    /// Returns the choice of packages, features and profile as arguments of `cargo test`; what follows `--` is not in it.
    pub(crate) fn cargo_args(&self) -> Vec<OsString> {
        let flags = [
            ("--workspace", self.workspace),
            ("--all-features", self.all_features),
            ("--no-default-features", self.no_default_features),
            ("--release", self.release),
        ];
        let lists =
            [("--package", &self.package), ("--exclude", &self.exclude), ("--features", &self.features)].map(pairs);
        let paths = [("--manifest-path", &self.manifest_path), ("--target-dir", &self.target_dir)];
        let flags = flags.into_iter().filter(|(_, wanted)| *wanted).map(|(flag, _)| OsString::from(flag));
        let paths = paths.into_iter().filter_map(|(flag, path)| Some([flag.into(), path.as_ref()?.into()])).flatten();
        flags.chain(lists.into_iter().flatten()).chain(paths).collect()
    }
}

impl Gate {
    /// Returns the choice of features and profile as a person types it: what a command needs besides a package and a test's name.
    pub(crate) fn build_words(&self) -> String {
        let packages = Self { package: Vec::new(), workspace: false, exclude: Vec::new(), ..self.clone() };
        let words = packages.cargo_args();
        let words = words.iter().map(|word| word.to_string_lossy());
        let quoted =
            |word: &str| if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() };
        words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
    }
}

fn pairs((flag, values): (&str, &Vec<String>)) -> Vec<OsString> {
    values.iter().flat_map(|value| [flag.into(), value.into()]).collect()
}

/// The forms in which a verdict is told beside the terminal's. A file is not there when the gate ends with a set-up fault before the
/// suite ran.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Formats {
    /// Also writes everything that was found into this file, as JSON
    #[arg(long, env = "LIGHTSOUT_JSON", value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Also writes JUnit's XML, for the test viewers of CI systems
    #[arg(long, env = "LIGHTSOUT_JUNIT", value_name = "FILE", help_heading = "Output")]
    pub(crate) junit: Option<PathBuf>,
    /// Also writes SARIF 2.1.0, for code scanning and editors
    #[arg(long, env = "LIGHTSOUT_SARIF", value_name = "FILE", help_heading = "Output")]
    pub(crate) sarif: Option<PathBuf>,
    /// Also writes Markdown, for a comment or a summary
    #[arg(long, env = "LIGHTSOUT_MARKDOWN", value_name = "FILE", help_heading = "Output")]
    pub(crate) markdown: Option<PathBuf>,
    /// Also writes a page for a browser, one file that needs no other
    #[arg(long, env = "LIGHTSOUT_HTML", value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,
    /// Prints annotations for GitHub Actions, and adds to the summary of its job; `auto` looks at `GITHUB_ACTIONS` [default: auto]
    #[arg(long, env = "LIGHTSOUT_GITHUB", value_name = "WHEN", value_enum, help_heading = "Output")]
    pub(crate) github: Option<When>,
}

/// When to do something that depends on where the gate runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// Where it is of use.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How the baseline is to be written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Update {
    /// Takes out what is gone.
    Shrink,
    /// Takes out what is gone and takes in what is new.
    All,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` or the like is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Makes it hold for everything that the gate prints.
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }

    /// Returns the name that cargo's `--color` takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// Reads the command line; cargo runs `cargo-lightsout lightsout gate` where a person typed `cargo lightsout gate`.
///
/// # Errors
///
/// Help, version and mistakes are printed here; the error is how to exit.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, Exit> {
    let args = args.into_iter().enumerate().filter(|(at, arg)| !(*at == 1 && arg == "lightsout")).map(|(_, arg)| arg);
    Cli::try_parse_from(args).map_err(|error| {
        // Nobody is left to tell when the terminal is gone.
        let _ = error.print();
        if error.use_stderr() { Exit::SetUp } else { Exit::Clean }
    })
}

/// Returns the completions of a shell, as a script.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cargo-lightsout", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::{Cli, Command, Gate, parse};

    fn gate(line: &str) -> Gate {
        match parse(line.split(' ').map(OsString::from)).expect("a good command line").command {
            Command::Gate(gate) => *gate,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn both_forms_are_understood() {
        for line in ["cargo-lightsout gate -p x", "cargo-lightsout lightsout gate -p x"] {
            assert_eq!(gate(line).package, ["x"], "{line}");
        }
    }

    #[test]
    fn choices_go_on_to_cargo() {
        let line =
            "cargo-lightsout gate -p a -p b --workspace --exclude c -F d,e --release --manifest-path f/Cargo.toml";
        let expected =
            "--workspace --release --package a --package b --exclude c --features d,e --manifest-path f/Cargo.toml";
        assert_eq!(gate(line).cargo_args().join(" ".as_ref()), expected);
    }

    #[test]
    fn second_double_dash_stays() {
        assert_eq!(gate("cargo-lightsout gate -- --test it -- name").rest, ["--test", "it", "--", "name"]);
    }
}
