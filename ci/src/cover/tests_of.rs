//! Which test a thread belongs to whose name the system cut: the one whose own function is among the thread's calls.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cover, Leak, Whose};
use crate::libtest::Binary;

impl Cover {
    /// Gives tests their whole names, as far as these binaries tell them.
    pub(crate) fn name_tests(&mut self, binaries: &[Binary]) {
        for tasks in [&mut self.leaks, &mut self.undecided] {
            *tasks = renamed(tasks, |leak| name(&leak.binary, &mut leak.whose, binaries));
        }
        self.open = renamed(&mut self.open, |open| name(&open.binary, &mut open.whose, binaries));
    }
}

impl Cover {
    /// Returns the tests of these binaries of which it cannot be told which one left something.
    pub(crate) fn in_doubt<'a>(&self, binaries: &'a [Binary]) -> BTreeSet<&'a str> {
        let doubts = self.leaks.keys().filter_map(|leak| match &leak.whose {
            Whose::Cut(begin, _) => Some((leak.binary.as_str(), begin.as_str())),
            _ => None,
        });
        let tests = doubts.flat_map(|(file, begin)| {
            let binary = binaries.iter().find(|binary| binary.file.as_deref() == Some(file));
            tests_in(binary).into_iter().filter(move |test| test.starts_with(begin))
        });
        tests.collect()
    }

    /// Takes what was in doubt from runs of single tests, as far as they show the same.
    pub(crate) fn settle(&mut self, alone: &Self) {
        for (leak, count) in std::mem::take(&mut self.leaks) {
            let Whose::Cut(begin, _) = &leak.whose else {
                *self.leaks.entry(leak).or_insert(0) += count;
                continue;
            };
            let is_the_same = |it: &Leak| {
                (&it.binary, it.fate, &it.site, &it.runs) == (&leak.binary, leak.fate, &leak.site, &leak.runs)
                    && matches!(&it.whose, Whose::Named(name) if name.starts_with(begin))
            };
            let same: Vec<(&Leak, &usize)> = alone.leaks.iter().filter(|(it, _)| is_the_same(it)).collect();
            if same.is_empty() {
                self.leaks.insert(leak, count);
            } else {
                // Several doubts may be one, so it is set and not added to.
                self.leaks.extend(same.into_iter().map(|(leak, count)| (leak.clone(), *count)));
            }
        }
    }
}

/// Changes keys, of which several may become one.
fn renamed<K: Ord>(map: &mut BTreeMap<K, usize>, change: impl Fn(&mut K)) -> BTreeMap<K, usize> {
    let mut all = BTreeMap::new();
    for (mut key, count) in std::mem::take(map) {
        change(&mut key);
        *all.entry(key).or_insert(0) += count;
    }
    all
}

fn name(file: &str, whose: &mut Whose, binaries: &[Binary]) {
    if let Whose::Cut(begin, calls) = whose {
        let binary = binaries.iter().find(|binary| binary.file.as_deref() == Some(file));
        if let Some(test) = test_of(begin, calls, &tests_in(binary)) {
            *whose = Whose::Named(test.to_owned());
        }
    }
}

fn tests_in(binary: Option<&Binary>) -> Vec<&str> {
    binary.iter().flat_map(|it| &it.tests).map(|test| &*test.name).collect()
}

/// Returns the only test whose name begins so, else the one whose function was called last before the harness.
fn test_of<'a>(begin: &str, calls: &[String], tests: &[&'a str]) -> Option<&'a str> {
    let candidates: Vec<&str> = tests.iter().filter(|test| test.starts_with(begin)).copied().collect();
    if let [only] = candidates[..] {
        return Some(only);
    }
    calls.iter().rev().find_map(|call| candidates.iter().find(|test| is_function_of(call, test)).copied())
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

    fn test(begin: &str, calls: &[&str]) -> Option<&'static str> {
        let calls: Vec<String> = calls.iter().map(|it| (*it).to_owned()).collect();
        test_of(begin, &calls, &TESTS)
    }

    #[test]
    fn one_name_that_begins_so_is_it() {
        assert_eq!(test("client::start", &[]), Some("client::starts"));
    }

    #[test]
    fn function_of_the_test_tells_it_from_others() {
        let calls = ["tokio::spawn", "shop::helper", "shop::server::stops_twice::{{closure}}", "test::run_test"];
        assert_eq!(test("server::stops", &calls), Some("server::stops_twice"));
        assert_eq!(test("server::stops", &["<shop::server::stops as core::ops::FnOnce>::call_once"]), None);
    }

    #[test]
    fn test_that_another_one_calls_is_not_the_one() {
        let calls = ["shop::server::stops", "shop::server::stops_late"];
        assert_eq!(test("server::stops", &calls), Some("server::stops_late"));
    }

    #[test]
    fn what_cannot_be_told_is_left() {
        assert_eq!(test("server::stops", &["shop::helper"]), None);
    }
}
