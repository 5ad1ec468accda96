//! Writes down the modules of the corpus, which are read where they are.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What shuttle-tokio 1.0 cannot build: `WeakSender`, `AbortOnDropHandle` over its own handles, `Runtime::shutdown_timeout`.
const NOT_BUILT: [&str; 3] = ["ccteam_116", "vector_store_518", "ai_memory_mcp_3888"];

fn main() -> io::Result<()> {
    let sources =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../corpus/src").canonicalize()?;
    println!("cargo::rerun-if-changed={}", sources.display());
    let (mut modules, mut cases) = (String::new(), String::new());
    for family in ["goker", "rust", "uber"] {
        modules += &format!("mod {family} {{\n");
        for file in files(&sources.join(family))? {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if !NOT_BUILT.contains(&&*name) {
                modules += &format!("    #[path = {file:?}]\n    pub(crate) mod {name};\n");
                cases += &format!("{family}::{name}::CASE, ");
            }
        }
        modules += "}\n";
    }
    let text = format!("{modules}\nconst CASES: &[Case] = &[{cases}];\n");
    fs::write(Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("cases.rs"), text)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
