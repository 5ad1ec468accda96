//! Projects that have never heard of lightsout: one command tells what their tests leave.
//!
//! The tests are those of [`ordinary`](crate::ordinary) without the line that links lightsout, and what is found is the same.
#![cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::ordinary::{
    CHANNELS, CLEAN, DIES, HANDLES, KINDS, LEAKS, ORDERS, PLANTED, check_channels, check_handles, check_kinds,
    check_orders, expected, found, gate, root, with_channel_crates,
};
use crate::project::{Gate, Project, TOKIO, target};

/// Takes out of a file of tests what needs lightsout, and leaves its lines where they are.
fn without_lightsout(text: &str) -> String {
    text.replace("use lightsout as _;", "").replace("#[lightsout::test]", "#[tokio::test]\n#[ignore]")
}

/// A package of this name that depends on tokio, and on nothing else that it uses: a feature that lightsout switches on keeps what it is
/// built on the same as beside lightsout.
fn package(name: &str, tests: &[(&str, &str)]) -> Project {
    let project = Project::empty();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n[dev-dependencies]\n\
         {TOKIO}\nlibc = {{ version = \"0.2\", features = [\"extra_traits\"] }}\n[profile.release]\ndebug = \"line-tables-only\"\n"
    );
    project.write("Cargo.toml", &manifest);
    project.write("Cargo.lock", &fs::read_to_string(root().join("Cargo.lock")).expect("a lock file"));
    project.write("src/lib.rs", "#[test]\nfn of_the_library() {}\n");
    for (name, text) in tests {
        project.write(&format!("tests/{name}.rs"), &without_lightsout(text));
    }
    project
}

#[test]
fn what_is_found_is_what_the_linked_recorder_finds() {
    let project = package("unaware", &[("leaks", LEAKS)]);
    let (gate, json) = gate(&project, "");
    let gate = gate
        .check(100, &["15 findings in 14 of 14 ordinary tests; 1 test not looked at", "  runs        leaks::waits"]);
    assert_eq!(found(&json, &without_lightsout(LEAKS)), expected(&PLANTED), "{}", gate.stdout);
    assert_eq!((&json["covered"], &json["checked"]), (&14.into(), &0.into()));
}

#[test]
fn channels_that_are_left_open_are_noted() {
    let (gate, json) = gate(&package("unaware-channels", &[("channels", CHANNELS)]), "-- --test channels");
    check_channels(gate, &json, &without_lightsout(CHANNELS));
}

#[test]
fn channels_of_every_kind_are_told_where_they_are_asked_for() {
    let project = with_channel_crates(package("unaware-kinds", &[("kinds", KINDS)]));
    check_kinds(&project, &without_lightsout(KINDS), "");
}

#[test]
#[ignore = "builds everything once more, optimised; CI asks for it"]
fn optimised_channels_of_every_kind_are_told() {
    let project = with_channel_crates(package("unaware-optimised-kinds", &[("kinds", KINDS)]));
    check_kinds(&project, &without_lightsout(KINDS), "--release");
}

#[test]
fn order_in_which_a_runtime_ends_its_tasks_is_no_matter() {
    let (gate, json) = gate(&package("unaware-orders", &[("orders", ORDERS)]), "-- --test orders");
    check_orders(gate, &json, &without_lightsout(ORDERS));
}

#[test]
fn tasks_whose_handles_outlive_their_runtime_are_told() {
    let (gate, json) = gate(&package("unaware-handles", &[("handles", HANDLES)]), "-- --test handles");
    check_handles(gate, &json, &without_lightsout(HANDLES));
}

/// A program of tests of its own, with a thread that allocates before it has its name.
const LATE: &str = r#"
fn main() {
    unsafe extern "C" { fn prctl(option: i32, ...) -> i32; }
    let thread = std::thread::spawn(|| {
        std::hint::black_box(Box::new([1_u8; 96]));
        unsafe { prctl(15, c"late".as_ptr()) };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.spawn(std::future::pending::<()>()); // late
        runtime.block_on(tokio::task::yield_now());
    });
    thread.join().unwrap();
}
"#;

#[test]
fn thread_that_gets_its_name_late_is_known_by_it() {
    let project = package("unaware-late", &[("late", LATE)]);
    let manifest = fs::read_to_string(project.path().join("Cargo.toml")).expect("a manifest");
    project.write("Cargo.toml", &(manifest + "[[test]]\nname = \"late\"\nharness = false\n"));
    let (gate, json) = gate(&project, "--channels -- --test late");
    let found: Vec<_> = found(&json, LATE).into_iter().map(|(test, _, count, at)| (test, count, at)).collect();
    assert_eq!(found, [("(no test: thread `late`)".to_owned(), 1, "late".to_owned())], "{}", gate.stdout);
}

#[test]
#[ignore = "builds everything once more, optimised; CI asks for it"]
fn optimised_tasks_whose_handles_outlive_their_runtime_are_told() {
    let project = package("unaware-optimised-handles", &[("handles", HANDLES), ("aborts", ABORTS)]);
    let (gate, json) = gate(&project, "--release -- --test handles");
    check_handles(gate, &json, &without_lightsout(HANDLES));
    let (gate, json) = crate::ordinary::gate(&project, "--release -- --test aborts");
    check_aborts(gate, &json);
}

/// Tests that abort tasks and keep their handles in several ways; those that leave a task as well say where.
const ABORTS: &str = r#"
use std::future::pending;
use tokio::task::{JoinHandle, yield_now};

async fn aborted() -> JoinHandle<()> {
    let task = tokio::spawn(pending()); // aborted
    yield_now().await;
    task.abort();
    yield_now().await;
    task
}

#[tokio::test]
async fn aborts_and_forgets() {
    std::mem::forget(aborted().await);
}

#[tokio::test]
async fn aborts() {
    assert!(aborted().await.is_finished());
}

#[tokio::test]
async fn forgets() {
    std::mem::forget(tokio::spawn(pending::<()>())); // ended
    yield_now().await;
}

#[tokio::test]
async fn is_aborted_while_it_runs() {
    let (send, receive) = tokio::sync::oneshot::channel::<tokio::task::AbortHandle>();
    let task = tokio::spawn(async { (receive.await.unwrap().abort(), pending::<()>().await) });
    send.send(task.abort_handle()).unwrap();
    assert!(task.await.is_err());
}

#[tokio::test]
async fn aborted_task_is_kept_by_one_that_waits() {
    let aborted = aborted().await;
    tokio::spawn(async move { (pending::<()>().await, aborted.is_finished()) }); // keeper
    yield_now().await;
}

#[test]
fn spawns_when_the_runtime_is_gone() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    drop(runtime);
    std::mem::forget(handle.spawn(pending::<()>()));
}
"#;

