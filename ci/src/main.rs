//! `cargo lightsout`: runs a test suite and fails when something is still alive after a test.
//!
//! The data flows one way: [`cli`] says what is wanted, [`suite`] runs cargo, [`libtest`] reads what the tests printed,
//! [`gather`] reads what the checked tests wrote, [`verdict`] judges without touching anything, [`show`] and [`format`] tell it.

mod baseline;
mod cli;
mod error;
mod exit;
mod explain;
mod folder;
mod format;
mod gather;
mod json;
mod libtest;
mod nearest;
mod place;
mod progress;
mod show;
mod suite;
mod told;
mod verdict;
mod words;

use std::process::ExitCode;
use std::time::SystemTime;

use lightsout::Kind;

use crate::baseline::{Baseline, Updated};
use crate::cli::{Command, Gate};
use crate::error::Error;
use crate::exit::Exit;
use crate::folder::RunFolder;
use crate::place::Places;
use crate::suite::{Cargo, Suite};
use crate::verdict::{Run, Vacuous, Verdict, Whole};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let done = match cli.command {
        Command::Gate(gate) => {
            gate.color.apply();
            run(&gate)
        }
        Command::Explain { kind } => explain::told(kind.as_deref()).map(|text| show::plain(text.as_bytes())),
        Command::Completions { shell } => Ok(show::plain(&cli::completions(shell))),
    };
    let exit = done.unwrap_or_else(|error| {
        show::fault(&error);
        Exit::SetUp
    });
    exit.into()
}

/// Runs the gate, from top to bottom.
fn run(gate: &Gate) -> Result<Exit, Error> {
    format::forget(&gate.formats)?;
    let cargo = Cargo::from_env()?;
    let workspace = cargo.workspace(gate)?;
    let baseline = Baseline::read(gate.baseline.as_deref(), &workspace.root, gate.update_baseline)?;
    let mut places = Places::new(&workspace.root);
    let folder = RunFolder::create(&folder::base(gate, &workspace), SystemTime::now())?;
    let mut verdict = judged(&cargo.suite(gate, workspace), &folder)?;
    verdict.ratchet = baseline.compare(&verdict, &mut places, gate.extent());
    let updated = updated(gate, &mut verdict)?;
    show::verdict(&verdict, &gate.build_words());
    format::write(&gate.formats, &verdict, &gate.build_words())?;
    show::updated(gate.update_baseline.map(|_| updated), &verdict);
    Ok(verdict.exit())
}

/// Writes the baseline anew where that was asked for, unless the run says too little.
fn updated(gate: &Gate, verdict: &mut Verdict) -> Result<Option<Updated>, Error> {
    let Some(how) = gate.update_baseline else { return Ok(None) };
    if verdict.whole != Whole::Ran || !verdict.faults.is_empty() || verdict.vacuous != Vacuous::No {
        return Ok(None);
    }
    let may_be_known = verdict.numbered().filter(|(_, finding)| finding.kind() != Kind::Vacuous).map(|(at, _)| at);
    let may_be_known: Vec<_> = may_be_known.collect();
    verdict.ratchet.update(how, may_be_known.into_iter()).map(Some)
}

fn judged(suite: &Suite<'_>, folder: &RunFolder) -> Result<Verdict, Error> {
    let built = match suite.build()? {
        Ok(built) => built,
        Err(how) => return Ok(verdict::judge(Run::NotBuilt { how }, gather::Gathered::default(), None)),
    };
    let ended = suite.test(folder)?;
    let log = folder.read_log()?;
    folder.keep_as_last_run(&suite.lightsout_folder())?;
    let log = libtest::parse(&log, &built);
    Ok(verdict::judge(Run::Ran { ended, log }, gather::gather(folder)?, Some(folder.log())))
}
