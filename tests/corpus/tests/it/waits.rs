//! Who waits for whom in the corpus: what nothing can wake is proven to be stuck, and the chain leads to who should have woken it.

use corpus::{CASES, Case, Form, Needs};
use lightsout::{Check, Finding, Kind};

use crate::judged;

/// Whether lightsout sees allocations here.
const ALLOCATED: bool =
    cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));

/// The cases whose tasks something wakes or may wake: a timer, a socket, a static.
const WAKEABLE: [&str; 8] = [
    "duroxide_44",
    "grpc_862",
    "kubernetes_70277",
    "retry_without_end",
    "spur_491",
    "start_without_stop",
    "vm0_8890",
    "woken_by_a_global",
];

/// A case whose task waits for a timer at first, and is stuck when that has fired: either may be seen.
const EITHER: &str = "timeout_of_the_receiver";

fn said<'a>(finding: &'a Finding, about: &str) -> &'a str {
    finding.evidence().iter().find(|evidence| evidence.about == about).map_or("", |evidence| &evidence.seen)
}

fn leaks(case: &'static Case) -> Vec<Finding> {
    let check = Check::new(format!("{}, who waits", case.name())).wait_graph(true);
    let report = judged::report_of(case, Form::Buggy, check);
    report.findings().iter().filter(|finding| finding.kind() == Kind::LeakedTask).cloned().collect()
}

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| case.needs == Needs::Nothing && case.name() != EITHER && ALLOCATED)
}

fn is_proven(finding: &Finding) -> bool {
    said(finding, "verdict").starts_with("stuck")
}

#[test]
fn what_can_be_woken_is_never_proven_stuck() {
    for case in cases().filter(|case| WAKEABLE.contains(&case.name())) {
        let leaks = leaks(case);
        assert!(!leaks.is_empty(), "{} leaks", case.name());
        let proven: Vec<&Finding> = leaks.iter().filter(|finding| said(finding, "verdict").contains("stuck")).collect();
        assert!(proven.is_empty(), "{}: {proven:?}", case.name());
    }
}

#[test]
fn what_nothing_can_wake_is_proven_stuck() {
    let (mut all, mut missed) = (0, Vec::new());
    for case in cases().filter(|case| !WAKEABLE.contains(&case.name())) {
        let leaks = leaks(case);
        all += leaks.len();
        let unproven = leaks.iter().filter(|finding| !is_proven(finding));
        missed.extend(unproven.map(|finding| format!("{}: {}", case.name(), said(finding, "verdict"))));
    }
    assert!(missed.len() * 100 <= all * 6, "{} of {all}: {missed:#?}", missed.len());
}
