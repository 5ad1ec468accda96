//! Who waits for whom in the corpus: what nothing can wake is proven to be stuck, and the chain leads to who should have woken it.

use corpus::{Awaited, CASES, Case, Form, Holder, Needs, Wait};
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

/// Every case whose tasks say what they wait for, but for those that need polls which nobody tells of here.
fn told_cases() -> impl Iterator<Item = &'static Case> {
    let is_shown = |case: &&Case| case.needs == Needs::Nothing || cfg!(tokio_unstable);
    CASES.iter().filter(|case| ALLOCATED && !case.waits().is_empty()).filter(is_shown)
}

/// Returns whether a finding tells of this wait: of its resource and its holder, each by its place.
fn tells(finding: &Finding, case: &Case, wait: &Wait) -> bool {
    let because = said(finding, "because");
    // What comes after that is said of others.
    let own = because.split("; that one").next().unwrap_or_default();
    let is_spawned_at = |line: u32| own.contains(&format!(" task spawned at {}:{line}:", case.file));
    match &wait.on {
        Awaited::Nothing => said(finding, "shape") == "it waits for nothing that could wake it",
        Awaited::Timer => own == "waits for a timer",
        Awaited::Source => own == "waits for a source of events",
        Awaited::EndOf(task) => own.starts_with("waits for the end of") && is_spawned_at(*task),
        Awaited::Resource(file, line, holder) => {
            let is_made_there = own.contains(&format!(" made at {file}:{line}:"));
            let ends = |words: &[&str]| words.iter().any(|words| own.ends_with(words));
            is_made_there
                && match holder {
                    Holder::Itself => ends(&["it holds itself", "nobody else has", "nobody else can have"]),
                    Holder::Task(task) => is_spawned_at(*task),
                    // What a static keeps on a heap may have come from another test, and is nobody's then.
                    Holder::Static => ends(&["a static holds", "memory outside of the test holds"]),
                }
        }
    }
}

/// Returns whether a finding names somebody, and nobody else, as the holder of something.
fn names_somebody(finding: &Finding) -> bool {
    let own = said(finding, "because").split("; that one").next().unwrap_or_default();
    let words = ["it holds itself", "nobody else has", "nobody else can have", " holds", " has"];
    words.iter().any(|words| own.ends_with(words))
}

#[test]
fn story_names_the_true_holder_of_the_true_resource() {
    let (mut all, mut wrong, mut silent) = (0, Vec::new(), Vec::new());
    for case in told_cases() {
        let waits = case.waits();
        let leaks = leaks(case);
        // How a lock gives way to a delay changed: with an older tokio a search finds some of these locks free.
        if leaks.is_empty() && case.needs != Needs::Nothing {
            continue;
        }
        all += 1;
        let is_told = |finding: &&Finding| {
            let line = finding.sites()[0].line;
            waits.iter().filter(|wait| wait.task == line).any(|wait| tells(finding, case, wait))
        };
        let missed: Vec<&Finding> = leaks.iter().filter(|finding| !is_told(finding)).collect();
        let tale = |finding: &&&Finding| format!("{}: {}", finding.sites()[0], said(finding, "because"));
        wrong.extend(missed.iter().filter(|finding| names_somebody(finding)).map(|finding| tale(&finding)));
        if leaks.is_empty() || !missed.is_empty() {
            silent.push(format!(
                "{}: {:?}",
                case.name(),
                missed.iter().map(|finding| tale(&finding)).collect::<Vec<_>>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Without hooks nobody clears stacks before each poll, and what is left over there makes for more of which it cannot be told.
    let most = if cfg!(tokio_unstable) { 10 } else { 20 };
    assert!(silent.len() * 100 <= all * most, "{} of {all}: {silent:#?}", silent.len());
}
