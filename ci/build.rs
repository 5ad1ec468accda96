//! Compiles the recorder as a library that is preloaded into test binaries, `lightsout`'s own sources behind another door, and the usher that
//! cargo runs in their place.
//!
//! They have no dependency, so the compiler alone is enough. Where records cannot be made there is neither.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_recorder)");
    println!("cargo::rerun-if-changed=recorder");
    println!("cargo::rerun-if-changed=usher");
    let recorder = PathBuf::from(set("DEP_LIGHTSOUT_RECORDER"));
    println!("cargo::rerun-if-changed={}", recorder.display());
    let door = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorder/door.rs");
    if is_possible() {
        compile(&root(&recorder, &door), "cdylib", "recorder.so", &LIBRARY);
        compile(&Path::new(env!("CARGO_MANIFEST_DIR")).join("usher/main.rs"), "bin", "usher", &PROGRAM);
        println!("cargo::rustc-cfg=has_recorder");
    }
}

fn is_possible() -> bool {
    let is = |name: &str, values: &[&str]| env::var(name).is_ok_and(|value| values.contains(&&*value));
    is("CARGO_CFG_TARGET_OS", &["linux"])
        && is("CARGO_CFG_TARGET_ENV", &["gnu"])
        && is("CARGO_CFG_TARGET_ARCH", &["x86_64", "aarch64"])
}

fn set(name: &str) -> OsString {
    env::var_os(name).unwrap_or_else(|| panic!("cargo sets `{name}`"))
}

/// Writes the root of the crate, which names the two places that it is made of.
fn root(recorder: &Path, door: &Path) -> PathBuf {
    let root = PathBuf::from(set("OUT_DIR")).join("recorder.rs");
    let module = |path: &Path, name: &str| format!("#[path = {:?}]\nmod {name};\n", path.display().to_string());
    let text = module(&recorder.join("mod.rs"), "recorder") + &module(door, "door");
    fs::write(&root, text).unwrap_or_else(|error| panic!("failed to write `{}`: {error}", root.display()));
    root
}

/// It must neither unwind into the program that it is in, nor be where an unwinder ends.
const LIBRARY: [&str; 3] = ["opt-level=3", "panic=abort", "force-unwind-tables=yes"];

/// It is started for each test binary, and so is small and has nothing to be linked when it starts.
const PROGRAM: [&str; 6] = [
    "opt-level=s",
    "panic=abort",
    "relocation-model=static",
    "link-arg=-nostartfiles",
    "link-arg=-nostdlib",
    "link-arg=-static",
];

fn compile(root: &Path, sort: &str, name: &str, settings: &[&str]) {
    let made = PathBuf::from(set("OUT_DIR")).join(name);
    let mut command = Command::new(set("RUSTC"));
    let crate_name = format!("lightsout_{}", name.trim_end_matches(".so"));
    command.args(["--crate-type", sort, "--crate-name", &crate_name, "--edition", "2024"]);
    command.args(["--cap-lints", "allow", "--target"]).arg(set("TARGET"));
    for setting in settings.iter().chain(&["codegen-units=1", "lto=fat", "strip=symbols"]) {
        command.args(["-C", setting]);
    }
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        command.arg("-C").arg([OsString::from("linker="), linker].into_iter().collect::<OsString>());
    }
    let status = command.arg("-o").arg(made).arg(root).status();
    assert!(status.is_ok_and(|status| status.success()), "the compiler makes no `{name}`: {command:?}");
}
