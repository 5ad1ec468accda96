//! The text of reports that are alike: most tests of a suite are clean, and their reports say the same of different names. To write all of it
//! anew takes a small test longer than all else that the gate asks for, without optimisation above all.

use std::sync::{Arc, Mutex};

use crate::finding::Report;
use crate::lock::lock;

/// Stands where reports differ. No name has it.
const MARK: &str = "\u{1}";
/// The same as JSON.
const MARK_AS_JSON: &str = "\"\\u0001\"";
/// So many kinds are kept, since tests differ in how many tasks they had.
const KINDS: usize = 16;

static MOULDS: Mutex<Vec<Arc<Mould>>> = Mutex::new(Vec::new());

/// One kind of clean report.
#[derive(Debug)]
struct Mould {
    /// The first one of the kind.
    of: Report,
    /// What stands before the test's name, before the name of its case, before the line that runs it again, and from there to its time.
    parts: [String; 4],
}

/// Writes a report as JSON.
pub(super) fn write(report: &Report, into: &mut Vec<u8>) {
    match find(report) {
        Some(mould) => mould.fill(report, into),
        None => json(report, into),
    }
}

fn find(report: &Report) -> Option<Arc<Mould>> {
    let mut moulds = lock(&MOULDS);
    let known = moulds.iter().find(|mould| mould.fits(report)).cloned();
    let is_clean = report.case.is_some() && report.findings.is_empty() && report.notes.is_empty();
    if known.is_some() || moulds.len() == KINDS || !is_clean {
        return known;
    }
    let mould = Arc::new(Mould::of(report)?);
    moulds.push(mould.clone());
    Some(mould)
}

impl Mould {
    fn of(report: &Report) -> Option<Self> {
        let mark = || MARK.to_owned();
        let of = Report { test: mark(), case: Some(mark()), again: mark(), micros: 0, ..report.clone() };
        let mut text = Vec::new();
        json(&of, &mut text);
        let text = String::from_utf8(text).ok()?;
        let parts: Vec<&str> = text.strip_suffix("0}")?.split(MARK_AS_JSON).collect();
        let parts = <[&str; 4]>::try_from(parts).ok()?.map(str::to_owned);
        Some(Self { of, parts })
    }

    /// Returns whether a report differs in nothing but what is filled in.
    fn fits(&self, report: &Report) -> bool {
        let Report {
            version,
            test: _,
            package,
            binary,
            case,
            enforced,
            ending,
            plan,
            findings,
            notes,
            allowed,
            coverage,
            again: _,
            micros: _,
        } = report;
        let of = &self.of;
        *coverage == of.coverage
            && case.is_some()
            && findings.is_empty()
            && notes.is_empty()
            && (version, enforced, ending, plan) == (&of.version, &of.enforced, &of.ending, &of.plan)
            && (package, binary, allowed) == (&of.package, &of.binary, &of.allowed)
    }

    fn fill(&self, report: &Report, into: &mut Vec<u8>) {
        let case = report.case.as_deref().unwrap_or_default();
        for (part, text) in self.parts.iter().zip([&report.test, case, &report.again]) {
            into.extend_from_slice(part.as_bytes());
            json(text, into);
        }
        into.extend_from_slice(self.parts[3].as_bytes());
        json(&report.micros, into);
        into.push(b'}');
    }
}

pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T, into: &mut Vec<u8>) {
    serde_json::to_writer(into, value).expect("lightsout bug: it is plain data");
}

#[cfg(test)]
mod tests {
    use super::{MOULDS, json, write};
    use crate::finding::Report;
    use crate::lock::lock;

    fn clean(test: &str, tasks: u64) -> Report {
        let text = format!(
            r#"{{"version":1,"test":"{test}","package":"shop","binary":null,"case":"{test}","enforced":"by-caller",
            "ending":{{"how":"passed"}},"findings":[],"allowed":[],"coverage":{{"runs":1,"tasks":{tasks},"exact":true,"unseen":[]}},
            "again":"cargo test -- --exact {test}","micros":{tasks}}}"#
        );
        Report::from_json(&text).expect("a report")
    }

    #[track_caller]
    fn check(report: &Report) {
        let (mut text, mut whole) = (Vec::new(), Vec::new());
        write(report, &mut text);
        json(report, &mut whole);
        assert_eq!(String::from_utf8_lossy(&text), String::from_utf8_lossy(&whole));
    }

    #[test]
    fn text_is_the_same_as_that_of_the_whole_report() {
        for round in 0..3 {
            for tasks in 0..40 {
                check(&clean(&format!("server::stops_{round}"), tasks));
            }
            check(&clean(r#"says_\"so\"_\\u0001\u0001"#, round));
        }
        assert_eq!(lock(&MOULDS).len(), super::KINDS);
    }

    #[test]
    fn report_that_differs_otherwise_is_written_whole() {
        let first = clean("first", 1);
        check(&first);
        check(&Report { case: None, ..first.clone() });
        check(&Report { package: None, ..first.clone() });
        check(&Report { ending: crate::finding::Ending::Failed("no".to_owned()), ..first });
    }
}
