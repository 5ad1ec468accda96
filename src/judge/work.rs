//! Judges what became of the work that was accepted.

use std::collections::BTreeMap;

use super::{Judge, evidence};
use crate::allow::{Rules, Subject};
use crate::finding::{Finding, Kind, Site, Work};
use crate::ledger::ticket::{Cause, Lost, Tally};
use crate::probe::ticket;
use crate::report::words;
use crate::seen::{Hang, Loss};
use crate::system::symbols::{self, Frame};

impl Judge<'_> {
    /// Returns a finding for each place that made tickets which were lost, and each way in which they were. In a body that has not
    /// finished nothing is lost yet.
    pub(super) fn lost_work(&self, rules: &mut Rules) -> Vec<Finding> {
        if self.seen.hang.as_ref().is_some_and(|hang| !matches!(hang, Hang::FinishedLate { .. })) {
            return Vec::new();
        }
        let mut losses: BTreeMap<(Site, Loss, Option<Site>), usize> = BTreeMap::new();
        let dropped = self.ledger.tickets.lost();
        for tally in self.ledger.tickets.tallies() {
            let held =
                tally.open().saturating_sub(dropped.iter().filter(|lost| lost.made == tally.made).count() as u64);
            if held > 0 {
                losses.insert((tally.made, Loss::Held, None), usize::try_from(held).unwrap_or(usize::MAX));
            }
        }
        for lost in dropped {
            let (loss, place) = lost.how();
            *losses.entry((lost.made, loss, place)).or_default() += 1;
        }
        for made in self.ledger.components.open() {
            *losses.entry((made, Loss::Untold, None)).or_default() += 1;
        }
        losses.retain(|(site, ..), count| !(0..*count).fold(false, |_, _| rules.permit(Subject::Ticket { site })));
        losses.into_iter().map(|((made, loss, place), count)| self.loss(made, loss, place, count)).collect()
    }

    fn loss(&self, made: Site, loss: Loss, place: Option<Site>, count: usize) -> Finding {
        let rule = words::rule("created_at", &format!("{}:{}", made.file, made.line));
        let sites = [made].into_iter().chain(place).collect();
        let mut finding = self.finding(Kind::LostWork, words::lost(count), count, sites);
        finding.evidence.push(evidence("how", words::loss(loss)));
        finding.next = words::next_of_loss(loss);
        finding.rule = Some(rule);
        finding
    }

    /// Returns what became of all the work.
    pub(super) fn work(&self) -> Work {
        let mut work = self.ledger.components.work();
        for tally in self.ledger.tickets.tallies() {
            work.accepted += tally.accepted;
            work.done += tally.done;
            work.refused += tally.refused;
            work.lost += tally.open();
        }
        work
    }
}

impl Tally {
    /// Returns how many tickets were neither done nor refused.
    fn open(&self) -> u64 {
        self.accepted.saturating_sub(self.done + self.refused)
    }
}

impl Lost {
    /// Returns how it was lost, and the place in a user's code that dropped it; where the run's own end did, there is none.
    fn how(&self) -> (Loss, Option<Site>) {
        let is_users = |frame: &Frame| frame.is_users() && !frame.passes(ticket::FILE);
        let place = || symbols::frames(&self.stack).find(is_users).and_then(|frame| frame.site);
        match self.cause {
            Cause::Owner => (Loss::Dropped, place()),
            Cause::Panic => (Loss::Panicked, place()),
            Cause::Stop => (Loss::Stopped, None),
        }
    }
}
