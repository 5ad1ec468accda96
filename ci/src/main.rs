//! `cargo lightsout`: runs a test suite and fails when something is still alive after a test.
//!
//! The data flows one way: [`cli`] says what is wanted, [`suite`] runs cargo, [`libtest`] reads what the tests printed,
//! [`gather`] and [`cover`] read what the tests wrote, [`verdict`] judges without touching anything, [`show`] and [`json`] tell it.

mod cli;
mod cover;
mod error;
mod exit;
mod folder;
mod gather;
mod json;
mod leaks;
mod libtest;
mod progress;
mod show;
mod suite;
mod verdict;
mod words;

use std::process::ExitCode;
use std::time::SystemTime;

use crate::cli::{Command, Gate};
use crate::error::Error;
use crate::exit::Exit;
use crate::folder::RunFolder;
use crate::suite::{Cargo, Suite};
use crate::verdict::{Run, Verdict};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let Command::Gate(gate) = cli.command;
    gate.color.apply();
    let exit = run(&gate).unwrap_or_else(|error| {
        show::fault(&error);
        Exit::SetUp
    });
    exit.into()
}

/// Runs the gate, from top to bottom.
fn run(gate: &Gate) -> Result<Exit, Error> {
    json::forget(gate)?;
    let cargo = Cargo::from_env()?;
    let workspace = cargo.workspace(gate)?;
    let folder = RunFolder::create(&folder::base(gate, &workspace), SystemTime::now())?;
    let verdict = judged(&cargo.suite(gate, workspace), &folder)?;
    show::verdict(&verdict, &gate.build_words());
    json::write(gate, &verdict)?;
    Ok(verdict.exit())
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
    Ok(verdict::judge(Run::Ran { ended, log }, gather::gather(folder, &built, suite.root())?, Some(folder.log())))
}
