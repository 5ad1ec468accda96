//! The census of programs that run: a server that has never heard of lightsout, and keeps something of each request.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

use crate::ordinary::root;
use crate::project::{Gate, Project, SETTINGS, TOKIO, target};

const SERVER: &str = include_str!("../programs/server.rs");

/// The server, built by cargo as any other program.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        &format!("[package]\nname = \"census-server\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{TOKIO}\n"),
    );
    project.write("Cargo.lock", &fs::read_to_string(root().join("Cargo.lock")).expect("a lock file"));
    project.write("src/main.rs", SERVER);
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo runs tests"));
    cargo.args(["build", "--quiet"]).current_dir(project.path()).env_remove("RUSTFLAGS");
    let status = cargo.envs(SETTINGS).env("CARGO_TARGET_DIR", target()).status();
    assert!(status.is_ok_and(|status| status.success()), "the server is not built");
    target().join("debug/census-server")
});

/// Where a comment stands in the server, as a finding tells it.
fn place(comment: &str) -> String {
    let line = SERVER.lines().position(|line| line.ends_with(&format!(" // {comment}"))).expect("a comment");
    format!("src/main.rs:{}:", line + 1)
}

fn tool() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lightsout"));
    command.arg("run").stdin(Stdio::null());
    command
}

/// Runs the server under a census, with a load of two requests a round; also returns the verdict as JSON.
fn census(keeps: &str, line: &[&str]) -> (Gate, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let json = folder.path().join("run.json");
    let port = crate::black_box::port();
    let request = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; read -u 3 line");
    let load = format!("bash -c '{request}'; bash -c '{request}'");
    let mut command = tool();
    command.args(["--census", "--ready-line", "listening", "--exit-within", "2s", "--load", &load, "--rounds", "4"]);
    command.arg("--output").arg(folder.path().join("output")).arg("--json").arg(&json).args(line);
    let program = folder.path().join("starts");
    fs::write(&program, STARTS).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("permissions");
    let starts = line.contains(&"--children").then_some(&program);
    command.arg("--").args(starts).arg(&*PROGRAM).args([&port.to_string(), keeps]);
    let gate = Gate::from(command.output().expect("the tool"));
    let json = fs::read_to_string(json).unwrap_or_else(|error| panic!("{error}\n{}{}", gate.stdout, gate.stderr));
    (gate, serde_json::from_str(&json).expect("JSON"))
}

/// What the faults of a verdict say, by kind.
fn faults(json: &Value) -> Vec<(&str, &str)> {
    fn text(value: &Value) -> &str {
        value.as_str().expect("text")
    }
    let faults = json["faults"].as_array().expect("faults").iter();
    faults.map(|fault| (text(&fault["kind"]), text(&fault["summary"]))).collect()
}

#[test]
fn server_that_keeps_nothing_is_clean() {
    let (gate, json) = census("nothing", &[]);
    let gate = gate.check(0, &["alive before SIGTERM: 1 task and 0 channels\n  1 task: "]);
    assert!(gate.stdout.contains(&format!("{}18 (in census_server::main)", place("server"))), "{}", gate.stdout);
    assert!(gate.stdout.contains("looking took ") && gate.stdout.contains("µs each"), "{}", gate.stdout);
    assert_eq!(json["census"]["alive"][0]["counts"], serde_json::json!([1, 1, 1, 1, 1, 1]));
    assert_eq!((&json["census"]["looked"], &json["census"]["lost"]), (&true.into(), &0.into()));
}

#[test]
fn what_grows_with_every_round_is_told_by_its_place() {
    for (keeps, what) in [
        ("task", "2 tasks a round"),
        ("ended", "2 ended tasks a round"),
        ("channel", "2 channels a round"),
        ("closure", "2 blocking closures a round"),
    ] {
        grows(keeps, what);
    }
}

/// Runs the server, which keeps that, and makes sure that this and no other growth is told. Returns the verdict.
fn grows(keeps: &str, what: &str) -> Value {
    let (gate, json) = census(keeps, &[]);
    let gate = gate.check(100, &[]);
    let faults = faults(&json);
    let told = faults.iter().filter(|(kind, said)| *kind == "growth" && said.starts_with("leaks"));
    let told: Vec<&str> = told.map(|(_, said)| *said).collect();
    assert_eq!(told.len(), 1, "{keeps}\n{}", gate.stdout);
    assert!(told[0].starts_with(&format!("leaks {what}: ")), "{}", told[0]);
    assert!(told[0].contains(&place(keeps)), "{}", told[0]);
    assert!(told[0].ends_with(" (in census_server::keep), 0 -> 8 over 4 rounds"), "{}", told[0]);
    json
}

