//! Which test a thread belongs to whose name the system cut: the one whose own function is among the thread's calls.

use std::collections::BTreeMap;

use super::{Cover, Leak, Whose};
use crate::libtest::Binary;

impl Cover {
    /// Gives tests their whole names, as far as these binaries tell them.
    pub(crate) fn name_tests(&mut self, binaries: &[Binary]) {
        let mut leaks: BTreeMap<Leak, usize> = BTreeMap::new();
        for (mut leak, count) in std::mem::take(&mut self.leaks) {
            if let Whose::Cut(begin, calls) = &leak.whose {
                let binary = binaries.iter().find(|binary| binary.file.as_deref() == Some(&*leak.binary));
                let tests: Vec<&str> = binary.iter().flat_map(|it| &it.tests).map(|test| &*test.name).collect();
                leak.whose = Whose::Named(test_of(begin, calls, &tests));
            }
            *leaks.entry(leak).or_insert(0) += count;
        }
        self.leaks = leaks;
    }
}

/// Returns the only test whose name begins so, else the one whose function was called last before the harness, else as much as is known.
fn test_of(begin: &str, calls: &[String], tests: &[&str]) -> String {
    let candidates: Vec<&str> = tests.iter().filter(|test| test.starts_with(begin)).copied().collect();
    if let [only] = candidates[..] {
        return only.to_owned();
    }
    let called = calls.iter().rev().find_map(|call| candidates.iter().find(|test| is_function_of(call, test)));
    called.map_or_else(|| begin.to_owned() + "..", |test| (*test).to_owned())
}

/// Returns whether `shop::server::stops::{{closure}}` is a part of the test `server::stops`.
fn is_function_of(call: &str, test: &str) -> bool {
    call.match_indices(test).any(|(at, _)| {
        let (before, behind) = (&call[..at], &call[at + test.len()..]);
        before.ends_with("::") && (behind.is_empty() || behind.starts_with("::"))
    })
}

#[cfg(test)]
mod tests {
    use super::test_of;

    const TESTS: [&str; 4] = ["server::stops", "server::stops_twice", "server::stops_late", "client::starts"];

    fn test(begin: &str, calls: &[&str]) -> String {
        let calls: Vec<String> = calls.iter().map(|it| (*it).to_owned()).collect();
        test_of(begin, &calls, &TESTS)
    }

    #[test]
    fn one_name_that_begins_so_is_it() {
        assert_eq!(test("client::start", &[]), "client::starts");
    }

    #[test]
    fn function_of_the_test_tells_it_from_others() {
        let calls = ["tokio::spawn", "shop::helper", "shop::server::stops_twice::{{closure}}", "test::run_test"];
        assert_eq!(test("server::stops", &calls), "server::stops_twice");
        assert_eq!(
            test("server::stops", &["<shop::server::stops as core::ops::FnOnce>::call_once"]),
            "server::stops.."
        );
    }

    #[test]
    fn test_that_another_one_calls_is_not_the_one() {
        assert_eq!(test("server::stops", &["shop::server::stops", "shop::server::stops_late"]), "server::stops_late");
    }

    #[test]
    fn what_cannot_be_told_is_cut() {
        assert_eq!(test("server::stops", &["shop::helper"]), "server::stops..");
    }
}
