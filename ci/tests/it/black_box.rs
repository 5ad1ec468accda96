//! The black box: programs that stop rightly and wrongly, judged from outside.
#![cfg(target_os = "linux")]

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::project::{Gate, skipped};

/// Runs a program in a box; `line` has the box's own arguments.
fn run(line: &[&str], program: &[&str]) -> Gate {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-lightsout"));
    command.arg("run").args(line).arg("--output").arg(folder.path().join("output")).arg("--").args(program);
    command.stdin(Stdio::null()).output().expect("the tool").into()
}

/// Runs a shell script that says `ready`.
fn script(line: &[&str], script: &str) -> Gate {
    let ready = ["--ready-line", "ready", "--exit-within", "2s"];
    run(&[&ready, line].concat(), &["sh", "-c", script])
}

/// A port that nobody listens on.
pub(crate) fn port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits in pieces, so that a trap runs soon.
const SERVE: &str = "while :; do sleep 0.02; done";

#[test]
fn orderly_program_is_clean() {
    let gate = script(&[], &format!("trap 'exit 0' TERM; echo ready; {SERVE}"));
    gate.check(0, &["sent SIGTERM; ended with exit status: 0", "exit 0: clean"]);
}

#[test]
fn program_that_nobody_taught_to_listen_dies_of_the_signal() {
    let told = [
        "wrong-exit: the program ended with signal: 15 (SIGTERM) in place of exit code 0",
        "to do: listen for the signal",
    ];
    script(&[], &format!("echo ready; exec tail -f /dev/null; {SERVE}")).check(100, &told);
}

#[test]
fn exit_code_is_judged() {
    let fails = format!("trap 'echo no disk; exit 3' USR1; echo ready; {SERVE}");
    let told = "wrong-exit: the program ended with exit status: 3 in place of exit code 0";
    script(&["--signals", "USR1"], &fails).check(100, &[told, "  no disk\n"]);
    script(&["--signals", "USR1", "--exit-code", "3"], &fails).check(0, &[]);
}

#[test]
fn signal_that_nobody_could_get_exits_with_96() {
    let tool = env!("CARGO_BIN_EXE_cargo-lightsout");
    let line = format!("trap '' INT; exec '{tool}' run --signals INT -- true");
    let output = Command::new("sh").args(["-c", &line]).output().expect("a shell");
    Gate::from(output)
        .check(96, &["failed to send `SIGINT`: it is ignored here", "hint: start this in the foreground"]);
}

#[test]
fn program_that_does_not_end_hangs() {
    let gate = script(&["--signals", "TERM 50ms TERM"], &format!("trap 'echo once more' TERM; echo ready; {SERVE}"));
    gate.check(
        100,
        &["hang: the program still runs 2.0 s after the last signal", "thread sh: ", "sent SIGTERM, SIGTERM; killed"],
    );
}

#[test]
fn panic_in_its_output_is_found() {
    let panics = "printf \"thread 'main' panicked at src/main.rs:1:2:\\noh\\n\" >&2";
    let gate = script(&[], &format!("trap \"{}; exit 0\" TERM; echo ready; {SERVE}", panics.replace('"', "\\\"")));
    gate.check(100, &["panic: the program panicked\n  thread 'main' panicked at src/main.rs:1:2:\n  oh\n"]);
}

#[test]
fn child_that_is_left_is_found_and_ended() {
    // It has a session of its own, so that no group of processes leads to it.
    let gate = script(&[], &format!("setsid sleep 4242 & trap 'exit 0' TERM; echo ready; {SERVE}"));
    let gate = gate.check(100, &["children-left: 1 process outlived the program", "  sleep 4242\n"]);
    let id = gate.stdout.lines().find_map(|line| line.trim().strip_suffix("  sleep 4242")).expect("an id").to_owned();
    let name = std::fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
    assert!(!name.contains("4242"), "{id} still runs");
}

