//! What lightsout says of a case, in the words of its marks.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use corpus::{Case, Form, Needs, Signal};
use lightsout::{Check, Finding, Kind, Report};

/// Whether the place at which a body hangs can be seen in this build.
const DUMPED: bool =
    cfg!(all(tokio_unstable, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));

/// How long a body may take: one that hangs needs all of it, and any other none, however busy the machine is.
const HANGS: Duration = Duration::from_millis(500);
const ENDS: Duration = Duration::from_secs(30);

/// Held by a case with signals: a signal reaches every listener of the process.
static SIGNALLED: Mutex<()> = Mutex::new(());

/// Runs one form of a case, and searches for what it needs.
pub(crate) fn report(case: &'static Case, form: Form) -> Report {
    report_of(case, form, Check::new(format!("{} {form:?}", case.module)))
}

/// Makes this check of one form of a case, with what it needs.
pub(crate) fn report_of(case: &'static Case, form: Form, check: Check) -> Report {
    let hangs = form == Form::Buggy && case.marks().iter().any(|mark| mark.kind == Kind::Hang.name());
    let check = check.start_paused(true).deadline(if hangs { HANGS } else { ENDS });
    let body = move || (case.start)(form);
    match case.needs {
        Needs::Nothing => check.run(body),
        Needs::Delays(most) => check.delays(most).run(body),
        Needs::Signals(signals) => {
            let _alone = SIGNALLED.lock().unwrap_or_else(PoisonError::into_inner);
            check.signals(signals.iter().map(as_lightsout_names_it)).run(body)
        }
    }
}

fn as_lightsout_names_it(signal: &Signal) -> lightsout::Signal {
    match signal {
        Signal::Interrupt => lightsout::Signal::Int,
        Signal::Terminate => lightsout::Signal::Term,
    }
}

/// Returns what must be said of the buggy form: a kind and a place for each mark.
pub(crate) fn expected(case: &Case) -> BTreeSet<String> {
    let place = |kind: &str, line: u32| match kind {
        "hang" if !DUMPED => kind.to_owned(),
        // Nobody is left who could name a line.
        "died" => kind.to_owned(),
        _ => format!("{kind} at {}:{line}", case.file),
    };
    case.marks().iter().map(|mark| place(mark.kind, mark.line)).collect()
}

/// Returns what was said: a kind and a place for each finding.
pub(crate) fn said(report: &Report) -> BTreeSet<String> {
    report.findings().iter().flat_map(places).collect()
}

fn places(finding: &Finding) -> Vec<String> {
    let kind = finding.kind();
    let places: Vec<String> = match kind {
        // The place of a hang is where its body waits.
        Kind::Hang => awaited(finding).collect(),
        // Nobody is left who could name a line.
        Kind::Died => Vec::new(),
        _ => finding.sites().iter().map(|site| format!("{}:{}", site.file, site.line)).collect(),
    };
    match &*places {
        [] => vec![kind.to_string()],
        places => places.iter().map(|place| format!("{kind} at {place}")).collect(),
    }
}

/// Returns the file and line of everything that the body awaits.
fn awaited(finding: &Finding) -> impl Iterator<Item = String> {
    let awaits = finding.evidence().iter().filter(|evidence| evidence.about == "body awaits");
    awaits.filter_map(|evidence| {
        let place = evidence.seen.split(" at ").last()?.split(" in ").next()?;
        let (place, _column) = place.rsplit_once(':')?;
        Some(place.to_owned())
    })
}
