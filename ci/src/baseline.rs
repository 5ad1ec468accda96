//! The findings that a team knows of and has not yet mended: what lets a gate go into a code base full of leaks.
//!
//! A file with one finding a line, sorted, so that a change is a line of a diff and a merge conflict is mended by keeping the lines
//! of both sides. A finding is known by package, test, kind and place, where the place is a function and how far into it: lines above
//! the function may come and go. A line that moved within its function is known by its text, as long as that names one finding only.
//!
//! The file only shrinks by itself: what is gone must be taken out, and what is new is taken in only when that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lightsout::{Ending, Finding, Kind, Report};
use serde::{Deserialize, Serialize};

use crate::cli::Update;
use crate::error::Error;
use crate::libtest::TestResult;
use crate::place::{Place, Places};
use crate::verdict::{Verdict, Whole};
use crate::words;

/// The version of the file's form.
const VERSION: u32 = 1;

/// What the file is called, in the folder of the workspace.
pub(crate) const FILE: &str = "lightsout-baseline.json";

/// One known finding: a line of the file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Entry {
    /// `None` where the test runner does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) package: Option<String>,
    pub(crate) test: String,
    pub(crate) kind: Kind,
    /// `None` for a finding without a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// `None` where no function could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<String>,
    /// In lines, from the function's name or from the begin of the file.
    #[serde(default)]
    pub(crate) offset: i64,
    /// The line itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// Why it is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What of a finding does not change with a line's place in its function.
type Key<'a> = (Option<&'a str>, &'a str, Kind, Option<&'a str>, Option<&'a str>);

impl Entry {
    fn of(report: &Report, finding: &Finding, places: &mut Places) -> Self {
        let place = finding.sites().first().map(|site| places.of(site));
        let Place { file, function, offset, code } = place.clone().unwrap_or_default();
        Self {
            package: report.package().map(str::to_owned),
            test: report.test().to_owned(),
            kind: finding.kind(),
            file: place.is_some().then_some(file),
            function,
            offset,
            code,
            reason: None,
        }
    }

    fn key(&self) -> Key<'_> {
        (self.package.as_deref(), &self.test, self.kind, self.file.as_deref(), self.function.as_deref())
    }

    fn is_at_the_place_of(&self, other: &Self) -> bool {
        self.key() == other.key() && self.offset == other.offset
    }
}

/// The file, as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    version: u32,
    findings: Vec<Entry>,
}

/// The baseline before a run.
#[derive(Debug)]
pub(crate) struct Baseline {
    path: PathBuf,
    /// `None` where there is no file.
    entries: Option<Vec<Entry>>,
}

