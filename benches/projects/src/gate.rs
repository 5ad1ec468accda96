//! What a gate says of a suite.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::place::Place;

/// Tasks of one test, spawned at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pair {
    /// The file name of the test binary; empty where that is not told.
    pub(crate) binary: String,
    /// Empty for what no test began.
    pub(crate) test: String,
    pub(crate) place: Place,
}

/// What a gate wrote for programs.
#[derive(Debug)]
pub(crate) struct Verdict(Value);

impl Verdict {
    pub(crate) fn read(json: &Path) -> Self {
        let text =
            fs::read_to_string(json).unwrap_or_else(|error| panic!("the gate wrote no {}: {error}", json.display()));
        Self(serde_json::from_str(&text).expect("the gate writes JSON"))
    }

    /// Returns where it keeps the log of the run.
    pub(crate) fn log(&self) -> &Path {
        Path::new(self.0["log"].as_str().unwrap_or_else(|| panic!("there was no run: {}", self.summary())))
    }

    pub(crate) fn summary(&self) -> &str {
        self.0["summary"].as_str().unwrap_or_default()
    }

    /// Returns how many findings there are, and in how many tests.
    pub(crate) fn findings(&self) -> (usize, usize) {
        let leaks = list(&self.0["leaks"]);
        (leaks.iter().map(|leak| list(&leak["findings"]).len()).sum(), leaks.len())
    }

    /// Returns the binaries that it could not look at, with the reason.
    pub(crate) fn blind(&self) -> Vec<String> {
        let name = |it: &Value| format!("{} ({})", text(&it["binary"]), text(&it["why"]));
        list(&self.0["blind"]).iter().map(name).collect()
    }

    /// Returns what it tells, with the number of tasks.
    pub(crate) fn told(&self) -> Vec<(Pair, usize)> {
        let leaks = list(&self.0["leaks"]).iter().flat_map(|leak| {
            let findings = list(&leak["findings"]).iter().filter(|finding| finding["kind"] == "leaked-task");
            findings.map(|finding| {
                let place = Place::of_json(&finding["sites"][0]);
                let pair = Pair { binary: text(&leak["binary"]), test: test(&leak["test"]), place };
                (pair, count(&finding["count"]))
            })
        });
        leaks.collect()
    }

    /// Returns what it names as not judged, with the number of tasks of all tests of a place.
    pub(crate) fn not_judged(&self) -> Vec<(Vec<Pair>, usize)> {
        let places = list(&self.0["not-judged"]).iter().map(|tasks| {
            let pair = |it| Pair { binary: String::new(), test: test(it), place: Place::of_json(&tasks["site"]) };
            (list(&tasks["tests"]).iter().map(pair).collect(), count(&tasks["count"]))
        });
        places.collect()
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn count(value: &Value) -> usize {
    value.as_u64().unwrap_or_default() as usize
}

fn test(name: &Value) -> String {
    name.as_str().filter(|name| !name.starts_with("(no test")).unwrap_or_default().to_owned()
}
