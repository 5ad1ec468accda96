//! Judges what ended: twice, or too early for who still used it.

use std::collections::BTreeMap;

use super::{Judge, evidence};
use crate::allow::{Rules, Subject};
use crate::finding::{Finding, Kind, Site};
use crate::ledger::closable::{Act, Misuse, Misused, Record};
use crate::report::words;

/// What makes misuses one finding: how, of what, and the two places.
type Same = (Misused, String, Site, Site, Site);

impl Judge<'_> {
    /// Returns a finding for each thing that was closed again, or used after its end, and each pair of places.
    pub(super) fn misuses(&self, rules: &mut Rules) -> Vec<Finding> {
        let mut same: BTreeMap<Same, Finding> = BTreeMap::new();
        for record in self.ledger.closables.known() {
            let Some(end) = record.first_end() else { continue };
            for misuse in self.ledger.closables.misuses(&record) {
                if rules.permit(Subject::Closable { name: &record.name }) {
                    continue;
                }
                let places = (record.made.clone(), end.at.clone(), misuse.act.at.clone());
                let key = (misuse.how, record.name.to_string(), places.0, places.1, places.2);
                same.entry(key).or_insert_with(|| self.misused(&record, &end, &misuse)).count += 1;
            }
        }
        same.into_iter().map(|((how, name, ..), finding)| counted(finding, how, &name)).collect()
    }

    /// Returns the finding for one misuse, with a count of none.
    fn misused(&self, record: &Record, end: &Act, misuse: &Misuse) -> Finding {
        let kind = match misuse.how {
            Misused::Closed => Kind::DoubleClose,
            Misused::Used => Kind::UseAfterClose,
        };
        let mut finding = self.finding(kind, String::new(), 0, vec![end.at.clone(), misuse.act.at.clone()]);
        finding.evidence.push(evidence("what", words::made(&record.name, &record.made)));
        finding.evidence.push(evidence("by", words::actors(end, &misuse.act)));
        finding.evidence.push(evidence("between", words::between(&self.between(end, &misuse.act))));
        finding.next = match misuse.how {
            Misused::Closed => words::next_of_double_close(),
            Misused::Used => words::next_of_use_after_close(),
        };
        finding.rule = Some(words::rule("closable", &record.name));
        finding
    }

    /// Returns what else ended between two acts, in order.
    fn between(&self, first: &Act, then: &Act) -> Vec<String> {
        let known = self.ledger.closables.known();
        let mut ends: Vec<(Act, &Record)> =
            known.iter().filter_map(|record| Some((self.ledger.closables.first_end(record)?, &**record))).collect();
        ends.retain(|(end, _)| first.tick < end.tick && end.tick < then.tick);
        ends.sort_by_key(|(end, _)| end.tick);
        ends.into_iter().map(|(end, record)| words::closed_at(&record.name, &end.at)).collect()
    }
}

/// Returns the finding with a summary that has its count.
fn counted(mut finding: Finding, how: Misused, name: &str) -> Finding {
    finding.summary = match how {
        Misused::Closed => words::closed_again(name, finding.count),
        Misused::Used => words::used_after_close(name, finding.count),
    };
    finding
}