/// What is told of [`ABORTS`].
fn check_aborts(gate: Gate, json: &serde_json::Value) {
    let gate = gate.check(100, &["2 findings in 2 of 6 ordinary tests"]);
    let told = [
        ("aborted_task_is_kept_by_one_that_waits", "leaked-task", 1, "keeper"),
        ("forgets", "leaked-task", 1, "ended"),
    ];
    assert_eq!(found(json, ABORTS), expected(&told), "{}", gate.stdout);
    assert_eq!(json["not-judged"], serde_json::json!([]), "{}", gate.stdout);
}

#[test]
fn aborts_are_told_from_the_ends_of_runtimes() {
    let (gate, json) = gate(&package("unaware-aborts", &[("aborts", ABORTS)]), "-- --test aborts");
    check_aborts(gate, &json);
}

#[test]
fn where_ends_are_not_seen_a_task_that_may_have_been_aborted_is_named_and_not_judged() {
    let project = package("unaware-packed", &[("aborts", ABORTS)]);
    // Packed relocations are not read, and vtables are found by relocations.
    let packed = "fn main() { println!(\"cargo::rustc-link-arg-tests=-Wl,-z,pack-relative-relocs\") }";
    project.write("build.rs", packed);
    let (gate, json) = gate(&project, "-- --test aborts");
    let sentence = "not judged: 3 tasks of ordinary tests were aborted, or ended by their runtime's end";
    let gate = gate.check(100, &[sentence, "\n  1 task spawned at tests/aborts.rs:6:16, in aborts_and_forgets"]);
    for (at, test) in ["aborts_and_forgets", "forgets", "spawns_when_the_runtime_is_gone"].into_iter().enumerate() {
        assert_eq!(json["not-judged"][at]["tests"], serde_json::json!([test]), "{}", gate.stdout);
    }
}

