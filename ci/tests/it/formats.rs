//! One finding reads the same in every form, and each form is what its readers expect.

use std::fs;

use serde_json::Value;

use crate::project::{Gate, Project, clean, leaking, plain, skipped};

const ALL: &str = "--json out.json --junit out.xml --sarif out.sarif --markdown out.md --html out.html --github always";

/// A suite with everything that can be wrong: a finding in two tests, a known one, a failed test, one that nobody checks.
fn everything() -> (Project, Gate) {
    let project = Project::new(&[leaking("known")]);
    project.gate("--update-baseline=all").check(0, &[]);
    let baseline = fs::read_to_string(project.path().join("lightsout-baseline.json")).expect("a baseline");
    project.write("lightsout-baseline.json", &baseline.replace("12}", "12,\"reason\":\"issue <7>\"}"));
    let fails = plain("fails", "println!(\"<&> \\x1b[31mred\\x1b[0m \\u{1} ]]> `````\"); panic!(\"oh\")");
    let project = project.tests("src/lib.rs", &[leaking("a"), leaking("b"), leaking("known"), clean("stops"), fails]);
    let gate = project.gate(ALL).check(101, &["1 known, 2 new"]);
    (project, gate)
}

fn read(project: &Project, name: &str) -> String {
    fs::read_to_string(project.path().join(name)).expect("a file that the gate wrote")
}

/// The finding as the terminal prints it.
fn finding(gate: &Gate) -> String {
    let from = gate.stdout.find("leaked-task: ").expect("a finding");
    let text = &gate.stdout[from..];
    text[..text.find("\n\n").expect("an end")].to_owned()
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[test]
fn finding_reads_the_same_in_all() {
    let (project, gate) = everything();
    let finding = finding(&gate);
    assert!(finding.contains("\n  tests       a, b\n") && finding.contains("\n  run again   cargo test"), "{finding}");
    assert!(unescaped(&read(&project, "out.xml")).contains(&finding));
    assert!(read(&project, "out.md").contains(&finding));
    let sarif: Value = serde_json::from_str(&read(&project, "out.sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["message"]["text"].as_str().map(str::trim_end), Some(&*finding));
    assert!(gate.stdout.contains(&finding.replace('\n', "%0A")), "{}", gate.stdout);
    let html = unescaped(&read(&project, "out.html"));
    for line in finding.lines().skip(1) {
        let (label, value) = line.split_at(14);
        assert!(html.contains(&format!("<dt>{}</dt>", label.trim())) && html.contains(value), "{line}\n{html}");
    }
}

#[test]
fn junit_fits_its_schema_and_fails_what_fails() {
    let (project, _) = everything();
    let text = read(&project, "out.xml");
    if fits_schema(&text).map(|it| assert!(it, "{text}")).is_some() {
        let broken = text.replacen("<testcase name=", "<testcase nome=", 1);
        assert_eq!(fits_schema(&broken), Some(false));
    }
    for (test, failed) in [("a", true), ("b", true), ("known", false), ("stops", false), ("fails", true)] {
        let (_, case) =
            text.split_once(&format!("<testcase name=\"{test}\"")).unwrap_or_else(|| panic!("{test}: {text}"));
        let case = &case[..case.find("</testcase>").into_iter().chain(case.find("/>")).min().expect("an end")];
        assert_eq!(case.contains("<failure"), failed, "{test}: {case}");
    }
    assert!(text.contains("tests=\"5\" failures=\"3\""), "{text}");
}

/// Returns whether a text fits the schema that Jenkins reads JUnit's files by; `None` where there is no `xmllint`.
fn fits_schema(text: &str) -> Option<bool> {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, schema) = (folder.path().join("out.xml"), folder.path().join("junit.xsd"));
    fs::write(&file, text).expect("a file");
    fs::write(&schema, include_str!("schema/junit-10.xsd")).expect("a file");
    let mut command = std::process::Command::new("xmllint");
    match command.args(["--noout", "--schema"]).arg(&schema).arg(&file).output() {
        Ok(output) => Some(output.status.success()),
        Err(_) => {
            skipped("there is no `xmllint`: the JUnit file is not held against its schema");
            None
        }
    }
}

#[test]
fn junit_fails_whenever_the_gate_does() {
    let project = Project::new(&[plain("adds", "")]);
    project.gate("--junit out.xml").check(100, &["no test was checked"]);
    let text = read(&project, "out.xml");
    assert!(text.contains("errors=\"1\"") && text.contains("no test was checked by lightsout"), "{text}");
    project.write("src/lib.rs", "fn broken( {");
    project.gate("--junit out.xml").check(101, &[]);
    assert!(read(&project, "out.xml").contains("the suite did not build"));
}

#[test]
fn sarif_fits_its_schema() {
    let (project, _) = everything();
    // Its pattern of a language has a bracket too many, which is no regular expression everywhere.
    let schema = include_str!("schema/sarif-2.1.0.json").replace("{2}]?$", "{2}$");
    let schema: Value = serde_json::from_str(&schema).expect("a schema");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let mut sarif: Value = serde_json::from_str(&read(&project, "out.sarif")).expect("JSON");
    let faults: Vec<_> = schema.iter_errors(&sarif).map(|it| it.to_string()).collect();
    assert_eq!(faults, [] as [String; 0]);
    let results = &sarif["runs"][0]["results"];
    let told: Vec<_> =
        results.as_array().expect("results").iter().map(|it| (&it["level"], &it["baselineState"])).collect();
    assert_eq!(told, [(&"error".into(), &"new".into()), (&Value::from("note"), &"unchanged".into())]);
    assert_eq!(results[1]["suppressions"][0]["justification"], "issue <7>");
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"src/server.rs".into(), &12.into())
    );
    assert_eq!(sarif["runs"][0]["invocations"][0]["exitCode"], 101);
    sarif["runs"][0]["results"][0]["level"] = "awful".into();
    assert!(!schema.is_valid(&sarif));
}

