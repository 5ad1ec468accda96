//! Judges the order of endings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Judge, evidence};
use crate::allow::{Rules, Subject};
use crate::finding::{Ending, Finding, Kind};
use crate::ledger::closable::{Act, Record};
use crate::report::words;

impl Judge<'_> {
    /// Returns a finding for each two things that ended in the wrong order, and for what the order cannot be about.
    pub(super) fn out_of_order(&self, rules: &mut Rules) -> Vec<Finding> {
        let order = &self.settings.order;
        let known = self.ledger.closables.known();
        let present: BTreeSet<&str> = order.names().into_iter().filter(|name| has(&known, name)).collect();
        let mut findings: BTreeMap<_, Finding> = BTreeMap::new();
        for (first, then) in order.pairs(&present) {
            for (late, early, end) in self.wrong(&known, first, then) {
                if !rules.permit(Subject::Closable { name: &early.name }) {
                    let finding = self.disorder(late, early, &end);
                    findings.entry((finding.summary.clone(), finding.sites.clone())).or_insert(finding).count += 1;
                }
            }
        }
        findings.into_values().chain(self.vacuous_order(&known, &present)).collect()
    }

    /// Returns what was open when something that must end later had its end.
    fn wrong<'a>(
        &self,
        known: &'a [Arc<Record>],
        first: &'a str,
        then: &'a str,
    ) -> impl Iterator<Item = (&'a Record, &'a Record, Act)> {
        let named = |name| known.iter().map(|record| &**record).filter(move |record| record.name == name);
        let ends = named(then).filter_map(|early| Some((early, self.ledger.closables.first_end(early)?)));
        let ends: Vec<_> = ends.collect();
        ends.into_iter().flat_map(move |(early, end)| {
            let tick = end.tick;
            let was_open = move |late: &&Record| late.since < tick && late.end().is_none_or(|it| it.tick > tick);
            named(first).filter(was_open).map(move |late| (late, early, end.clone()))
        })
    }

    /// Returns the finding for two things, with a count of none.
    fn disorder(&self, late: &Record, early: &Record, end: &Act) -> Finding {
        let late_end = late.end();
        let sites = [&end.at].into_iter().chain(late_end.as_ref().map(|end| &end.at)).cloned().collect();
        let mut finding = self.finding(Kind::OutOfOrder, words::out_of_order(&late.name, &early.name), 0, sites);
        finding.evidence.push(evidence("order", self.settings.order.text()));
        finding.evidence.push(evidence("early", words::end_of(&early.name, &early.made, Some(end))));
        finding.evidence.push(evidence("late", words::end_of(&late.name, &late.made, late_end.as_ref())));
        finding.next = words::next_of_order(&late.name, &early.name);
        finding.rule = Some(words::rule("closable", &early.name));
        finding
    }

    /// Returns a finding for each name that nothing has, or one where nothing of the order has ended: it was then not checked. A body
    /// that did not come to its end, or was disturbed, may not have come to these things.
    fn vacuous_order(&self, known: &[Arc<Record>], present: &BTreeSet<&str>) -> Vec<Finding> {
        let order = &self.settings.order;
        let names = order.names();
        if names.is_empty() || self.seen.is_disturbed || self.seen.ending != Ending::Passed {
            return Vec::new();
        }
        let mut summaries: Vec<String> = names.difference(present).map(|name| words::order_of_nothing(name)).collect();
        let is_over = |record: &Arc<Record>| names.contains(&*record.name) && record.is_closed();
        if summaries.is_empty() && !known.iter().any(is_over) {
            summaries.push(words::order_without_end());
        }
        let mut there: Vec<&str> = known.iter().map(|record| &*record.name).collect();
        there.sort_unstable();
        there.dedup();
        summaries.into_iter().map(|summary| self.vacuous_of_order(summary, &there)).collect()
    }

    fn vacuous_of_order(&self, summary: String, there: &[&str]) -> Finding {
        let mut finding = self.finding(Kind::Vacuous, summary, 1, vec![self.place.clone()]);
        finding.evidence.push(evidence("order", self.settings.order.text()));
        finding.evidence.push(evidence("names", words::names(there)));
        finding.next = words::next_of_vacuous_order();
        finding
    }
}

fn has(known: &[Arc<Record>], name: &str) -> bool {
    known.iter().any(|record| record.name == name)
}