/// A package whose tokio is a copy in a folder that does not tell what it is.
fn patched(name: &str) -> Project {
    let project = package(name, &[("leaks", LEAKS), ("idle", "#[tokio::test]\nasync fn spawns_nothing() {}\n")]);
    let registry = tokio_of_the_registry(&project);
    copy(&registry, &project.path().join("patched"));
    let manifest = fs::read_to_string(project.path().join("Cargo.toml")).expect("a manifest");
    project.write("Cargo.toml", &(manifest + "[patch.crates-io]\ntokio = { path = \"patched\" }\n"));
    project
}

#[test]
fn tokio_in_a_folder_is_known() {
    let (gate, json) = gate(&patched("unaware-folder"), "-- --test leaks --test idle");
    let gate = gate.check(100, &["15 findings in 14 of 15 ordinary tests"]);
    assert_eq!(found(&json, &without_lightsout(LEAKS)), expected(&PLANTED), "{}", gate.stdout);
    assert_eq!(json["blind"], serde_json::json!([]), "{}", gate.stdout);
}

#[test]
#[ignore = "builds everything once more, optimised; CI asks for it"]
fn optimised_tokio_in_a_folder_is_known() {
    let (gate, json) = gate(&patched("unaware-optimised-folder"), "--release -- --test leaks --test idle");
    let gate = gate.check(100, &["15 findings in 14 of 15 ordinary tests"]);
    assert_eq!(found(&json, &without_lightsout(LEAKS)), expected(&PLANTED), "{}", gate.stdout);
}

/// Returns where cargo has the sources of the tokio that a project is built with.
fn tokio_of_the_registry(project: &Project) -> std::path::PathBuf {
    let mut cargo = std::process::Command::new(std::env::var_os("CARGO").expect("cargo runs tests"));
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // What only other systems need is not there.
    cargo.args(["metadata", "--format-version=1", "--filter-platform", &host]).current_dir(project.path());
    let output = cargo.output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let tokio = packages.iter().find(|it| it["name"] == "tokio").expect("tokio");
    std::path::Path::new(tokio["manifest_path"].as_str().expect("a path")).parent().expect("a folder").to_owned()
}

/// Copies the manifest and the sources of a package.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(&name));
        } else if name != "Cargo.lock" && name != ".cargo-ok" {
            fs::copy(entry.path(), to.join(&name)).expect("a copy");
        }
    }
}

#[test]
fn what_has_ended_is_no_leak() {
    let (gate, json) = gate(&package("unaware-clean", &[("clean", CLEAN)]), "-- --test clean");
    gate.check(0, &["no findings in 10 ordinary tests", "not judged: 3 tasks of ordinary tests"]);
    assert_eq!(json["undecided"], 3);
}

#[test]
fn what_happened_before_the_process_died_is_found() {
    let ends = [
        ("aborts", "fn die() { std::process::abort() }"),
        ("exits", "fn die() { std::process::exit(0) }"),
        ("is_killed", "fn die() { unsafe extern \"C\" { safe fn raise(signal: i32) -> i32; } raise(9); }"),
    ];
    let sources = ends.map(|(name, end)| (name, format!("{DIES}{end}\n")));
    let tests: Vec<(&str, &str)> = sources.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (gate, json) = gate(&package("unaware-dies", &tests), "-- --test * -- --test-threads=1");
    gate.check(101, &["signal: 6", "signal: 9", "3 test binaries died"]);
    let reports = json["leaks"].as_array().expect("reports");
    assert_eq!(reports.len(), ends.len());
    assert_eq!(found(&json, DIES), expected(&[("a_leaks", "leaked-task", 1, "leaked")]));
}

