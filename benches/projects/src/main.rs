//! Runs the gate over public projects as the registry has them, and prints the tables of `ci/projects.md`.
//!
//! ```text
//! cd benches/projects && cargo bench                      # all of them
//! cargo bench -- mini-redis bb8 --quick                   # some, for a first impression
//! cargo bench -- --gate ../../target/release/cargo-lightsout
//! ```
//!
//! Each project is built twice: as it is, and with a copy of its tokio that notes the life of every task by tokio's own hooks. The first
//! build is run in turns without the gate, with it for the first time, and once more: every test must end as it does without, and what
//! that takes is measured. So it is for the test binaries alone. The second build is run under the gate, so that both see the same run:
//! what the gate tells must be what the hooks saw, and what they saw must be told, or named as not judged.
//!
//! Nothing is changed in the sources; `list.rs` says which they are. Cargo fetches them, and what they depend on, from the registry.

mod alone;
mod cost;
mod gate;
mod hooks;
mod list;
mod look;
mod outcome;
mod place;
mod project;
mod source;
mod table;
mod witness;

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::slice;

use crate::look::Look;

/// What this run was asked for.
#[derive(Debug)]
struct Asked {
    /// How titles of projects begin; all are meant where there is none.
    names: Vec<String>,
    gate: Option<PathBuf>,
    rounds: usize,
}

impl Asked {
    fn read() -> Self {
        let mut asked = Self { names: Vec::new(), gate: None, rounds: 5 };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match &*arg {
                // Cargo hands it on.
                "--bench" => {}
                "--quick" => asked.rounds = 3,
                "--gate" => asked.gate = Some(args.next().expect("a path follows `--gate`").into()),
                name => asked.names.push(name.to_owned()),
            }
        }
        asked
    }
}

/// Builds the gate of this checkout, as an installed one is.
fn build_gate() -> PathBuf {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--release", "--package", "cargo-lightsout"]).current_dir(benches::root());
    assert!(cost::status(&mut command).success(), "the gate is built");
    benches::root().join("target/release/cargo-lightsout")
}

/// Makes the folder that everything is below.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects");
    fs::create_dir_all(&folder).and_then(|()| folder.canonicalize()).expect("the target folder can be written")
}

fn main() -> ExitCode {
    alone::play_cargo();
    let asked = Asked::read();
    let gate = asked.gate.clone().unwrap_or_else(build_gate);
    let gate = gate.canonicalize().unwrap_or_else(|error| panic!("no gate at {}: {error}", gate.display()));
    let look = Look { gate, rounds: asked.rounds, folder: folder() };
    let is_asked = |title: &str| asked.names.is_empty() || asked.names.iter().any(|name| title.starts_with(name));
    let projects = list::PROJECTS.iter().filter(|project| is_asked(&project.title()));
    // Two at once would measure each other, and write into the same logs.
    let only = File::create(look.folder.join("lock")).expect("a file");
    only.lock().expect("a lock");
    let (mut looks, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for project in projects {
        // One that cannot be looked at costs the others nothing; why stands on stderr.
        match catch_unwind(AssertUnwindSafe(|| look.at(project))) {
            Ok(looked) => {
                eprintln!("{}", table::told(slice::from_ref(&looked)));
                looks.push(looked);
            }
            Err(_) => code = ExitCode::FAILURE,
        }
    }
    println!("{}", table::told(&looks));
    code
}
