//! A copy of tokio that notes the life of every task, by tokio's own hooks.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::source::{cargo, copy, folder_of, packages};

/// Where the copy writes to, a file for each process.
pub(crate) const FOLDER: &str = "WITNESS_FOLDER";
/// Hooks are there only with it.
pub(crate) const FLAGS: &str = "--cfg tokio_unstable";

const WITNESS: &str = include_str!("../theirs/witness.rs");

/// A file of tokio, what must stand there once, and what is put behind it.
const INSERTED: [(&str, &str, &str); 4] = [
    ("src/runtime/mod.rs", "    mod task_hooks;\n", "    mod witness;\n"),
    (
        "src/runtime/builder.rs",
        "    pub fn build(&mut self) -> io::Result<Runtime> {\n",
        "        super::witness::watched(self, Self::build_unwatched, |runtime| runtime.handle().id())\n    }\n\n    \
         fn build_unwatched(&mut self) -> io::Result<Runtime> {\n",
    ),
    (
        "src/runtime/runtime.rs",
        "impl Drop for Runtime {\n    fn drop(&mut self) {\n",
        "        super::witness::closes(&self.handle);\n",
    ),
    (
        "src/runtime/runtime.rs",
        "    pub fn shutdown_timeout(mut self, duration: Duration) {\n",
        "        super::witness::closes(&self.handle);\n",
    ),
];

/// A project that is built with such a tokio.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) folder: PathBuf,
    /// `tokio-1.54.1`.
    pub(crate) tokio: String,
}

/// Copies a project, and makes the copy use such a tokio: of the version that the project has, or else, with all others, the
/// newest, since old ones do not tell hooks the place.
pub(crate) fn watch(project: &Path, folder: &Path) -> Watched {
    let copied = folder.join(project.file_name().expect("a project's folder has a name"));
    let _ = fs::remove_dir_all(&copied);
    copy(project, &copied).unwrap_or_else(|error| panic!("{} is copied: {error}", project.display()));
    let mut published = tokio(&copied);
    if !fs::read_to_string(published.join("src/runtime/task_hooks.rs")).is_ok_and(|text| text.contains("fn spawned_at"))
    {
        cargo(&copied, &["update", "--quiet"]);
        published = tokio(&copied);
    }
    let name = published.file_name().expect("a package's folder has a name");
    let inserted = folder.join(name);
    if !inserted.exists() {
        copy(&published, &inserted).expect("tokio is copied");
        insert(&inserted);
    }
    fs::create_dir_all(copied.join(".cargo")).expect("a folder");
    let patch = format!("[patch.crates-io]\ntokio.path = {inserted:?}\n");
    fs::write(copied.join(".cargo/config.toml"), patch).expect("a file");
    assert_eq!(tokio(&copied), inserted, "the copy of tokio is used");
    Watched { folder: copied, tokio: name.to_string_lossy().into_owned() }
}

/// Returns where the tokio 1 is that a project is built with.
fn tokio(project: &Path) -> PathBuf {
    let is_it = |package: &Value| {
        package["name"] == "tokio" && package["version"].as_str().is_some_and(|it| it.starts_with("1."))
    };
    let all: Vec<PathBuf> = packages(project).iter().filter(|package| is_it(package)).map(folder_of).collect();
    let [one] = &all[..] else { panic!("{} has not one tokio: {all:?}", project.display()) };
    one.clone()
}

fn insert(tokio: &Path) {
    fs::write(tokio.join("src/runtime/witness.rs"), WITNESS).expect("a file");
    for (file, anchor, inserted) in INSERTED {
        let path = tokio.join(file);
        let text = fs::read_to_string(&path).expect("a file of tokio");
        assert_eq!(text.matches(anchor).count(), 1, "`{anchor}` stands once in {}", path.display());
        fs::write(&path, text.replace(anchor, &format!("{anchor}{inserted}"))).expect("a file");
    }
}