/// What a test that asks for its environment prints: the recorder is not in it, nor in what the test starts.
const ASKS: &str = r#"
fn about_us(text: &str) -> Vec<&str> {
    text.lines().filter(|line| ["LD_PRELOAD", "LIGHTSOUT_PROGRAM", "LIGHTSOUT_RECORDER"].iter().any(|it| line.starts_with(it))).collect()
}

#[tokio::test]
async fn children_have_nothing_of_it() {
    let child = std::process::Command::new("sh").args(["-c", "env; cat /proc/self/maps"]).output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    assert_eq!(about_us(&said), Vec::<&str>::new());
    assert!(!said.contains("liblightsout"), "{said}");
    let own: String = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
    assert_eq!(about_us(&own), EXPECTED);
    tokio::spawn(std::future::pending::<()>()); // seen
    tokio::task::yield_now().await;
}

#[test]
fn errno_stays_when_tasks_are_given_back() {
    unsafe extern "C" { fn __errno_location() -> *mut i32; }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let tasks: Vec<_> = (0..100).map(|_| runtime.spawn(async {})).collect();
    unsafe { *__errno_location() = 77 };
    runtime.block_on(async { for task in tasks { task.await.unwrap() } });
    drop(runtime);
    assert_eq!(unsafe { *__errno_location() }, 77);
}

#[test]
fn forked_child_writes_nothing_and_ends() {
    unsafe extern "C" { safe fn fork() -> i32; safe fn _exit(code: i32) -> !; fn waitpid(id: i32, status: *mut i32, how: i32) -> i32; }
    let child = fork();
    if child == 0 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.spawn(std::future::pending::<()>()); // in the child
        drop(runtime);
        _exit(7);
    }
    let mut status = 0;
    unsafe { waitpid(child, &mut status, 0) };
    assert_eq!(status >> 8, 7);
}
"#;

#[test]
fn program_is_left_as_it_is() {
    let source = ASKS.replace("EXPECTED", "Vec::<&str>::new()");
    let (gate, json) = gate(&package("unaware-asks", &[("asks", &source)]), "-- --test asks");
    let gate = gate.check(100, &["1 finding in 1 of 3 ordinary tests"]);
    let seen = [("children_have_nothing_of_it", "leaked-task", 1, "seen")];
    assert_eq!(found(&json, &source), expected(&seen), "{}", gate.stdout);
}

#[test]
fn other_library_that_was_preloaded_stays() {
    let source = ASKS
        .replace("EXPECTED", "[\"LD_PRELOAD=libm.so.6\"]")
        .replace("about_us(&said), Vec::<&str>::new()", "about_us(&said), [\"LD_PRELOAD=libm.so.6\"]");
    let project = package("unaware-other", &[("asks", &source)]);
    let mut command = project.command("-- --test asks");
    let gate = command.env("CARGO_TARGET_DIR", target()).env("LD_PRELOAD", "libm.so.6").output();
    Gate::from(gate.expect("a gate that starts")).check(100, &["1 finding in 1 of 3 ordinary tests"]);
}

#[test]
fn runner_of_the_project_runs_the_tests_too() {
    let project = package(
        "unaware-runner",
        &[("dies", &format!("{DIES}fn die() {{ assert_eq!(std::env::var(\"ANSWER\").unwrap(), \"42\") }}\n"))],
    );
    let host = format!("[target.{}-unknown-linux-gnu]\nrunner = [\"env\", \"ANSWER=42\"]\n", std::env::consts::ARCH);
    project.write(".cargo/config.toml", &host);
    let (gate, json) = gate(&project, "-- --test dies");
    gate.check(100, &["2 findings in 2 of 2 ordinary tests"]);
    assert_eq!(json["covered"], 2);
    project.write(".cargo/config.toml", "[target.'cfg(unix)']\nrunner = [\"env\", \"ANSWER=42\"]\n");
    let (gate, json) = crate::ordinary::gate(&project, "-- --test dies");
    gate.check(100, &["hint: cargo has a runner for test binaries under a condition"]);
    assert_eq!(json["covered"], 0);
}

