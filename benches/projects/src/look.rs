//! One project, looked at from top to bottom.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::alone::{self, Tests, Way};
use crate::cost::{self, Cost, turns};
use crate::gate::Verdict;
use crate::hooks::{self, Agreement};
use crate::outcome::{self, Comparison, Outcomes};
use crate::project::{Project, Runner, set_in};
use crate::source::check_out;
use crate::witness::{self, Watched, watch};

/// How to look.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) gate: PathBuf,
    pub(crate) rounds: usize,
    /// Everything is below it.
    pub(crate) folder: PathBuf,
}

/// What was seen of a project.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) project: Project,
    pub(crate) comparison: Comparison,
    /// Of each round.
    pub(crate) verdicts: Vec<Verdict>,
    /// Without the gate, with it after its first run, and its first run, each round by round.
    pub(crate) commands: [Vec<Cost>; 3],
    /// How many binaries there are, and without anything, with the recorder, and with `--channels`; `None` under nextest, whose binaries
    /// are those of cargo.
    pub(crate) alone: Option<(usize, [Vec<Cost>; 3])>,
    /// The tokio that has hooks, as `tokio-1.54.1`.
    pub(crate) tokio: String,
    pub(crate) agreements: Vec<Agreement>,
}

/// A build of a project.
struct Suite<'a> {
    project: &'a Project,
    folder: PathBuf,
    target: PathBuf,
    flags: &'static str,
}

impl Look {
    pub(crate) fn at(&self, project: &Project) -> Looked {
        eprintln!("{}", project.title());
        let folder = check_out(project, &self.folder.join("sources"));
        let suite = Suite { project, folder, target: self.folder.join("plain"), flags: "" };
        let messages = suite.build();
        let [plain, gated, first] = turns(
            self.rounds,
            [&mut || suite.plain(), &mut || suite.gated(&self.gate, None), &mut || {
                // It keeps the names of a build there.
                let _ = fs::remove_dir_all(suite.target.join("lightsout/names"));
                suite.gated(&self.gate, None)
            }],
        );
        let outcomes = |runs: &[Ran]| runs.iter().map(|ran| ran.outcomes.clone()).collect::<Vec<_>>();
        let comparison = Comparison::new(&outcomes(&plain), &[outcomes(&gated), outcomes(&first)].concat());
        let commands = [&plain, &gated, &first].map(|runs| runs.iter().map(|ran| ran.cost).collect());
        let alone = (project.runner == Runner::Cargo).then(|| self.alone(&suite, &Tests::of(&messages)));
        let verdicts = gated.into_iter().chain(first).filter_map(|ran| ran.verdict).collect();
        let (tokio, agreements) = self.beside_hooks(&suite);
        Looked { project: *project, comparison, verdicts, commands, alone, tokio, agreements }
    }

    fn alone(&self, suite: &Suite<'_>, tests: &[Tests]) -> (usize, [Vec<Cost>; 3]) {
        let way = |more: &[&str]| Way::of(suite.set(&mut suite.project.gated(&self.gate, &suite.json(), more)));
        let ways = [Way::default(), way(&[]), way(&["--channels"])];
        let [plain, recorded, channels] = ways.each_ref().map(|way| || alone::run(tests, way));
        let (mut plain, mut recorded, mut channels) = (plain, recorded, channels);
        (tests.len(), turns(self.rounds, [&mut plain, &mut recorded, &mut channels]))
    }

    fn beside_hooks(&self, plain: &Suite<'_>) -> (String, Vec<Agreement>) {
        let Watched { folder, tokio } = watch(&plain.folder, &self.folder.join("hooked"));
        let suite = Suite { folder, target: self.folder.join("with-hooks"), flags: witness::FLAGS, ..*plain };
        suite.build();
        let rounds = 0..self.rounds.min(3);
        let agreements = rounds.map(|_| {
            let seen = tempfile::tempdir().expect("a temporary folder");
            let ran = suite.gated(&self.gate, Some(seen.path()));
            let verdict = ran.verdict.expect("the gate ran");
            Agreement::new(&verdict, &hooks::read(seen.path(), &ran.outcomes), &suite.folder)
        });
        (tokio, agreements.collect())
    }
}

/// One run of a suite.
struct Ran {
    cost: Cost,
    outcomes: Outcomes,
    /// `None` without a gate.
    verdict: Option<Verdict>,
}

impl Suite<'_> {
    fn set<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        set_in(command, &self.folder, &self.target, self.flags)
    }

    fn json(&self) -> PathBuf {
        self.target.join("gate.json")
    }

    /// Builds the tests, and returns what cargo says of them to programs.
    fn build(&self) -> String {
        let mut command = Project { runner: Runner::Cargo, ..*self.project }
            .plain(&["--no-run", "--message-format=json-render-diagnostics"]);
        let output =
            self.set(&mut command).stderr(std::process::Stdio::inherit()).output().expect("cargo can be started");
        assert!(output.status.success(), "{command:?}");
        String::from_utf8(output.stdout).expect("cargo speaks UTF-8")
    }

    fn plain(&self) -> Ran {
        let log = self.target.join("plain.log");
        let file = File::create(&log).expect("a file");
        let mut command = self.project.plain(&["--no-fail-fast"]);
        self.set(&mut command).stdout(file.try_clone().expect("a file")).stderr(file);
        let (cost, _) = cost::of(|| cost::status(&mut command));
        Ran { cost, outcomes: self.outcomes(&log), verdict: None }
    }

    /// With a folder, a witness in the tests notes what it sees there.
    fn gated(&self, gate: &Path, witness: Option<&Path>) -> Ran {
        let json = self.json();
        let _ = fs::remove_file(&json);
        let mut command = self.project.gated(gate, &json, &[]);
        let silent = File::create(self.target.join("gate.log")).expect("a file");
        self.set(&mut command).stdout(silent.try_clone().expect("a file")).stderr(silent);
        command.envs(witness.map(|folder| (witness::FOLDER, folder)));
        let (cost, _) = cost::of(|| cost::status(&mut command));
        let verdict = Verdict::read(&json);
        let log = match self.project.runner {
            Runner::Cargo => verdict.log().to_owned(),
            Runner::Nextest => verdict.log().with_file_name("nextest.events"),
        };
        Ran { cost, outcomes: self.outcomes(&log), verdict: Some(verdict) }
    }

    fn outcomes(&self, log: &Path) -> Outcomes {
        let text = fs::read(log).unwrap_or_else(|error| panic!("no log {}: {error}", log.display()));
        let text = String::from_utf8_lossy(&text);
        match self.project.runner {
            Runner::Cargo => outcome::of_cargo(&text),
            Runner::Nextest => outcome::of_nextest(&text),
        }
    }
}
