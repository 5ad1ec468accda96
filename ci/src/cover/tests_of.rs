//! Which test a thread belongs to whose name the system cut: the one whose own function is among the thread's calls.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cover, Leak, Open, Whose};
use crate::libtest::Binary;

/// Something of a test, or of a thread that may be a test's.
trait OfTest: Clone + Ord {
    /// The file name of the test binary, and whose it is.
    fn of(&self) -> (&str, &Whose);
    fn whose(&mut self) -> &mut Whose;

    /// Returns whether two are alike, but for whose they are.
    fn is_like(&self, other: &Self) -> bool {
        let mut like = other.clone();
        *like.whose() = self.of().1.clone();
        like == *self
    }
}

impl OfTest for Leak {
    fn of(&self) -> (&str, &Whose) {
        (&self.binary, &self.whose)
    }

    fn whose(&mut self) -> &mut Whose {
        &mut self.whose
    }
}

impl OfTest for Open {
    fn of(&self) -> (&str, &Whose) {
        (&self.binary, &self.whose)
    }

    fn whose(&mut self) -> &mut Whose {
        &mut self.whose
    }
}

impl Cover {
    /// Gives tests their whole names, as far as these binaries tell them.
    pub(crate) fn name_tests(&mut self, binaries: &[Binary]) {
        for tasks in [&mut self.leaks, &mut self.undecided] {
            *tasks = named(tasks, binaries);
        }
        self.open = named(&mut self.open, binaries);
    }

    /// Returns the tests of these binaries of which it cannot be told which one left something.
    pub(crate) fn in_doubt<'a>(&self, binaries: &'a [Binary]) -> BTreeSet<&'a str> {
        let tasks = self.leaks.keys().chain(self.undecided.keys()).map(OfTest::of);
        let doubts = tasks.chain(self.open.keys().map(OfTest::of)).filter_map(|(file, whose)| match whose {
            Whose::Cut(begin, _) => Some((file, begin.as_str())),
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
        settle(&mut self.leaks, &alone.leaks);
        settle(&mut self.undecided, &alone.undecided);
        settle(&mut self.open, &alone.open);
    }
}

fn settle<K: OfTest>(all: &mut BTreeMap<K, usize>, alone: &BTreeMap<K, usize>) {
    for (it, count) in std::mem::take(all) {
        let same: Vec<(&K, &usize)> = match it.of().1 {
            Whose::Cut(begin, _) => {
                let is_named = |whose: &Whose| matches!(whose, Whose::Named(name) if name.starts_with(begin));
                alone.iter().filter(|(other, _)| is_named(other.of().1) && other.is_like(&it)).collect()
            }
            _ => Vec::new(),
        };
        if same.is_empty() {
            *all.entry(it).or_insert(0) += count;
        } else {
            // Several doubts may be one, so it is set and not added to.
            all.extend(same.into_iter().map(|(other, count)| (other.clone(), *count)));
        }
    }
}

/// Gives the tests whole names, of which several may become one.
fn named<K: OfTest>(map: &mut BTreeMap<K, usize>, binaries: &[Binary]) -> BTreeMap<K, usize> {
    let mut all = BTreeMap::new();
    for (mut key, count) in std::mem::take(map) {
        if let (file, Whose::Cut(begin, calls)) = key.of() {
            let binary = binaries.iter().find(|binary| binary.file.as_deref() == Some(file));
            if let Some(test) = test_of(begin, calls, &tests_in(binary)) {
                *key.whose() = Whose::Named(test.to_owned());
            }
        }
        *all.entry(key).or_insert(0) += count;
    }
    all
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
    let by_path =
        calls.iter().rev().find_map(|call| candidates.iter().find(|test| is_function_of(call, test)).copied());
    by_path.or_else(|| inlined(calls, &candidates))
}

/// Returns the only test that has the name of the function next to the harness: in optimised programs that is inlined, and its name is without
/// a path.
fn inlined<'a>(calls: &[String], tests: &[&'a str]) -> Option<&'a str> {
    let harness = calls.iter().position(|call| call.starts_with("test::__rust_begin_short_backtrace"))?;
    let is_between = |call: &&String| call.ends_with("call_once") || call.starts_with("{closure#");
    let function = calls[..harness].iter().rev().find(|call| !is_between(call))?;
    let mut same = tests.iter().filter(|test| test.rsplit("::").next() == Some(function));
    same.next().filter(|_| same.next().is_none()).copied()
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
    fn function_that_is_inlined_next_to_the_harness_is_the_test() {
        let inlined = |function: &str| {
            let harness = "test::__rust_begin_short_backtrace::<(), fn()>";
            let calls =
                ["tokio::spawn", "stops", function, "{closure#0}", "core::ops::function::FnOnce::call_once", harness];
            test("server::stops", &calls)
        };
        assert_eq!(inlined("stops_twice"), Some("server::stops_twice"));
        assert_eq!(inlined("helper"), None);
        assert_eq!(test("server::stops", &["stops_twice", "helper"]), None);
    }

    #[test]
    fn what_cannot_be_told_is_left() {
        assert_eq!(test("server::stops", &["shop::helper"]), None);
    }
}