impl Baseline {
    /// Reads the file; there need not be one, unless it was asked for by name.
    pub(crate) fn read(named: Option<&Path>, root: &Path, update: Option<Update>) -> Result<Self, Error> {
        let path = named.map_or_else(|| root.join(FILE), Path::to_owned);
        let entries = match fs::read_to_string(&path) {
            Ok(text) => Some(parse(&text, &path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound && (named.is_none() || update.is_some()) => None,
            Err(error) => return Err(Error::read_baseline(&path, &error)),
        };
        Ok(Self { path, entries })
    }

    /// Sets what was found against what was known.
    pub(crate) fn compare(self, verdict: &Verdict, places: &mut Places, extent: Extent) -> Ratchet {
        let written = self.entries.is_some();
        let mut entries = self.entries.unwrap_or_default();
        let found = found(verdict, places);
        let matched = matched(&entries, &found);
        let mut known = BTreeMap::new();
        let mut new = BTreeSet::new();
        for ((at, entry), matched) in found.iter().zip(&matched) {
            match matched {
                Some(index) => {
                    known.insert(*at, entries[*index].reason.clone());
                }
                None if entry.kind == Kind::Vacuous => {}
                None => {
                    new.insert(entry.clone());
                }
            }
        }
        for ((_, entry), index) in found.iter().zip(&matched).filter_map(|(found, index)| Some((found, (*index)?))) {
            let reason = entries[index].reason.take();
            entries[index] = Entry { reason, ..entry.clone() };
        }
        let used: BTreeSet<usize> = matched.iter().flatten().copied().collect();
        let (mut kept, mut gone, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        let looked_at = looked_at(verdict);
        for (index, entry) in entries.into_iter().enumerate() {
            let test = (entry.package.clone(), entry.test.clone());
            match looked_at.get(&test) {
                _ if used.contains(&index) => kept.push(entry),
                Some(Looked::ToTheEnd) => gone.push(entry),
                Some(Looked::NotToTheEnd) => kept.push(entry),
                None => absent.push(entry),
            }
        }
        let new = new.into_iter().collect();
        Ratchet { path: self.path, written, known, new, kept, gone, absent, extent }
    }
}

/// How much of a suite a run was to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Extent {
    /// Every test of the packages.
    Whole,
    /// Those that a filter or a shard leaves.
    #[default]
    Part,
}

/// What a run says of a baseline.
#[derive(Debug, Default)]
pub(crate) struct Ratchet {
    path: PathBuf,
    /// Whether there is a file.
    written: bool,
    /// The reasons of known findings, by the numbers of report and finding.
    known: BTreeMap<(usize, usize), Option<String>>,
    /// Findings that are not in the file and may be taken in.
    new: Vec<Entry>,
    /// Known findings that are still there, or whose test did not come to its end.
    kept: Vec<Entry>,
    /// Known findings that are not there any more.
    pub(crate) gone: Vec<Entry>,
    /// Known findings of tests that this run did not check.
    pub(crate) absent: Vec<Entry>,
    extent: Extent,
}

/// What an update did to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Updated {
    pub(crate) removed: usize,
    pub(crate) added: usize,
    pub(crate) left: usize,
}

impl Ratchet {
    /// Returns the reason of a known finding, told by the numbers of its report and its own; `None` for one that is not known.
    pub(crate) fn known(&self, report: usize, finding: usize) -> Option<Option<&str>> {
        self.known.get(&(report, finding)).map(Option::as_deref)
    }

    /// Returns how many findings are known.
    pub(crate) fn known_count(&self) -> usize {
        self.known.len()
    }

    /// Returns where the file is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether there is a file.
    pub(crate) fn is_written(&self) -> bool {
        self.written
    }

    /// Writes the file anew, and holds the run against what is then in it. `numbers` names the findings of the run.
    pub(crate) fn update(
        &mut self,
        how: Update,
        numbers: impl Iterator<Item = (usize, usize)>,
    ) -> Result<Updated, Error> {
        let mut entries = std::mem::take(&mut self.kept);
        let mut removed = std::mem::take(&mut self.gone).len();
        match self.extent {
            Extent::Whole => removed += std::mem::take(&mut self.absent).len(),
            Extent::Part => entries.extend(self.absent.iter().cloned()),
        }
        let mut added = 0;
        if how == Update::All {
            added = self.new.len();
            entries.append(&mut self.new);
            for at in numbers {
                self.known.entry(at).or_default();
            }
        }
        let text = print(entries.clone());
        let left = entries.len();
        write(&self.path, &text).map_err(|error| Error::write_baseline(&self.path, &error))?;
        (self.kept, self.written) = (entries, true);
        Ok(Updated { removed, added, left })
    }
}

/// Returns every finding with its numbers and the line that it would be.
fn found(verdict: &Verdict, places: &mut Places) -> Vec<((usize, usize), Entry)> {
    let mut found = Vec::new();
    for (number, report) in verdict.told().enumerate() {
        for (at, finding) in report.findings().iter().enumerate() {
            found.push(((number, at), Entry::of(report, finding, places)));
        }
    }
    found
}

/// Returns for each finding the line of the file that it is known by. Places decide first; the text of a line only helps a finding and a
/// line that nothing else claims.
fn matched(entries: &[Entry], found: &[((usize, usize), Entry)]) -> Vec<Option<usize>> {
    let mut lines: BTreeMap<Key<'_>, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        lines.entry(entry.key()).or_default().push(index);
    }
    let candidates: Vec<&[usize]> =
        found.iter().map(|(_, entry)| lines.get(&entry.key()).map(Vec::as_slice).unwrap_or_default()).collect();
    let is_same = |entry: &Entry, index: &usize| entries[*index].is_at_the_place_of(entry);
    let exact =
        found.iter().zip(&candidates).map(|((_, entry), all)| all.iter().copied().find(|it| is_same(entry, it)));
    let mut matched: Vec<Option<usize>> = exact.collect();
    // Who claims a line: a second finding at the same place may share it, one at another place may not.
    let mut claims: BTreeMap<usize, i64> =
        matched.iter().zip(found).filter_map(|(index, (_, entry))| Some(((*index)?, entry.offset))).collect();
    for ((index, (_, entry)), all) in matched.iter_mut().zip(found).zip(candidates).filter(|((it, _), _)| it.is_none())
    {
        let is_free = |it: &usize| claims.get(it).is_none_or(|offset| *offset == entry.offset);
        let has_text = |it: &usize| entry.code.is_some() && entries[*it].code == entry.code;
        *index = all.iter().copied().find(|it| is_free(it) && has_text(it));
        claims.extend(index.map(|it| (it, entry.offset)));
    }
    matched
}