#[test]
fn channels_of_every_kind_are_told_with_their_place_and_kind() {
    for (keeps, kind) in [
        ("oneshot", "tokio oneshot of u32"),
        ("watch", "tokio watch of u32"),
        ("broadcast", "tokio broadcast of u32"),
        ("rendezvous", "std mpsc (rendezvous) of u32"),
    ] {
        let json = grows(keeps, "2 channels a round");
        let alive = json["census"]["alive"].as_array().expect("things").iter();
        let channels: Vec<_> = alive.filter(|it| it["thing"]["kind"] == "channel").collect();
        assert!(matches!(channels[..], [one] if one["thing"]["of"] == kind), "{keeps}\n{json}");
        assert_eq!(channels[0]["counts"], serde_json::json!([0, 2, 4, 6, 8, 8]), "{keeps}");
    }
}

#[test]
fn channels_are_seen_whatever_thread_makes_them() {
    for thread in ["thread", "main"] {
        grows(thread, "2 channels a round");
    }
}

#[test]
fn channels_that_come_and_go_are_no_growth() {
    census("passing", &[]).0.check(0, &["alive before SIGTERM: 1 task and 0 channels\n"]);
}

#[test]
fn channels_are_counted_while_others_come_and_go_as_fast_as_they_can() {
    let (gate, json) = census("wild", &[]);
    let alive = json["census"]["alive"].as_array().expect("things").iter();
    let counts = |comment: &str| {
        let line: u32 = place(comment).split(':').nth(1).and_then(|line| line.parse().ok()).expect("a line");
        alive.clone().find(|it| it["thing"]["site"]["line"] == line).map(|it| it["counts"].clone())
    };
    assert_eq!(counts("wild"), Some(serde_json::json!([0, 2, 4, 6, 8, 8])), "{}", gate.stdout);
    assert_eq!(counts("always"), Some(serde_json::json!(vec![500; 6])), "{}", gate.stdout);
    let is_told = |(kind, said): &(&str, &str)| *kind == "growth" && said.contains(&place("wild"));
    assert!(faults(&json).iter().any(is_told), "{}", gate.stdout);
}

#[test]
fn channels_that_grow_with_tasks_are_theirs() {
    let json = grows("both", "2 tasks a round");
    let counts = serde_json::json!([0, 2, 4, 6, 8, 8]);
    let alive = json["census"]["alive"].as_array().expect("things").iter();
    let channels: Vec<_> = alive.filter(|it| it["thing"]["of"] == "tokio oneshot of u32").collect();
    assert!(matches!(channels[..], [one] if one["counts"] == counts), "{json}");
}

#[test]
fn what_is_alive_at_the_end_is_told_unless_it_is_allowed() {
    let (gate, json) = census("left", &[]);
    gate.check(100, &[&format!("{}18\n  runs        census_server::serve\n", place("server"))]);
    assert_eq!(faults(&json), [("leaked-task", "1 task was still alive when its runtime ended")]);
    let file = json["census"]["alive"][0]["thing"]["site"]["file"].as_str().expect("a file").to_owned();
    let line = place("server").split(':').nth(1).expect("a line").to_owned();
    for allowed in [file.clone(), format!("{file}:{line}")] {
        census("left", &["--allow", &allowed]).0.check(0, &["exit 0: clean"]);
    }
    census("left", &["--allow", &format!("{file}:1")]).0.check(100, &[]);
}

/// A script that starts a program, hands SIGTERM on to it, and ends as it does.
const STARTS: &str = "#!/bin/sh\n\"$@\" &\ntrap \"kill $!\" TERM\nwait $!\nwait $!\n";

#[test]
fn program_that_a_script_starts_is_looked_at_with_its_children() {
    let (gate, json) = census("task", &["--children"]);
    let gate = gate.check(100, &["alive before SIGTERM: "]);
    let faults = faults(&json);
    let grown: Vec<&str> = faults.iter().filter(|(kind, _)| *kind == "growth").map(|(_, said)| *said).collect();
    let is_told = |said: &str| said.starts_with("leaks 2 tasks a round: ") && said.contains(&place("task"));
    assert!(matches!(grown[..], [said] if is_told(said)), "{}", gate.stdout);
}

