//! The page for a browser: whole without a network, on a phone, in light and in dark, and by keyboard. Looked at with Chromium where it is.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::project::{Project, clean, finding, leaking, plain, report, skipped, test_with};

/// A page with all that a page can have; a test's name and a summary try to break out of it.
fn page() -> (Project, String) {
    let project = Project::new(&[leaking("known")]);
    project.gate("--update-baseline=all").check(0, &[]);
    let evil =
        report("evil", "passed", &[finding("evil", "hang", "</script><script>document.title = 'broken'</script>")]);
    let evil = test_with("evil", &evil.to_string(), "panic!()");
    let fails = plain("fails", "println!(\"<b>bold</b>\"); panic!(\"oh\")");
    let project =
        project.tests("src/lib.rs", &[leaking("a"), leaking("b"), leaking("known"), clean("stops"), evil, fails]);
    project.gate("--html out.html").check(101, &[]);
    let text = fs::read_to_string(project.path().join("out.html")).expect("a page");
    (project, text)
}

#[test]
fn page_needs_no_other_file_and_runs_nothing_of_a_test() {
    let (_, text) = page();
    for reference in ["src=\"", "href=\"http", "@import", "url(", "fetch("] {
        assert!(!text.contains(reference), "{reference}");
    }
    assert_eq!((text.matches("<script>").count(), text.matches("</script>").count()), (1, 1));
    assert!(text.contains("&lt;b&gt;bold&lt;/b&gt;"), "{text}");
}

#[test]
fn every_finding_is_linked_from_its_test() {
    let (_, text) = page();
    for (id, kind) in [("finding-1", "hang"), ("finding-2", "leaked-task"), ("known-1", "leaked-task")] {
        assert!(text.contains(&format!("id=\"{id}\"")), "{id}");
        assert!(text.contains(&format!("<a href=\"#{id}\">{kind}</a>")), "{id}");
    }
    assert_eq!(text.matches("<a href=\"#finding-2\">").count(), 2);
}

/// Returns Chromium, by the names that systems give it; says so where there is none.
fn chromium() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        skipped("there is no Chromium: the page is not looked at");
    }
    found
}

/// Runs Chromium over a page.
fn browse(chromium: &str, page: &std::path::Path, arguments: &[&str]) -> String {
    let profile = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(chromium);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=2000"]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).args(arguments);
    let output = command.arg(format!("file://{}", page.display())).output().expect("Chromium");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What a person with a keyboard does, and what is then to be seen; the answers are put into the page's title.
const PROBE: &str = r##"
<script>
const press = (key) => (document.activeElement || document.body).dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const answers = {};
press("j");
answers.first = document.activeElement.parentElement.id;
press("j"); press("j"); press("k");
answers.second = document.activeElement.parentElement.id;
press("/");
answers.filter = document.activeElement.id;
document.activeElement.value = "stops";
document.activeElement.dispatchEvent(new Event("input"));
answers.shown = document.getElementById("shown").textContent;
answers.wide = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
answers.copies = document.querySelectorAll(".copy button").length;
location.hash = "#known-1";
dispatchEvent(new HashChangeEvent("hashchange"));
answers.opened = document.getElementById("known-1").open;
answers.title = document.title;
document.documentElement.dataset.answers = JSON.stringify(answers);
</script>
"##;

#[test]
fn page_is_read_by_keyboard_and_fits_a_phone() {
    let Some(chromium) = chromium() else { return };
    let (project, text) = page();
    let probed = project.path().join("probed.html");
    fs::write(&probed, text.replace("</body>", &format!("{PROBE}</body>"))).expect("a page");
    for size in ["--window-size=1200,900", "--window-size=500,800"] {
        let dom = browse(chromium, &probed, &[size, "--dump-dom"]);
        let answers = dom.split_once("data-answers=\"").and_then(|(_, rest)| rest.split_once('"')).expect("answers").0;
        let answers: serde_json::Value = serde_json::from_str(&answers.replace("&quot;", "\"")).expect("JSON");
        assert_eq!((&answers["first"], &answers["second"]), (&"finding-1".into(), &"finding-2".into()), "{answers}");
        assert_eq!((&answers["filter"], &answers["shown"]), (&"filter".into(), &"1 of 5".into()), "{answers}");
        assert_eq!((&answers["wide"], &answers["opened"]), (&true.into(), &true.into()), "{size} {answers}");
        assert_eq!(answers["title"], "lightsout: exit 101: the suite's own tests failed");
        assert!(answers["copies"].as_u64() > Some(0), "{answers}");
    }
}

/// Draws the page; the pictures lie in the target folder for whoever wants to look.
#[test]
fn page_is_drawn_in_light_and_dark() {
    let Some(chromium) = chromium() else { return };
    let (project, _) = page();
    let page = project.path().join("out.html");
    let pictures = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let draw = |name: &str, arguments: &[&str]| {
        let picture = pictures.join(format!("page-{name}.png"));
        let to = format!("--screenshot={}", picture.display());
        browse(chromium, &page, &[arguments, &[&to]].concat());
        fs::read(picture).expect("a picture")
    };
    let light = draw("light", &["--window-size=1200,1400"]);
    let dark = draw("dark", &["--window-size=1200,1400", "--blink-settings=preferredColorScheme=0"]);
    let phone = draw("phone", &["--window-size=500,1800"]);
    assert!(light.starts_with(b"\x89PNG") && phone.starts_with(b"\x89PNG"));
    assert_ne!(light, dark, "dark is drawn as light");
}
