//! A part of a suite: `--shard 2/3` runs the second third of its tests, told by their names, so that every test is in one part,
//! whatever is added or taken away.

use std::ffi::OsString;
use std::process::Stdio;

use crate::cli::Shard;
use crate::error::Error;
use crate::suite::Suite;

/// The arguments of the invocations of `cargo test` that run one part.
pub(crate) fn invocations(suite: &Suite<'_>, shard: Shard) -> Result<Vec<Vec<OsString>>, Error> {
    let rest = Rest::split(&suite.gate.rest);
    if let Some(filter) = rest.filters.first() {
        return Err(Error::shard_with_filter(&filter.to_string_lossy()));
    }
    let listed = list(suite, &rest)?;
    let (documentation, tests): (Vec<&str>, Vec<&str>) = names(&listed).partition(|name| is_documentation(name));
    let tests: Vec<OsString> = tests.into_iter().filter(|name| shard.has(name)).map(OsString::from).collect();
    let mut invocations = Vec::new();
    // Without a name everything would run.
    if !tests.is_empty() {
        let mut arguments = rest.cargo.clone();
        arguments.extend(["--".into(), "--exact".into()]);
        arguments.extend(rest.harness.iter().cloned().chain(tests));
        invocations.push(arguments);
    }
    // rustdoc breaks names into words, so its tests cannot be asked for by name: all of them belong to the first part.
    if !documentation.is_empty() && shard.number == 1 {
        let mut arguments = rest.cargo;
        arguments.extend(["--doc".into(), "--".into()]);
        arguments.extend(rest.harness);
        invocations.push(arguments);
    }
    Ok(invocations)
}

/// What stands after `--`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rest {
    cargo: Vec<OsString>,
    /// Options of libtest.
    harness: Vec<OsString>,
    /// Names of tests, which cannot be had together with those of a part.
    filters: Vec<OsString>,
}

impl Rest {
    fn split(rest: &[OsString]) -> Self {
        const WITH_VALUE: [&str; 7] =
            ["--test-threads", "--skip", "--logfile", "--color", "--format", "--shuffle-seed", "-Z"];
        let mut parts = rest.splitn(2, |arg| *arg == "--");
        let mut split = Self { cargo: parts.next().unwrap_or_default().to_vec(), ..Self::default() };
        let mut arguments = parts.next().unwrap_or_default().iter();
        while let Some(argument) = arguments.next() {
            let text = argument.to_string_lossy();
            if !text.starts_with('-') {
                split.filters.push(argument.clone());
                continue;
            }
            split.harness.push(argument.clone());
            if WITH_VALUE.contains(&&*text) {
                split.harness.extend(arguments.next().cloned());
            }
        }
        split
    }
}

fn list(suite: &Suite<'_>, rest: &Rest) -> Result<String, Error> {
    let mut command = suite.cargo.command();
    command.arg("test").args(suite.gate.cargo_args()).args(["--config", "term.quiet=true"]).args(&rest.cargo);
    command.arg("--").args(&rest.harness).args(["--list", "--format", "terse"]).stdin(Stdio::null());
    let output = command.output().map_err(|error| Error::run_cargo(&suite.cargo.program, &error))?;
    if !output.status.success() {
        return Err(Error::list_tests(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads `server::stops: test`.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.lines().filter_map(|line| line.strip_suffix(": test"))
}

/// `src/lib.rs - stop (line 12)`.
fn is_documentation(name: &str) -> bool {
    name.contains(" - ") && name.contains(" (line ")
}

impl Shard {
    /// Returns whether a test is in this part: the same on every machine and for every release.
    fn has(self, test: &str) -> bool {
        // FNV-1a.
        let hash = test
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        hash % u64::from(self.of) == u64::from(self.number - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Rest, is_documentation, names};
    use crate::cli::Shard;

    #[test]
    fn every_test_is_in_one_part() {
        for test in (0..1_000).map(|number| format!("module::test_{number}")) {
            let parts = (1..=3).filter(|number| Shard { number: *number, of: 3 }.has(&test)).count();
            assert_eq!(parts, 1, "{test}");
        }
    }

    #[test]
    fn parts_are_alike_in_size() {
        let tests = (0..3_000).map(|number| format!("module::test_{number}"));
        let size = tests.filter(|test| Shard { number: 2, of: 3 }.has(test)).count();
        assert!((900..1_100).contains(&size), "{size}");
    }

    #[test]
    fn options_and_filters_are_told_apart() {
        let rest: Vec<_> =
            "--locked -- --test-threads 1 --skip slow --nocapture stops".split(' ').map(Into::into).collect();
        let split = Rest::split(&rest);
        assert_eq!(split.cargo, ["--locked"]);
        assert_eq!(split.harness, ["--test-threads", "1", "--skip", "slow", "--nocapture"]);
        assert_eq!(split.filters, ["stops"]);
    }

    #[test]
    fn list_is_read() {
        let list = "server::stops: test\nbench: benchmark\nsrc/lib.rs - stop (line 12): test\n";
        let names: Vec<_> = names(list).collect();
        assert_eq!(names, ["server::stops", "src/lib.rs - stop (line 12)"]);
        assert!(is_documentation(names[1]) && !is_documentation(names[0]));
    }
}
