//! SARIF 2.1.0, the form of static analysis: code scanning of GitHub and GitLab, and editors, read it.

use lightsout::{Kind, Site};
use serde_json::{Value, json};

use super::Page;
use crate::exit::Exit;
use crate::explain;
use crate::told::{Group, Problem, Standing};
use crate::words;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// What relative paths are relative to: the folder of the workspace, which a reader takes for that of the checkout.
const ROOT: &str = "%SRCROOT%";

/// Returns the file.
pub(super) fn text(page: &Page<'_>) -> String {
    let driver = json!({
        "name": "lightsout",
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": Kind::ALL.map(rule),
    });
    let exit = page.verdict.exit();
    let invocation = json!({
        "executionSuccessful": !matches!(exit, Exit::Suite | Exit::SetUp),
        "exitCode": exit.code(),
        "exitCodeDescription": words::exit(page.verdict),
        "toolExecutionNotifications": page.problems.iter().map(notification).collect::<Vec<_>>(),
    });
    let run = json!({
        "tool": { "driver": driver },
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": page.groups.iter().map(|group| result(group, page.build)).collect::<Vec<_>>(),
    });
    let file = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] });
    serde_json::to_string_pretty(&file).expect("lightsout bug: a verdict is plain data") + "\n"
}

fn rule(kind: Kind) -> Value {
    json!({
        "id": kind.name(),
        "shortDescription": { "text": explain::meaning(kind) },
        "help": { "text": explain::text(kind) },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(group: &Group<'_>, build: &str) -> Value {
    let kind = group.finding.kind();
    let (level, state) = match group.standing {
        Standing::New => ("error", "new"),
        Standing::Known => ("note", "unchanged"),
    };
    let mut sites = group.finding.sites().iter().filter(|site| site.line > 0);
    let locations: Vec<_> = sites.next().into_iter().map(location).collect();
    let mut result = json!({
        "ruleId": kind.name(),
        "ruleIndex": Kind::ALL.iter().position(|it| *it == kind),
        "level": level,
        "baselineState": state,
        "message": { "text": group.text(build, false) },
        "locations": locations,
        "relatedLocations": sites.map(location).collect::<Vec<_>>(),
        "properties": { "tests": group.tests },
    });
    if group.standing == Standing::Known {
        let reasons = group.reasons.iter().copied().collect::<Vec<_>>().join("; ");
        let justification = if reasons.is_empty() { words::IN_THE_BASELINE.to_owned() } else { reasons };
        result["suppressions"] = json!([{ "kind": "external", "justification": justification }]);
    }
    result
}

fn location(site: &Site) -> Value {
    let mut region = json!({ "startLine": site.line });
    if site.column > 0 {
        region["startColumn"] = json!(site.column);
    }
    json!({ "physicalLocation": { "artifactLocation": artifact(&site.file), "region": region } })
}

fn artifact(file: &str) -> Value {
    let path = file.replace('\\', "/");
    match path.strip_prefix('/') {
        Some(_) => json!({ "uri": format!("file://{}", uri(&path)) }),
        None => json!({ "uri": uri(&path), "uriBaseId": ROOT }),
    }
}

/// Escapes a path for a URI.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|it| if is_plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") }).collect()
}

fn notification(problem: &Problem) -> Value {
    json!({ "level": "error", "message": { "text": format!("{}\n{}", problem.title, problem.text).trim_end() } })
}
