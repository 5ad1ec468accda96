//! What the tests claim of a model's report.

use lightsout::model::{Check, Model};
use lightsout::{Finding, Kind, Report};

/// Tries a model that has a fault, and returns its report.
pub(crate) fn tried(model: impl Fn(&Model) + Send + Sync + 'static) -> Report {
    Check::new("wrong").preemptions(2).run(model)
}

/// Claims that the first finding is of this kind, and that it tells numbered steps up to the fault; returns it.
#[track_caller]
pub(crate) fn rejected(report: &Report, kind: Kind) -> &Finding {
    let finding = report.findings().first().unwrap_or_else(|| panic!("the model is accepted: {report}"));
    assert_eq!(finding.kind(), kind, "{report}");
    let steps: Vec<_> = finding.evidence().iter().filter(|line| line.about.starts_with("step ")).collect();
    assert!(!steps.is_empty(), "{report}");
    assert!(steps.iter().enumerate().all(|(at, step)| step.about == format!("step {}", at + 1)), "{report}");
    assert!(steps.iter().all(|step| step.seen.contains(", at ")), "{report}");
    assert!(
        report.again().contains(r#"RUSTFLAGS="--cfg loom" cargo test --release -p lightsout --test loom -- --exact"#)
    );
    finding
}

/// Claims that some step says this.
#[track_caller]
pub(crate) fn has_step(finding: &Finding, text: &str) {
    assert!(finding.evidence().iter().any(|line| line.seen.starts_with(text)), "{text}: {finding:#?}");
}
