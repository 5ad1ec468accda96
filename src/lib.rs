//! Tests that async programs stop.

mod allow;
mod bell;
mod check;
mod error;
mod finding;
mod judge;
mod ledger;
#[doc(hidden)]
pub mod private;
pub mod report;
mod run;
mod runtime;
mod settings;
mod settle;
mod source;

pub use lightsout_macros::test;

pub use allow::{Allow, Unreasoned};
pub use check::Check;
pub use error::Error;
pub use finding::{Allowed, Coverage, Ending, Evidence, FORMAT_VERSION, Finding, Kind, Report, Site, Unseen};
pub use ledger::census::{Census, LiveTask, State, allow, census};
pub use run::Verdict;
pub use runtime::Runtime;