/// An allocator that never asks the C library.
const OWN_ALLOCATOR: &str = r#"
use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Bump;

const SIZE: usize = 256 << 20;
static mut MEMORY: [u8; SIZE] = [0; SIZE];
static NEXT: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let at = NEXT.fetch_add(layout.size() + layout.align(), Ordering::Relaxed);
        let start = (&raw mut MEMORY).addr();
        let address = (start + at).next_multiple_of(layout.align());
        (&raw mut MEMORY).cast::<u8>().wrapping_add(address - start)
    }
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: Bump = Bump;

#[tokio::test]
async fn leaks() {
    tokio::spawn(std::future::pending::<()>());
    tokio::task::yield_now().await;
}
"#;

#[test]
fn binary_that_cannot_be_looked_at_is_named_and_not_green() {
    let project = package("unaware-blind", &[("allocates", OWN_ALLOCATOR)]);
    let (gate, json) = gate(&project, "-- --test allocates");
    let sentence = "not looked at: the ordinary tests of tests/allocates.rs of package `unaware-blind`, since its allocations are not recorded";
    gate.check(100, &[sentence, "exit 100: a test binary was not looked at"]);
    assert_eq!((&json["covered"], &json["blind"][0]["binary"]), (&0.into(), &"tests/allocates.rs".into()));
}

/// A test binary that seems to have tasks of tokio.
const SEEMS: &str = "#[used]\nstatic TOKIO: &str = \"/tokio-1.54.1/src/runtime/task/\";\n#[test]\nfn seems() { std::hint::black_box(TOKIO); }\n";

#[test]
fn binaries_that_the_loader_lets_nobody_into_are_named_and_not_green() {
    let project = Project::empty();
    project.write(
        "Cargo.toml",
        "[package]\nname = \"unaware-closed\"\nedition = \"2024\"\n[lib]\ndoctest = false\n[workspace]\n",
    );
    project.write("src/lib.rs", "");
    project.write("tests/seems.rs", SEEMS);
    let check = |rustflags: &str, why: &str| {
        project.write(".cargo/config.toml", &format!("[build]\nrustflags = [{rustflags}]\n"));
        let gate = project.gate("-- --test seems");
        let sentence =
            format!("not looked at: the ordinary tests of tests/seems.rs of package `unaware-closed`, since it {why}");
        gate.check(100, &[&sentence, "exit 100: a test binary was not looked at"]);
    };
    check("\"-C\", \"target-feature=+crt-static\"", "is linked statically");
    let folder = tempfile::tempdir().expect("a folder");
    let loader =
        if cfg!(target_arch = "x86_64") { "/lib64/ld-linux-x86-64.so.2" } else { "/lib/ld-linux-aarch64.so.1" };
    let other = folder.path().join("ld-musl.so.1");
    std::os::unix::fs::symlink(loader, &other).expect("a link");
    check(&format!("\"-C\", \"link-arg=-Wl,--dynamic-linker={}\"", other.display()), "is for another C library");

    let deps = project.path().join("target/debug/deps");
    fs::remove_dir_all(&deps).expect("what was built");
    let none = "\"-C\", \"debuginfo=1\"";
    project.write(".cargo/config.toml", &format!("[build]\nrustflags = [{none}]\n"));
    project.gate("-- --test seems");
    let built = fs::read_dir(deps).expect("a folder").map(|entry| entry.expect("an entry").path());
    for binary in built.filter(|path| path.extension().is_none()) {
        fs::set_permissions(binary, fs::Permissions::from_mode(0o4755)).expect("permissions");
    }
    check(none, "runs as another user");
}

#[test]
fn binary_without_lines_is_named_and_not_green() {
    let project = package("unaware-bare", &[("clean", CLEAN)]);
    project.write(".cargo/config.toml", "[profile.dev.package.unaware-bare]\ndebug = false\nstrip = \"debuginfo\"\n");
    let (gate, _) = gate(&project, "-- --test clean");
    let sentence = "not looked at: the ordinary tests of tests/clean.rs of package `unaware-bare`, since it has no names of functions";
    gate.check(100, &[sentence]);
}