/// How far a test came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// What it does not show is not there.
    ToTheEnd,
    /// It failed or hung before it could have shown all.
    NotToTheEnd,
}

/// A test with its package.
type Test = (Option<String>, String);

fn looked_at(verdict: &Verdict) -> BTreeMap<Test, Looked> {
    let ran = verdict.whole == Whole::Ran;
    let looked = |whole: bool| if whole && ran { Looked::ToTheEnd } else { Looked::NotToTheEnd };
    let checked = verdict.reports.iter().chain(&verdict.expected).map(|report| {
        let test = (report.package().map(str::to_owned), report.test().to_owned());
        (test, looked(*report.ending() == Ending::Passed))
    });
    let seen = verdict.binaries.iter().filter(|it| it.file.as_ref().is_some_and(|file| verdict.seen.contains(file)));
    let ordinary = seen.flat_map(|binary| {
        let test = |it: &crate::libtest::Test| {
            ((binary.package.clone(), it.name.clone()), looked(it.result == TestResult::Passed))
        };
        binary.tests.iter().map(test)
    });
    let mut looked_at = BTreeMap::new();
    for (test, looked) in checked {
        let so_far = looked_at.entry(test).or_insert(looked);
        if looked == Looked::NotToTheEnd {
            *so_far = looked;
        }
    }
    // A checked test that fails because of its findings came to its end all the same: its report says so.
    ordinary.for_each(|(test, looked)| _ = looked_at.entry(test).or_insert(looked));
    looked_at
}

fn parse(text: &str, path: &Path) -> Result<Vec<Entry>, Error> {
    let broken = |cause: String, hint| Error::parse_baseline(path, cause, hint);
    let is_mark = |line: &str| ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark));
    if let Some(at) = text.lines().position(is_mark) {
        return Err(broken(words::conflict(at + 1), words::HINT_CONFLICT));
    }
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let versioned: Versioned =
        serde_json::from_str(text).map_err(|error| broken(error.to_string(), words::HINT_BASELINE))?;
    if versioned.version > VERSION {
        return Err(broken(words::newer(versioned.version), words::HINT_NEWER));
    }
    let document: Document =
        serde_json::from_str(text).map_err(|error| broken(error.to_string(), words::HINT_BASELINE))?;
    match document.findings.iter().find(|entry| entry.kind == Kind::Vacuous) {
        Some(entry) => Err(broken(words::vacuous_entry(&entry.test), words::HINT_VACUOUS_ENTRY)),
        None => Ok(document.findings),
    }
}

/// Returns the text of a file: one finding a line, sorted, none twice.
fn print(mut entries: Vec<Entry>) -> String {
    // One with a reason wins over its double without.
    entries.sort_by(|a, b| (a.key(), a.offset, a.reason.is_none()).cmp(&(b.key(), b.offset, b.reason.is_none())));
    entries.dedup_by(|later, earlier| later.is_at_the_place_of(earlier));
    let line = |entry| serde_json::to_string(entry).expect("lightsout bug: an entry is plain data");
    let lines: Vec<_> = entries.iter().map(|entry| format!("\n    {}", line(entry))).collect();
    let end = if lines.is_empty() { "" } else { "\n  " };
    format!("{{\n  \"version\": {VERSION},\n  \"findings\": [{}{end}]\n}}\n", lines.join(","))
}

/// Writes under a temporary name first: a baseline is not lost to a full disk.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    fs::write(&temporary, text)?;
    fs::rename(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests;