#[test]
fn each_signal_has_its_census() {
    let (gate, _) = census("hang", &["--signals", "TERM 50ms TERM"]);
    assert_eq!(gate.stdout.matches("alive before SIGTERM: 1 task and 0 channels").count(), 2, "{}", gate.stdout);
}

#[test]
fn program_that_hangs_is_told_with_its_tasks() {
    let (gate, json) = census("hang", &[]);
    gate.check(100, &[&format!("{}18 (in census_server::main)", place("server"))]);
    assert_eq!(faults(&json), [("hang", "the program still runs 2.0 s after the last signal")]);
}

/// Runs a program that is to be named as not looked at.
fn not_looked_at(program: &[&str], why: &str) {
    let output = tool().args(["--census", "--ready-after", "100ms", "--exit-code", "143", "--"]).args(program).output();
    let sentence = format!("vacuous: the program was not looked at, since {why}");
    Gate::from(output.expect("the tool")).check(100, &[&sentence]);
}

/// Compiles a program without tokio that seems to have one of these sources.
fn compiled(folder: &Path, sources: &str, arguments: &[&str]) -> PathBuf {
    let (source, program) = (folder.join("waits.rs"), folder.join("waits"));
    let text = format!(
        "#[used]\nstatic TOKIO: &str = \"{sources}/src/runtime/task/\";\nstruct Own([u8; 99]);\n\
         fn main() {{ std::hint::black_box((TOKIO, Box::new(Own([7; 99])).0[0])); loop {{ std::thread::park() }} }}\n"
    );
    fs::write(&source, text).expect("a file");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc).args(arguments).arg("-o").arg(&program).arg(&source).status();
    assert!(status.is_ok_and(|status| status.success()), "the program is not built");
    program
}

#[test]
fn program_that_cannot_be_looked_at_is_named_and_not_green() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_folder = |name: &str| folder.path().join(name);
    let script = in_folder("script");
    fs::write(&script, "#!/bin/sh\nexec sleep 5\n").expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("permissions");
    not_looked_at(&[script.to_str().expect("UTF-8")], "it is a script");
    not_looked_at(&["sleep", "5"], "it has no task of tokio");

    let program = compiled(folder.path(), "/tokio-1.54.1", &["-C", "target-feature=+crt-static"]);
    not_looked_at(&[program.to_str().expect("UTF-8")], "it is linked statically, and cannot be looked at from outside");
    let program = compiled(folder.path(), "/tokio-1.54.1", &["-C", "debuginfo=0", "-C", "strip=symbols"]);
    not_looked_at(&[program.to_str().expect("UTF-8")], "it has no names of functions");
    let program = compiled(folder.path(), "/tokio-1.28.2", &["-g"]);
    let sentence = "its tokio keeps only some of its tasks where they are looked for";
    not_looked_at(&[program.to_str().expect("UTF-8")], sentence);
    let program = compiled(folder.path(), "/tokio", &["-g"]);
    let sentence = "not one task was seen in it, and its tokio is not known to keep them where they are looked for";
    not_looked_at(&[program.to_str().expect("UTF-8")], sentence);
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("permissions");
    not_looked_at(&[program.to_str().expect("UTF-8")], "it runs as another user, and cannot be looked at from outside");
    let (_loaders, other) = with_loader_of_another_library(&program);
    not_looked_at(
        &[other.to_str().expect("UTF-8")],
        "it is for another C library or processor, and cannot be looked at from outside",
    );
}

/// Copies a program, and lets it name another loader, which is the same one by a link.
fn with_loader_of_another_library(program: &Path) -> (tempfile::TempDir, PathBuf) {
    let mut bytes = fs::read(program).expect("a program");
    let at = bytes.windows(7).position(|part| part == b"/lib64/" || part == b"/lib/ld").expect("a loader");
    let len = bytes[at..].iter().position(|byte| *byte == 0).expect("an end");
    let loader = String::from_utf8(bytes[at..at + len].to_vec()).expect("UTF-8");
    let folder = tempfile::Builder::new().prefix("ld").rand_bytes(3).tempdir_in("/tmp").expect("a folder");
    let other = folder.path().join("ld-musl");
    std::os::unix::fs::symlink(loader, &other).expect("a link");
    let other = other.to_str().expect("UTF-8").as_bytes().to_vec();
    assert!(other.len() <= len, "there is room for the name");
    bytes[at..at + len].fill(0);
    bytes[at..at + other.len()].copy_from_slice(&other);
    let path = folder.path().join("program");
    fs::write(&path, bytes).expect("a program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("permissions");
    (folder, path)
}
