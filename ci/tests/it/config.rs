//! A setting is taken from the first place that has it; one that nobody knows is an error.

use std::fs;

use crate::project::{Gate, Project, clean};

const MANIFEST: &str = "[package]\nname = \"shop\"\nedition = \"2021\"\n[lib]\ndoctest = false\n[workspace]\n";

/// Runs the gate with a variable in its environment.
fn gate(project: &Project, line: &str, environment: &[(&str, &str)]) -> Gate {
    project.command(line).envs(environment.iter().copied()).output().expect("a gate").into()
}

fn has(project: &Project, file: &str) -> bool {
    let path = project.path().join(file);
    let is_there = path.exists();
    if is_there {
        fs::remove_file(path).expect("a file that can be removed");
    }
    is_there
}

#[test]
fn flag_wins_over_environment_over_file_over_manifest() {
    let project = Project::new(&[clean("stops")]);
    project.write("Cargo.toml", &format!("{MANIFEST}[package.metadata.lightsout]\njunit = \"package.xml\"\n"));
    gate(&project, "", &[]).check(0, &[]);
    assert!(has(&project, "package.xml"));
    let both = "[package.metadata.lightsout]\njunit = \"package.xml\"\n[workspace.metadata.lightsout]\njunit = \"workspace.xml\"\n";
    project.write("Cargo.toml", &format!("{MANIFEST}{both}"));
    gate(&project, "", &[]).check(0, &[]);
    assert!(has(&project, "workspace.xml") && !has(&project, "package.xml"));
    project.write("lightsout.toml", "junit = \"file.xml\"\n");
    gate(&project, "", &[]).check(0, &[]);
    assert!(has(&project, "file.xml") && !has(&project, "workspace.xml"));
    gate(&project, "", &[("LIGHTSOUT_JUNIT", "environment.xml")]).check(0, &[]);
    assert!(has(&project, "environment.xml") && !has(&project, "file.xml"));
    gate(&project, "--junit flag.xml", &[("LIGHTSOUT_JUNIT", "environment.xml")]).check(0, &[]);
    assert!(has(&project, "flag.xml") && !has(&project, "environment.xml"));
}

#[test]
fn unknown_key_exits_with_96_and_names_the_nearest() {
    let project = Project::new(&[clean("stops")]);
    project.write("lightsout.toml", "base-line = \"b.json\"\n");
    let told = [
        "failed to read setting `base-line` of `",
        "lightsout.toml`: there is no such setting",
        "hint: did you mean `baseline`?",
    ];
    gate(&project, "", &[]).check(96, &told);
    project.write("lightsout.toml", "");
    project.write("Cargo.toml", &format!("{MANIFEST}[package.metadata.lightsout]\nrunner = \"make\"\n"));
    let told =
        ["`runner` of `[package.metadata.lightsout]`: `make` is none of its values", "hint: one of `cargo`, `nextest`"];
    gate(&project, "", &[]).check(96, &told);
    gate(&project, "", &[("LIGHTSOUT_RUNNER", "make")]).check(96, &["invalid value 'make'"]);
}