#[test]
fn what_is_not_ready_exits_with_101() {
    script(&["--ready-within", "200ms"], "echo almost; sleep 30")
        .check(101, &["not-ready: the program was not ready within 200 ms", "  almost\n"]);
    script(&[], "echo oh; exit 7").check(101, &["the program ended before it was ready: exit status: 7", "  oh\n"]);
    run(&[], &["/no/such/program"]).check(96, &["failed to run `/no/such/program`"]);
    run(&["--signals", "KILL"], &["true"]).check(96, &["`KILL` is neither a signal like `TERM` nor a time"]);
}

#[test]
fn program_that_ends_by_itself_is_told() {
    let gate =
        run(&["--ready-line", "ready", "--load", "sleep 0.3", "--rounds", "1"], &["sh", "-c", "echo ready; sleep 0.1"]);
    gate.check(100, &["ended-early: the program ended by itself, before any signal: exit status: 0"]);
}

/// A server in Python, which keeps the connection of every request, or closes it.
fn python(keep: bool) -> Option<Gate> {
    let there = Command::new("python3").arg("--version").output().is_ok();
    if !there {
        skipped("there is no `python3`");
        return None;
    }
    let (port, keeps) = (port(), if keep { "kept.append(c)" } else { "c.close()" });
    let server = format!(
        "import socket, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nkept = []\n\
         s = socket.create_server(('127.0.0.1', {port}))\nwhile True:\n    c, _ = s.accept()\n    c.recv(1)\n    {keeps}\n"
    );
    let load = format!("python3 -c \"import socket; socket.create_connection(('127.0.0.1', {port})).send(b'x')\"");
    // After a time and not by its port: to connect is a request too.
    let ready = ["--ready-after", "500ms", "--load", &load, "--rounds", "4"];
    Some(run(&ready, &["python3", "-c", &server]))
}

#[test]
fn descriptors_that_grow_with_each_round_are_a_leak() {
    if let Some(gate) = python(true) {
        gate.check(
            100,
            &["growth: descriptors grow with every round of load, by 1 or more", "before and after each round: "],
        );
    }
    if let Some(gate) = python(false) {
        gate.check(0, &["over 4 rounds: threads 1 to 1"]);
    }
}

#[test]
fn load_that_fails_exits_with_96() {
    script(&["--load", "exit 9"], &format!("trap 'exit 0' TERM; echo ready; {SERVE}"))
        .check(96, &["failed to run load `exit 9`: it ended with exit status: 9"]);
}

#[test]
fn json_says_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.json");
    script(&["--json", path.to_str().expect("UTF-8")], "trap 'exit 3' TERM; echo ready; while :; do sleep 0.02; done")
        .check(100, &[]);
    let json: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    assert_eq!(
        (&json["version"], &json["exit"], &json["faults"][0]["kind"]),
        (&1.into(), &100.into(), &"wrong-exit".into())
    );
}

#[test]
fn real_messaging_server_is_clean() {
    let is_there = Command::new("nats-server").arg("--version").output().is_ok();
    if !is_there {
        return skipped("there is no `nats-server`");
    }
    let port = port().to_string();
    let load = format!(
        "printf 'CONNECT {{}}\\r\\nPING\\r\\n' | timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}; cat >&3; head -c 4 <&3' >/dev/null"
    );
    let line = ["--ready-port", &port, "--load", &load, "--rounds", "3", "--exit-code", "0", "--exit-code", "1"];
    run(&line, &["nats-server", "-a", "127.0.0.1", "-p", &port]).check(0, &["over 3 rounds: threads "]);
}

#[test]
fn services_are_judged_from_outside() {
    let messaging = crate::services::program("messaging");
    let messaging = messaging.to_str().expect("UTF-8");
    let arguments = |signals, fault| [messaging, "127.0.0.1:0", "127.0.0.1:0", signals, fault];
    let ready = ["--ready-line", "listening on"];
    run(&ready, &arguments("host", "none")).check(0, &["sent SIGTERM; ended with exit status: 0"]);
    run(&ready, &arguments("nobody", "none")).check(100, &["wrong-exit: the program ended with signal: 15 (SIGTERM)"]);
}
