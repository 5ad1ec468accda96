//! Plans that failed, kept in a file beside the package's manifest, a plan a line, and tried first the next time.
//!
//! What users of proptest know: the file belongs into version control, and a plan is taken out by hand once it says nothing any more.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::disturb::plan::Plan;
use crate::error::Error;

/// The folder beside the package's manifest.
pub(crate) const FOLDER: &str = "lightsout-regressions";

const HEAD: &str = "\
# Plans under which this test has failed. They are tried first; keep this file in version control, and take a line out once the
# program has changed so much that it says nothing any more.
";

/// Returns the plans that are kept for a test; none without a folder.
///
/// # Errors
///
/// If the file cannot be read, or has a line that is no plan.
pub(super) fn read(folder: Option<&Path>, test: &str) -> Result<Vec<Plan>, Error> {
    let Some(file) = folder.map(|folder| path(folder, test)) else { return Ok(Vec::new()) };
    match fs::read_to_string(&file) {
        Ok(text) => plans(&text).map(|plan| plan.map_err(|error| Error::regressions(&file, error))).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(Error::read_regressions(&file, cause)),
    }
}

/// Keeps a plan, unless it is kept already.
///
/// # Errors
///
/// If the file cannot be read or written.
pub(super) fn keep(folder: Option<&Path>, test: &str, plan: &Plan, why: &str) -> Result<(), Error> {
    let Some(folder) = folder.filter(|_| !plan.is_undisturbed()) else { return Ok(()) };
    if read(Some(folder), test)?.contains(plan) {
        return Ok(());
    }
    let file = path(folder, test);
    let before = fs::read_to_string(&file).unwrap_or_else(|_| HEAD.to_owned());
    let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(&temporary, format!("{before}{plan}  # {why}\n")))
        .and_then(|()| fs::rename(&temporary, &file));
    written.map_err(|cause| Error::write_regressions(&file, cause))
}

/// Returns the file of a test: `orders::drain` is in `orders-drain.txt`.
fn path(folder: &Path, test: &str) -> PathBuf {
    let name = test.replace("::", "-");
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    folder.join(format!("{}.txt", name.chars().map(safe).collect::<String>()))
}

fn plans(text: &str) -> impl Iterator<Item = Result<Plan, Error>> {
    let plans = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    plans.filter(|plan| !plan.is_empty()).map(str::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remarks_are_no_plans() {
        let text = format!("{HEAD}\nSIGTERM@4  # leaked-task at src/a.rs:3\n\ndelay@2\n");
        let plans: Vec<String> = plans(&text).map(|plan| plan.unwrap().to_string()).collect();
        assert_eq!(plans, ["SIGTERM@4", "delay@2"]);
    }

    #[test]
    fn module_path_becomes_a_file_name() {
        assert_eq!(path(Path::new("a"), "orders::drain case/1"), Path::new("a/orders-drain-case-1.txt"));
    }
}
