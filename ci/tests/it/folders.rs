//! Each run reads its own reports and nobody else's.

use std::fs;

use crate::project::{Gate, Project, clean, leaking, plain, report};

#[test]
fn reports_of_an_earlier_run_are_not_read() {
    let project = Project::new(&[leaking("leaks")]);
    project.gate("").check(100, &[]);
    let project = project.tests("src/lib.rs", &[clean("stops")]);
    project.gate("").check(0, &["no findings in 1 checked test"]);
    assert_eq!(project.runs().len(), 2);
}

#[test]
fn report_folder_keeps_what_was_in_it() {
    let project = Project::new(&[clean("stops")]);
    project.write("mine/old.json", "{ broken");
    project.gate("--report-dir mine").check(0, &["no findings in 1 checked test"]);
    assert_eq!(fs::read_dir(project.path().join("mine")).expect("a folder").count(), 2);
}

#[test]
fn target_folder_is_where_reports_go() {
    let project = Project::new(&[clean("stops")]);
    project.gate("--target-dir elsewhere").check(0, &[]);
    assert!(project.path().join("elsewhere/lightsout/last-run.log").exists());
    assert!(!project.path().join("target").exists());
}

#[test]
fn two_gates_at_once_do_not_mix() {
    let report = report("MARK", "passed", &[]).to_string();
    let meet = format!(
        "let mark = std::env::var(\"MARK\").unwrap();
         write(\"a.json\", &r##\"{report}\"##.replace(\"MARK\", &mark));
         std::fs::write(format!(\"met-{{mark}}\"), \"\").unwrap();
         while ![\"met-one\", \"met-two\"].iter().all(|it| std::path::Path::new(it).exists()) {{
             std::thread::sleep(std::time::Duration::from_millis(5));
         }}"
    );
    let project = Project::new(&[plain("meets", &meet)]);
    let start = |mark| {
        let mut command = project.command("");
        command.env("MARK", mark).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().expect("a gate that starts")
    };
    let gates = ["one", "two"].map(|mark| (mark, start(mark)));
    for (mark, gate) in gates {
        let gate = Gate::from(gate.wait_with_output().expect("a gate that ends"));
        gate.check(0, &[&format!("\n{mark}  "), "no findings in 1 checked test"]);
    }
}
