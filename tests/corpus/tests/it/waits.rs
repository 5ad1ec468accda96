//! Who waits for whom in the corpus: what nothing can wake is proven to be stuck, and the chain leads to who should have woken it.

use corpus::{CASES, Case, Class, Form, Needs};
use lightsout::{Finding, Kind, Outlook};

use crate::judged;

/// Whether what a case leaves is such that nothing can wake it.
fn is_stuck(case: &Case) -> bool {
    matches!(
        case.class,
        Class::BlockedSend
            | Class::BlockedReceive
            | Class::MissingSignal
            | Class::LockHeld
            | Class::LockOrder
            | Class::TakenAgain
            | Class::QueuedWriter
    )
}

fn said<'a>(finding: &'a Finding, about: &str) -> &'a str {
    finding.evidence().iter().find(|evidence| evidence.about == about).map_or("", |evidence| &evidence.seen)
}

/// Prints what is told of each leaked task of the corpus; for a person to judge.
#[test]
#[ignore = "it prints a table"]
fn table() {
    for case in CASES.iter().filter(|case| matches!(case.needs, Needs::Nothing)) {
        let report = judged::report(case, Form::Buggy);
        for finding in report.findings().iter().filter(|finding| finding.kind() == Kind::LeakedTask) {
            println!("{} | {} | {:?} | {}", case.name(), case.class, finding.sites()[0].line, said(finding, "verdict"));
            println!("    {}\n    {}", said(finding, "because"), said(finding, "shape"));
        }
    }
}