/// A test that puts another program in the place of its own.
const REBUILT: &str = r#"
#[tokio::test]
async fn leaks() {
    tokio::spawn(std::future::pending::<()>());
    tokio::task::yield_now().await;
    let own = std::env::current_exe().unwrap();
    let other = own.with_extension("other");
    std::fs::copy("/bin/sh", &other).unwrap();
    std::fs::rename(other, own).unwrap();
}
"#;

#[test]
fn binary_that_was_built_anew_is_named_and_not_green() {
    let (gate, json) = gate(&package("unaware-rebuilt", &[("rebuilt", REBUILT)]), "-- --test rebuilt");
    let sentence = "not looked at: the ordinary tests of tests/rebuilt.rs of package `unaware-rebuilt`, since its file was built anew";
    gate.check(100, &[sentence, "exit 100: a test binary was not looked at"]);
    assert_eq!(json["leaks"], serde_json::json!([]));
}

/// A test that starts a process, which leaks.
const STARTS: &str = r#"
#[test]
fn starts() {
    let own = std::env::current_exe().unwrap();
    let child = std::process::Command::new(own).args(["--exact", "child", "--ignored"]).output().unwrap();
    assert!(child.status.success());
}

#[tokio::test]
#[ignore = "it is the child"]
async fn child() {
    tokio::spawn(std::future::pending::<()>()); // in the child
    tokio::task::yield_now().await;
}
"#;

#[test]
fn processes_that_tests_start_are_looked_at_by_choice() {
    let project = package("unaware-starts", &[("starts", STARTS)]);
    let (gate_alone, json) = gate(&project, "-- --test starts");
    gate_alone.check(0, &["no findings in 1 ordinary test"]);
    assert_eq!(json["leaks"], serde_json::json!([]));
    let (gate, json) = gate(&project, "--children -- --test starts");
    let gate = gate.check(100, &["leaked-task: 1 task was still alive when its runtime ended"]);
    let found: Vec<_> = found(&json, STARTS).into_iter().map(|(_, kind, count, at)| (kind, count, at)).collect();
    assert_eq!(found, [("leaked-task".to_owned(), 1, "in the child".to_owned())], "{}", gate.stdout);
}

/// A test with tasks of tokio and of an executor that is known by its name.
const OTHERS: &str = r#"
#[tokio::test]
async fn uses_both() {
    tokio::spawn(async {}).await.unwrap();
    async_executor::run();
}
"#;

#[test]
fn tasks_of_other_runtimes_are_named_as_not_looked_at() {
    let project = package("unaware-others", &[("others", OTHERS), ("clean", CLEAN)]);
    let manifest = fs::read_to_string(project.path().join("Cargo.toml")).expect("a manifest");
    let dependency = "[dev-dependencies]\nasync-executor = { path = \"executor\" }\n";
    project.write("Cargo.toml", &manifest.replace("[dev-dependencies]\n", dependency));
    project.write("executor/Cargo.toml", "[package]\nname = \"async-executor\"\nedition = \"2024\"\n");
    project.write("executor/src/lib.rs", "pub fn run() {\n    std::hint::black_box(());\n}\n");
    let (gate, _) = gate(&project, "-- --test others --test clean");
    let gate = gate.check(0, &["no findings in 11 ordinary tests"]);
    let named: Vec<&str> = gate.stdout.lines().filter(|line| line.contains("async-executor")).collect();
    let sentence =
        "not looked at: tasks of smol or async-std (`async-executor`) in tests/others.rs of package `unaware-others`";
    assert_eq!(named, [sentence], "{}", gate.stdout);
}

/// Two tests whose names are cut to the same, and whose functions are too far out on the stack to be seen.
const IN_DOUBT: &str = r#"
fn deeper(calls: usize, act: &mut dyn FnMut()) {
    if calls == 0 { act() } else { deeper(calls - 1, act) }
    std::hint::black_box(calls);
}

