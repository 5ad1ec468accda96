//! The report: for a person, as JSON, and as a file.

use std::future::pending;

use lightsout::{Check, Report};

use crate::again::again;

/// Snapshots of a report with every kind of line, where all of it can be seen.
#[cfg(all(tokio_unstable, target_os = "linux", target_arch = "x86_64"))]
mod words {
    use std::time::Duration;

    use lightsout::{Allow, Check, Report};

    /// A report with every kind of line that does not vary.
    fn sample() -> Report {
        async fn worker(mut jobs: tokio::sync::mpsc::Receiver<u32>) {
            while jobs.recv().await.is_some() {}
        }
        let stale = Allow::thread("rayon-*").because("rayon keeps its pool");
        Check::new("orders::drain").start_paused(true).allow(stale).run(|| async {
            let (send, receive) = tokio::sync::mpsc::channel(1);
            for _ in 0..2 {
                tokio::spawn(async { panic!("no disk") });
            }
            tokio::spawn(worker(receive));
            tokio::time::sleep(Duration::from_secs(3)).await;
            std::mem::forget(send);
        })
    }

    /// The number of a line moves with every edit above it.
    fn settings() -> insta::Settings {
        let mut settings = insta::Settings::clone_current();
        settings.add_filter(r"reports\.rs:\d+:\d+", "reports.rs:LINE:COLUMN");
        settings.add_filter(r#""line": \d+"#, r#""line": LINE"#);
        settings.add_filter(r#""column": \d+"#, r#""column": COLUMN"#);
        settings.add_filter(r"reports\.rs:\d+", "reports.rs:LINE");
        settings.add_filter(r#""micros": \d+"#, r#""micros": MICROS"#);
        settings.add_filter(r#""binary": "it-[0-9a-f]+""#, r#""binary": "it-HASH""#);
        settings.set_prepend_module_to_snapshot(false);
        settings
    }

    #[test]
    fn person_is_told_what_where_and_what_to_do() {
        settings().bind(|| insta::assert_snapshot!("report_for_a_person", sample().to_text()));
    }

    #[test]
    fn json_has_the_same_findings_in_the_same_order() {
        settings().bind(|| insta::assert_snapshot!("report_as_json", sample().to_json()));
    }
}

fn leak() -> Report {
    Check::new("leak").start_paused(true).run(|| async {
        tokio::spawn(pending::<()>());
    })
}

#[test]
fn json_reads_back_as_it_was() {
    let report = leak();
    assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
}

#[test]
fn report_of_a_newer_format_is_refused() {
    let newer = leak().to_json().replacen("\"version\": 1", "\"version\": 2", 1);
    let error = Report::from_json(&newer).unwrap_err().to_string();
    assert!(error.contains("its format has version 2"), "{error}");
}

#[test]
fn half_a_report_is_refused() {
    let json = leak().to_json();
    assert!(Report::from_json(&json[..json.len() / 2]).is_err());
}

#[test]
fn color_is_only_where_it_is_asked_for() {
    let report = leak();
    assert!(lightsout::report::human(&report, true).contains("\u{1b}["));
    assert!(!report.to_text().contains("\u{1b}["));
}

#[test]
fn assert_clean_fails_with_the_whole_report() {
    let report = leak();
    let payload = std::panic::catch_unwind(|| report.assert_clean()).unwrap_err();
    assert!(payload.downcast_ref::<String>().unwrap().contains("leaked-task: 1 task is still alive"));
}

/// What [`body_that_ends_its_process_leaves_a_mark`] starts.
#[test]
#[ignore = "ends its process"]
fn body_that_ends_its_process() {
    let _ = Check::new("exits").run(|| async { std::process::exit(0) });
}

#[test]
fn body_that_ends_its_process_leaves_a_mark() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("mark-{}", std::process::id()));
    let mut child = again("reports::body_that_ends_its_process");
    assert!(child.env("LIGHTSOUT_REPORT_DIR", &folder).output().unwrap().status.success());
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let reports: Vec<_> = files.filter(|file| file.extension().is_some_and(|kind| kind != "record")).collect();
    let [file] = &reports[..] else { panic!("{reports:?}") };
    let said = std::fs::read_to_string(file).unwrap();
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        ["{\"version\":1,\"of\":0,\"begun\":\"exits\",\"package\":\"lightsout\"}"]
    );
    std::fs::remove_dir_all(folder).unwrap();
}
