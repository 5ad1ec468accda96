//! What tests claim of a report, so that a case is a few lines.

use lightsout::{Finding, Kind, Report};

/// Whether the runtime tells of each task in this build.
pub(crate) const HOOKED: bool = cfg!(tokio_unstable);

/// Whether await places can be seen in this build.
pub(crate) const DUMPED: bool =
    cfg!(all(tokio_unstable, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));

/// Whether the place of a task can be seen in this build: by hooks, or by its allocation.
pub(crate) const PLACED: bool = HOOKED || ALLOCATED;

/// Whether tasks can be seen by their allocations in this build.
pub(crate) const ALLOCATED: bool =
    cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));

/// Claims that nothing was found.
#[track_caller]
pub(crate) fn clean(report: &Report) {
    report.assert_clean();
}

/// Claims that there is exactly one finding, of this kind, and returns it.
#[track_caller]
pub(crate) fn only(report: &Report, kind: Kind) -> &Finding {
    match report.findings() {
        [finding] if finding.kind() == kind => finding,
        _ => panic!("expected one {kind}, got:\n{report}"),
    }
}

/// Claims that the only finding is this many tasks that were spawned at this line of the test's file; where no place can be seen,
/// that so many were counted.
#[track_caller]
pub(crate) fn leaked(report: &Report, count: usize, file: &str, line: u32) {
    let finding = only(report, Kind::LeakedTask);
    assert_eq!(finding.count(), count, "{report}");
    if PLACED {
        let site = &finding.sites()[0];
        assert_eq!((&*site.file, site.line), (file, line), "{report}");
    } else {
        assert_eq!(finding.sites(), [], "{report}");
    }
}

/// Returns what a finding says about something.
#[track_caller]
pub(crate) fn said<'a>(finding: &'a Finding, about: &str) -> &'a str {
    let found = finding.evidence().iter().find(|evidence| evidence.about == about);
    &found.unwrap_or_else(|| panic!("nothing is said about {about}: {finding:#?}")).seen
}
