//! Tells those that build upon this package where the recorder's sources are: the gate makes a library of them that needs no relinking.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::metadata=recorder={}/src/recorder", env!("CARGO_MANIFEST_DIR"));
}
