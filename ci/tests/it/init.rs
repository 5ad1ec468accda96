//! Setting a project up: shown first, written once, put back on an error. Over three shapes of projects.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::project::{Gate, Project, TOKIO, target};

/// What tests are given: cargo must not look for packages elsewhere.
fn init(project: &Project, line: &str) -> Gate {
    let mut command = project.lightsout("init");
    command.args(["--path", checkout().to_str().expect("UTF-8")]).args(line.split_whitespace());
    command.output().expect("the tool").into()
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// Every file of a project but those that cargo makes.
fn files(project: &Project) -> BTreeMap<PathBuf, String> {
    fn add(folder: &Path, files: &mut BTreeMap<PathBuf, String>) {
        for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() && !path.ends_with("target") {
                add(&path, files);
            } else if path.is_file() && !path.ends_with("Cargo.lock") {
                files.insert(path.clone(), fs::read_to_string(&path).expect("text"));
            }
        }
    }
    let mut files = BTreeMap::new();
    add(project.path(), &mut files);
    files
}

const LEAK: &str =
    "#[lightsout::test(start_paused = true)]\nasync fn leaks() {\n    tokio::spawn(std::future::pending::<()>());\n}\n";
const PLAIN: &str = "//! Tests.\n\n#[tokio::test]\nasync fn stops() {}\n";

fn package(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nedition = \"2021\" # ours\n\n[dependencies]\n{TOKIO}\n{more}")
}

/// One package with a library and an integration test.
fn single() -> Project {
    let project = Project::empty();
    project.write("Cargo.toml", &package("single", "\n[lib]\ndoctest = false\n\n[workspace]\n"));
    project.write("src/lib.rs", "//! A library.\n\npub fn f() {}\n");
    project.write("tests/it.rs", PLAIN);
    lock(project)
}

/// A package at the root with a member below it.
fn workspace() -> Project {
    let project = Project::empty();
    project.write("Cargo.toml", &package("root", "\n[workspace]\nmembers = [\"inner\"]\n"));
    project.write("src/main.rs", "fn main() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n}\n");
    project.write("inner/Cargo.toml", "[package]\nname = \"inner\"\nedition = \"2021\"\n");
    project.write("inner/src/lib.rs", "");
    project.write("inner/tests/it.rs", "#[test]\nfn t() {}\n");
    lock(project)
}

/// Members without a package at the root.
fn virtual_manifest() -> Project {
    let project = Project::empty();
    project.write("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n");
    for name in ["shop", "bank"] {
        project.write(&format!("crates/{name}/Cargo.toml"), &package(name, "\n[dev-dependencies]\n# None yet.\n"));
        project.write(&format!("crates/{name}/src/lib.rs"), "");
        project.write(&format!("crates/{name}/tests/it.rs"), PLAIN);
    }
    lock(project)
}

/// The versions of this repository, which are there without a network.
fn lock(project: Project) -> Project {
    fs::copy(checkout().join("Cargo.lock"), project.path().join("Cargo.lock")).expect("a lock file");
    project
}

fn read(project: &Project, path: &str) -> String {
    fs::read_to_string(project.path().join(path)).expect("a file")
}

#[test]
fn single_crate_is_set_up_and_its_first_leak_is_found() {
    let project = single();
    let before = files(&project);
    init(&project, "--dry-run").check(0, &["+lightsout = { path = ", "+use lightsout as _;", "nothing was changed"]);
    init(&project, "").check(0, &["nothing was changed; add `--yes`"]);
    assert_eq!(files(&project), before);
    init(&project, "--yes").check(0, &["--- /dev/null\n+++ b/.github/workflows/lightsout.yml", "written. Next:"]);
    assert!(read(&project, "Cargo.toml").contains("edition = \"2021\" # ours\n"));
    assert!(read(&project, "tests/it.rs").starts_with("//! Tests.\n\nuse lightsout as _;\n\n#[tokio::test]"));
    assert_eq!(read(&project, "src/lib.rs"), "//! A library.\n\npub fn f() {}\n");
    let after = files(&project);
    init(&project, "--yes").check(0, &["everything is there already"]);
    assert_eq!(files(&project), after);
    project.write("tests/it.rs", &(read(&project, "tests/it.rs") + LEAK));
    project
        .gate(&format!("--target-dir {}", target().display()))
        .check(100, &["leaked-task: 1 task is still alive after the test", "  tests       leaks"]);
}

#[test]
fn workspace_with_a_root_package_is_set_up() {
    let project = workspace();
    init(&project, "--yes --no-workflow").check(0, &["written."]);
    assert!(read(&project, "Cargo.toml").contains("[dev-dependencies]\nlightsout = "));
    assert!(read(&project, "src/main.rs").starts_with("#[cfg(test)]\nuse lightsout as _;\n\nfn main() {}"));
    assert!(!read(&project, "inner/Cargo.toml").contains("lightsout"), "it has no tokio");
    assert!(!project.path().join(".github").exists());
    init(&project, "--yes --no-workflow").check(0, &["everything is there already"]);
}

#[test]
fn virtual_manifest_is_set_up() {
    let project = virtual_manifest();
    init(&project, "--yes --tokio-unstable").check(0, &["written."]);
    assert_eq!(read(&project, "Cargo.toml"), "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"2\"\n");
    for name in ["shop", "bank"] {
        assert!(
            read(&project, &format!("crates/{name}/Cargo.toml")).contains("# None yet.\nlightsout = ")
                || read(&project, &format!("crates/{name}/Cargo.toml")).contains("[dev-dependencies]\nlightsout = ")
        );
        assert!(read(&project, &format!("crates/{name}/tests/it.rs")).contains("use lightsout as _;"));
    }
    assert_eq!(read(&project, ".cargo/config.toml"), "[build]\nrustflags = [\"--cfg\", \"tokio_unstable\"]\n");
    init(&project, "--yes --tokio-unstable").check(0, &["everything is there already"]);
}

#[test]
fn what_cargo_does_not_take_is_put_back() {
    let project = single();
    let before = files(&project);
    let mut command = project.lightsout("init --yes --path no/such/checkout");
    let gate = Gate::from(command.output().expect("the tool"));
    gate.check(
        96,
        &["failed to set up `the project`: every file is again as it was:", "hint: where lightsout comes from"],
    );
    assert_eq!(files(&project), before);
    assert!(!project.path().join(".github").exists());
}

#[test]
fn project_without_tokio_exits_with_96() {
    let project = Project::new(&[]);
    init(&project, "--yes").check(96, &["there is none, so there are no tasks to look for"]);
}

#[test]
fn test_crate_that_is_no_rust_is_told() {
    let project = single();
    project.write("tests/odd.rs", "fn broken( {\n");
    init(&project, "--yes")
        .check(0, &["by hand: ", "tests/odd.rs is no plain Rust; add this line to it: use lightsout as _;"]);
}

#[test]
fn written_through_a_link() {
    let project = single();
    let (link, real) = (project.path().join("tests/it.rs"), project.path().join("real.rs"));
    fs::rename(&link, &real).expect("a file");
    if Command::new("ln").arg("-s").arg(&real).arg(&link).status().is_ok() {
        init(&project, "--yes").check(0, &["written."]);
        assert!(fs::read_to_string(&real).expect("a file").contains("use lightsout as _;"));
    }
}
