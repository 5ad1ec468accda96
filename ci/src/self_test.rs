//! `cargo lightsout self-test`: plants faults in a throw-away project and makes sure that the gate sees every one, and nothing else.
//!
//! The project lies in the target folder of the one that it is asked for, so that it is built with the same flags, the same tokio and
//! the same lightsout: what it shows holds there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lightsout::Report;
use serde::Deserialize;

use crate::error::Error;
use crate::exit::Exit;
use crate::preload::Door;
use crate::show;
use crate::suite::{Cargo, Workspace};
use crate::words;

/// A test with a fault, or one without.
struct Plant {
    test: &'static str,
    /// `None` where nothing may be found.
    kind: Option<&'static str>,
    text: &'static str,
}

const PLANTS: [Plant; 6] = [
    Plant {
        test: "clean",
        kind: None,
        text: "#[lightsout::test(start_paused = true)]\nasync fn clean() {\n    tokio::spawn(async {}).await.unwrap();\n}\n",
    },
    Plant {
        test: "double_close",
        kind: Some("double-close"),
        text: "#[lightsout::test(start_paused = true)]\nasync fn double_close() {\n    \
               let pool = lightsout::Closable::new(\"pool\");\n    pool.close();\n    pool.close();\n}\n",
    },
    Plant {
        test: "hang",
        kind: Some("hang"),
        text: "#[lightsout::test(deadline = \"200ms\")]\nasync fn hang() {\n    std::future::pending::<()>().await\n}\n",
    },
    Plant {
        test: "leak",
        kind: Some("leaked-task"),
        text: "#[lightsout::test(start_paused = true)]\nasync fn leak() {\n    tokio::spawn(std::future::pending::<()>());\n}\n",
    },
    Plant {
        test: "lost_work",
        kind: Some("lost-work"),
        text: "#[lightsout::test(start_paused = true)]\nasync fn lost_work() {\n    drop(lightsout::Ticket::new());\n}\n",
    },
    Plant {
        test: "open_channel",
        kind: Some("open-channel"),
        text: "#[lightsout::test(start_paused = true, channels = \"deny\")]\nasync fn open_channel() {\n    \
               let (send, _receive) = tokio::sync::mpsc::channel::<u8>(1);\n    std::mem::forget(send);\n}\n",
    },
];

/// Stands in a test crate that does not link lightsout.
const UNAWARE: Plant = Plant {
    test: "unaware_leak",
    kind: Some("leaked-task"),
    text: "#[test]\nfn unaware_leak() {\n    \
           let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();\n    \
           runtime.spawn(std::future::pending::<()>());\n    runtime.block_on(tokio::task::yield_now());\n}\n",
};

/// What we read of the gate's JSON.
#[derive(Debug, Deserialize)]
struct Document {
    exit: u8,
    reports: Vec<Report>,
    leaks: Vec<Report>,
}

/// Runs the self-test of a project.
pub(crate) fn run(cargo: &Cargo, workspace: &Workspace) -> Result<Exit, Error> {
    let folder = workspace.target.join("lightsout").join("self-test");
    let found = find_lightsout(workspace);
    plant(&folder, &found).map_err(|error| Error::create_folder(&folder, &error))?;
    // The same versions as in the project; without its lock file cargo takes the newest ones.
    let _ = fs::copy(workspace.root.join("Cargo.lock"), folder.join("Cargo.lock"));
    let json = folder.join("gate.json");
    let program = std::env::current_exe().map_err(|error| Error::find_folder(&error))?;
    let mut command = Command::new(program);
    // From the folder itself, so that the settings of cargo around the project hold.
    command.args(["gate", "--target-dir"]).arg(&workspace.target).arg("--json").arg(&json).current_dir(&folder);
    command.env("CARGO", &cargo.program).stdin(Stdio::null());
    for variable in ["LIGHTSOUT_DEADLINE", "LIGHTSOUT_GRACE", "LIGHTSOUT_RUNNER", "GITHUB_ACTIONS"] {
        command.env_remove(variable);
    }
    let output = command.output().map_err(|error| Error::run_cargo("cargo-lightsout".as_ref(), &error))?;
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).join("\n");
    let document = fs::read(&json).ok().and_then(|text| serde_json::from_slice::<Document>(&text).ok());
    let Some(document) = document else { return Err(Error::self_test(&said)) };
    let is_open = Door::open(cargo, &workspace.target.join("lightsout"), &[])?.closed().is_none();
    let plants = PLANTS.iter().chain(Some(&UNAWARE).filter(|_| is_open));
    let lines = judged(plants, document.reports.iter().chain(&document.leaks));
    let is_good = document.exit == Exit::Findings.code() && lines.iter().all(|line| line.is_seen);
    let text: String = lines.iter().map(|line| line.text.clone() + "\n").collect();
    show::plain(format!("{text}{}\n", words::self_test(is_good)).as_bytes());
    if is_good { Ok(Exit::Clean) } else { Err(Error::self_test(&said)) }
}

/// What became of a plant.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    is_seen: bool,
    text: String,
}

fn judged<'a>(plants: impl Iterator<Item = &'a Plant>, reports: impl Iterator<Item = &'a Report>) -> Vec<Line> {
    let found: BTreeMap<&str, BTreeSet<&str>> = reports
        .map(|report| (report.test(), report.findings().iter().map(|finding| finding.kind().name()).collect()))
        .collect();
    let line = |plant: &Plant| {
        let expected: BTreeSet<&str> = plant.kind.into_iter().collect();
        let found = found.get(plant.test);
        Line { is_seen: found == Some(&expected), text: words::planted(plant.test, plant.kind, found) }
    };
    plants.map(line).collect()
}

/// Where the project has its lightsout from, as it is written in a manifest.
fn find_lightsout(workspace: &Workspace) -> String {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned);
    let is_there = |path: &PathBuf| path.join("src/report").is_dir();
    match workspace.lightsout.clone().or(checkout.filter(is_there)) {
        Some(path) => format!("{{ path = {:?} }}", path.display().to_string()),
        None => format!("\"={}\"", env!("CARGO_PKG_VERSION")),
    }
}

fn plant(folder: &Path, lightsout: &str) -> io::Result<()> {
    let manifest = format!(
        "[package]\nname = \"lightsout-self-test\"\nedition = \"2021\"\n[lib]\ndoctest = false\n[workspace]\n[dev-dependencies]\n\
         lightsout = {lightsout}\ntokio = {{ version = \"1\", features = [\"rt\", \"sync\", \"time\"] }}\n"
    );
    // What an earlier one left: a lock file for another lightsout, above all.
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::create_dir_all(folder.join("src"))?;
    fs::create_dir_all(folder.join("tests"))?;
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), "")?;
    fs::write(folder.join("tests/unaware.rs"), UNAWARE.text)?;
    fs::write(folder.join("tests/planted.rs"), PLANTS.map(|plant| plant.text).join("\n"))
}