fn leak(tasks: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..tasks {
        runtime.spawn(std::future::pending::<()>()); // leak
    }
    runtime.block_on(tokio::task::yield_now());
}

#[test]
fn a_name_that_is_cut_and_leaks_one() {
    deeper(400, &mut || leak(1));
}

#[test]
fn a_name_that_is_cut_and_leaks_two() {
    deeper(400, &mut || leak(2));
}

#[test]
fn a_name_that_is_cut_and_leaks_nothing() {}
"#;

#[test]
fn tests_whose_names_are_cut_are_run_alone_where_nothing_else_tells() {
    let (gate, json) = gate(&package("unaware-doubt", &[("doubt", IN_DOUBT)]), "-- --test doubt");
    let gate = gate.check(100, &["2 findings in 2 of 3 ordinary tests"]);
    let leaks = [("one", 1), ("two", 2)].map(|(name, count)| (format!("a_name_that_is_cut_and_leaks_{name}"), count));
    let leaks: Vec<_> = leaks.iter().map(|(test, count)| (test.as_str(), "leaked-task", *count, "leak")).collect();
    assert_eq!(found(&json, IN_DOUBT), expected(&leaks), "{}", gate.stdout);
}

/// A test that leaks, and fails where a pass sets what the runner does not.
const SEEN: &str = r#"
#[tokio::test]
async fn leaks() {
    assert!(std::env::var_os("BY_THE_USHER").is_none(), "the usher was here");
    tokio::spawn(std::future::pending::<()>()); // leaked
    tokio::task::yield_now().await;
}
"#;

/// Adds a variable to each pass of a test binary.
fn add_to_passes(binary: &str) {
    let passes = fs::read_dir(target().join("lightsout/passes")).expect("a folder");
    let passes = passes.map(|it| it.expect("an entry").path());
    let is_meant = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(binary);
    for pass in passes.filter(is_meant) {
        let bytes = fs::read(&pass).expect("a pass");
        fs::write(pass, [&bytes[..], b"BY_THE_USHER=1\0"].concat()).expect("a file");
    }
}

#[test]
fn binary_that_was_seen_is_run_without_the_runner_until_it_is_built_anew() {
    let project = package("unaware-seen", &[("seen", SEEN)]);
    let check = |code: i32, said: &[&str]| {
        let (gate, json) = gate(&project, "-- --test seen");
        let gate = gate.check(code, said);
        assert_eq!(found(&json, SEEN), expected(&[("leaks", "leaked-task", 1, "leaked")]), "{}", gate.stdout);
    };
    check(100, &["1 finding in 1 of 1 ordinary test"]);
    check(100, &["1 finding in 1 of 1 ordinary test"]);
    add_to_passes("seen-");
    let (gate, _) = gate(&project, "-- --test seen");
    gate.check(101, &["the usher was here"]);
    project.write("tests/seen.rs", &format!("{SEEN}\n"));
    check(100, &["1 finding in 1 of 1 ordinary test"]);
}

#[test]
fn nextest_finds_the_same() {
    if !crate::runners::has_nextest() {
        return;
    }
    let project = package("unaware", &[("leaks", LEAKS)]);
    let (gate, json) = gate(&project, "--runner nextest");
    let gate = gate.check(100, &["15 findings in 14 of 14 ordinary tests; 1 test not looked at"]);
    assert_eq!(found(&json, &without_lightsout(LEAKS)), expected(&PLANTED), "{}", gate.stdout);
}

#[test]
#[ignore = "builds everything once more, optimised; CI asks for it"]
fn optimised_build_is_looked_at() {
    let project = package("unaware-optimised", &[("leaks", LEAKS), ("clean", CLEAN)]);
    let (gate, json) = gate(&project, "--release");
    let gate = gate.check(100, &["15 findings in 14 of 24 ordinary tests; 1 test not looked at"]);
    assert_eq!(found(&json, &without_lightsout(LEAKS)), expected(&PLANTED), "{}", gate.stdout);
}
