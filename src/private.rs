//! What the expansion of `#[lightsout::test]` calls. Not for anyone else: it changes without notice.

use std::panic::resume_unwind;

use crate::body::Body;
use crate::census::Census;
use crate::check::Check;
use crate::explore;
use crate::finding::{Ending, Enforced, Report};
use crate::graph;
use crate::ledger;
use crate::model;
use crate::report::{self, human};
use crate::settings;
use crate::verdict::Verdict;

/// What the attribute knows of the test that it stands on.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The module's path, the crate first.
    pub module: &'static str,
    /// The function's name.
    pub name: &'static str,
    /// The package, where cargo built it.
    pub package: Option<&'static str>,
    /// The folder of the package's manifest, where cargo built it.
    pub manifest: Option<&'static str>,
    /// Whether the body should panic.
    pub panic: Panic,
}

/// What a panic of the body means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panic {
    /// The test fails.
    Fails,
    /// The test fails without one, or with one whose message does not contain the text.
    Expected(Option<&'static str>),
}

impl Case {
    /// Returns the test's name as its runner knows it: without the crate.
    fn path(&self) -> String {
        match self.module.split_once("::") {
            Some((_, module)) => format!("{module}::{}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// Looks for tasks that nothing can wake, as a run does at its end, and returns how many of the run's are proven to be stuck: so that
/// the look alone can be measured.
///
/// # Errors
///
/// Why nothing can be said, also outside of a run.
pub fn stuck_tasks() -> Result<usize, String> {
    let ledger = ledger::current().ok_or("no run is here")?;
    graph::stuck(&ledger, &Census::of_root(&ledger)).map(|stuck| stuck.len())
}

/// Runs one checked test, and panics if it fails.
#[track_caller]
pub fn test<B, F>(case: Case, set: fn(Check) -> Check, body: B)
where
    B: Fn() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Verdict,
{
    test_body(case, set, Body::new(body));
}

#[track_caller]
fn test_body(case: Case, set: fn(Check) -> Check, body: Body) {
    let check = set(Check::new(case.path()).of_package(case.package).without_unread_notes())
        .kept_beside(case.manifest)
        .of_test_runner();
    let looked = check.draft().and_then(|draft| Ok((draft, check.look(body)?)));
    let report = looked.and_then(|(draft, mut report)| {
        report.enforced = enforced(&report);
        report.ending = judged_panic(report.ending, case.panic);
        draft.finish(&report)?;
        Ok(report)
    });
    match report {
        Ok(report) => {
            explore::leave_if_interrupted(|| human(&report, settings::wants_color()));
            end(&report);
        }
        Err(error) => fail(&format!("lightsout: {error}\n"), "lightsout: the test could not be checked".to_owned()),
    }
}

/// Says who fails a test: one that another test calls has it as its caller, which may expect that it fails.
fn enforced(report: &Report) -> Enforced {
    match report.case() {
        Some(running) if running != report.test() => Enforced::ByCaller,
        _ => Enforced::ByAttribute,
    }
}

/// Tries every order of a model, and panics if one has a fault.
#[track_caller]
pub fn model(case: Case, set: fn(model::Check) -> model::Check, body: fn(&model::Model)) {
    let check = set(model::Check::new(case.path()).of_package(case.package));
    let looked = check.draft().and_then(|draft| Ok((draft, check.look(body)?)));
    let report = looked.and_then(|(draft, mut report)| {
        report.enforced = Enforced::ByAttribute;
        draft.finish(&report)?;
        Ok(report)
    });
    match report {
        Ok(report) => end(&report),
        Err(error) => fail(&format!("lightsout: {error}\n"), "lightsout: the model could not be tried".to_owned()),
    }
}

/// Makes the test of a model: where there is no loom it is ignored, and says why.
#[cfg(loom)]
#[doc(hidden)]
#[macro_export]
macro_rules! __model {
    ($($test:tt)*) => { $($test)* };
}

/// Makes the test of a model: where there is no loom it is ignored, and says why.
#[cfg(not(loom))]
#[doc(hidden)]
#[macro_export]
macro_rules! __model {
    ($($test:tt)*) => {
        #[ignore = "a model: run it with RUSTFLAGS=\"--cfg loom\""]
        $($test)*
    };
}

/// Says what a body's ending means where it should have panicked.
fn judged_panic(ending: Ending, panic: Panic) -> Ending {
    match (panic, ending) {
        (Panic::Fails, ending) => ending,
        (Panic::Expected(None), Ending::Panicked(_)) => Ending::Passed,
        (Panic::Expected(Some(text)), Ending::Panicked(message)) if message.contains(text) => Ending::Passed,
        (Panic::Expected(Some(text)), Ending::Panicked(message)) => {
            Ending::Failed(format!("panicked with {message:?}, which does not contain {text:?}"))
        }
        (Panic::Expected(_), Ending::Passed) => Ending::Failed("did not panic, although it should have".to_owned()),
        (Panic::Expected(_), ending) => ending,
    }
}

/// Passes or fails. A body that panicked has said so already; findings are told beside it.
fn end(report: &Report) {
    // A body that failed under a plan is told with it.
    let is_told = !report.findings().is_empty() || report.plan().is_some();
    let text = if is_told { human(report, settings::wants_color()) } else { String::new() };
    match (report.findings().len(), report.ending()) {
        (0, Ending::Passed) => tell_search(report),
        (0, Ending::Panicked(message)) => fail(&text, message.clone()),
        (0, Ending::Failed(message)) => {
            let error = format!("Error: {message}");
            fail(&format!("{text}{error}\n"), error);
        }
        (0, Ending::Unfinished) => unreachable!("lightsout bug: a body that did not finish is a hang"),
        (count, _) => fail(&text, format!("lightsout: {}", report::words::count(count, "finding"))),
    }
}

/// Says how far a search came that found nothing; the test runner shows it to who asks for the output of tests that pass.
fn tell_search(report: &Report) {
    if report.coverage().searched().is_some() {
        print!("{}", human(report, settings::wants_color()));
    }
}

/// Prints where the test runner captures it, and fails the test. It does not go through the panic hook: the place of this line
/// and a stack of ours would tell nobody anything.
fn fail(text: &str, reason: String) -> ! {
    eprint!("{text}");
    resume_unwind(Box::new(reason))
}
