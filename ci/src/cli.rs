//! What can be asked for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit::Exit;
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
    /// or `lightsout::Check`), prints it once, and sets the exit code. Ordinary tests are looked at too where their crate links
    /// lightsout, if only by `use lightsout as _;`: tasks that were alive when their runtime ended are told. All other tests run as
    /// ever and are counted. A run in which no test was looked at fails, since it would prove nothing.
    #[command(after_help = words::after_help())]
    Gate(Gate),
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
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) report_dir: Option<PathBuf>,
    /// Also writes everything that was found into this file, as JSON; it is not there when the gate ends with a set-up fault
    /// before the suite ran
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// When to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, help_heading = "Output")]
    pub(crate) color: Color,
    /// Everything after `--` goes to `cargo test` as it is
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) rest: Vec<OsString>,
}

impl Gate {
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

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::CommandFactory;

    use super::{Cli, Command, Gate, parse};

    fn gate(line: &str) -> Gate {
        let Command::Gate(gate) = parse(line.split(' ').map(OsString::from)).expect("a good command line").command;
        gate
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
