//! Tests that async programs stop.

mod finding;

pub use finding::{Allowed, Coverage, Ending, Evidence, FORMAT_VERSION, Finding, Kind, Report, Site, Unseen};
