//! The one place that knows how a report is read from JSON and shown to a person.
//!
//! Stands in for `Report::from_json` and `lightsout::report::human`; nothing else in this package knows either form.

use anstyle::{AnsiColor, Style};
use lightsout::{FORMAT_VERSION, Finding, Report};
use serde::Deserialize;

const KIND: Style = AnsiColor::Red.on_default().bold();

/// Reads a report.
pub(crate) fn from_json(text: &str) -> Result<Report, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let Version { version } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if version > FORMAT_VERSION {
        return Err(format!("it is of format version {version}, and this gate reads up to version {FORMAT_VERSION}"));
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Returns a report as a person reads it.
pub(crate) fn human(report: &Report, color: bool) -> String {
    let findings: String = report.findings().iter().map(|finding| self::finding(finding, color)).collect();
    format!("{findings}again: {}\n", report.again())
}

fn finding(finding: &Finding, color: bool) -> String {
    let kind = if color { KIND } else { Style::new() };
    let mut text = format!("{kind}{}{kind:#} in `{}`: {}\n", finding.kind(), finding.test(), finding.summary());
    let sites = finding.sites().iter().map(|site| ("at", site.to_string()));
    let seen = finding.evidence().iter().map(|line| (line.about.as_str(), line.seen.clone()));
    for (about, seen) in sites.chain(seen).chain([("next", finding.next_step().to_owned())]) {
        text += &format!("  {about:<8} {seen}\n");
    }
    text
}