#[test]
fn annotations_stand_at_the_line() {
    let (_, gate) = everything();
    let annotations: Vec<_> = gate.stdout.lines().filter(|line| line.starts_with("::")).collect();
    let begins = [
        "::error file=src/server.rs,line=12,col=5,title=leaked-task%3A a task is alive after the test::leaked-task: ",
        "::error title=test `fails` failed by itself%2C in unittests src/lib.rs of package `shop`%3A::",
        "::notice file=src/server.rs,line=12,col=5,title=leaked-task",
    ];
    assert_eq!(annotations.len(), begins.len(), "{annotations:#?}");
    for (annotation, begin) in annotations.iter().zip(begins) {
        assert!(annotation.starts_with(begin), "{annotation}\n{begin}");
    }
}

#[test]
fn github_is_told_by_itself_where_it_runs_the_job() {
    let project = Project::new(&[leaking("leaks")]);
    let mut command = project.command("");
    project.write("summary.md", "before\n");
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", project.path().join("summary.md"));
    Gate::from(command.output().expect("a gate")).check(100, &["::error file=src/server.rs,line=12"]);
    let summary = read(&project, "summary.md");
    assert!(summary.starts_with("before\n## ❌ lightsout: exit 100: findings\n"), "{summary}");
    assert!(
        summary.contains("| <code>leaked-task</code> | <code>src/server.rs:12:5</code> | <code>leaks</code> |"),
        "{summary}"
    );
}

#[test]
fn markdown_is_whole_whatever_a_test_prints() {
    let (project, _) = everything();
    let text = read(&project, "out.md");
    assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    assert!(text.contains("``````text\n"), "a fence that the output does not end: {text}");
}

#[test]
fn file_that_cannot_be_written_exits_with_96_and_others_are_written() {
    let project = Project::new(&[leaking("leaks")]);
    project
        .gate("--junit no/such/folder/out.xml --sarif out.sarif")
        .check(96, &["failed to write file `no/such/folder/out.xml`: "]);
    assert!(read(&project, "out.sarif").contains("leaked-task"));
}

#[test]
fn explanations_are_printed() {
    let project = Project::empty();
    let run = |line| Gate::from(project.lightsout(line).output().expect("the tool"));
    run("explain leaked-task").check(0, &["The usual fixes:\n  1. Keep the JoinHandle"]);
    run("explain").check(0, &["  double-close     Something that ends once was ended twice.\n"]);
    run("explain leaked-tusk").check(96, &["there is no such kind", "hint: did you mean `leaked-task`?"]);
    run("completions bash").check(0, &["_cargo__lightsout()"]);
}
