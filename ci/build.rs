//! Compiles the recorder as a library that is preloaded into test binaries: `lightsout`'s own sources behind another door.
//!
//! It has no dependency, so the compiler alone is enough. Where records cannot be made there is none.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(has_recorder)");
    println!("cargo::rerun-if-changed=recorder");
    let recorder = PathBuf::from(set("DEP_LIGHTSOUT_RECORDER"));
    println!("cargo::rerun-if-changed={}", recorder.display());
    let door = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorder/door.rs");
    if is_possible() {
        compile(&root(&recorder, &door));
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

fn compile(root: &Path) {
    let library = PathBuf::from(set("OUT_DIR")).join("recorder.so");
    let mut command = Command::new(set("RUSTC"));
    command.args(["--crate-type", "cdylib", "--crate-name", "lightsout_recorder", "--edition", "2024"]);
    command.args(["--cap-lints", "allow", "--target"]).arg(set("TARGET"));
    // It must neither unwind into the program that it is in, nor be where an unwinder ends.
    for setting in
        ["opt-level=3", "codegen-units=1", "panic=abort", "force-unwind-tables=yes", "lto=fat", "strip=symbols"]
    {
        command.args(["-C", setting]);
    }
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        command.arg("-C").arg([OsString::from("linker="), linker].into_iter().collect::<OsString>());
    }
    let status = command.arg("-o").arg(library).arg(root).status();
    assert!(status.is_ok_and(|status| status.success()), "the compiler makes no library of the recorder: {command:?}");
}
