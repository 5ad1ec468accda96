//! What a baseline knows, and how it is written.

use std::path::Path;

use lightsout::Kind;

use super::{Entry, matched, parse, print};

fn entry(test: &str, function: &str, offset: i64, code: &str) -> Entry {
    Entry {
        package: Some("shop".to_owned()),
        test: test.to_owned(),
        kind: Kind::LeakedTask,
        file: Some("src/lib.rs".to_owned()),
        function: Some(function.to_owned()),
        offset,
        code: Some(code.to_owned()),
        reason: None,
    }
}

fn known(entries: &[Entry], found: &[Entry]) -> Vec<Option<usize>> {
    let found: Vec<_> = found.iter().cloned().map(|entry| ((0, 0), entry)).collect();
    matched(entries, &found)
}

#[test]
fn place_in_its_function_is_known() {
    let entries = [entry("a", "start", 3, "spawn(x);"), entry("a", "start", 5, "spawn(y);")];
    assert_eq!(known(&entries, &[entry("a", "start", 5, "spawn(y);")]), [Some(1)]);
    assert_eq!(known(&entries, &[entry("a", "start", 5, "spawn(renamed);")]), [Some(1)]);
    assert_eq!(known(&entries, &[entry("b", "start", 5, "spawn(y);")]), [None]);
    assert_eq!(known(&entries, &[entry("a", "stop", 5, "spawn(y);")]), [None]);
}

#[test]
fn line_that_moved_in_its_function_is_known_by_its_text() {
    let entries = [entry("a", "start", 3, "spawn(x);")];
    assert_eq!(known(&entries, &[entry("a", "start", 9, "spawn(x);")]), [Some(0)]);
    assert_eq!(known(&entries, &[entry("a", "start", 9, "spawn(z);")]), [None]);
}

#[test]
fn second_line_with_the_same_text_is_new() {
    let entries = [entry("a", "start", 3, "spawn(x);")];
    let (old, new) = (entry("a", "start", 3, "spawn(x);"), entry("a", "start", 9, "spawn(x);"));
    assert_eq!(known(&entries, &[new.clone(), old]), [None, Some(0)]);
    let other = entry("a", "start", 12, "spawn(x);");
    assert_eq!(known(&entries, &[new.clone(), other, new]), [Some(0), None, Some(0)]);
}

#[test]
fn file_is_one_sorted_line_a_finding() {
    let reasoned = Entry { reason: Some("issue 7".to_owned()), ..entry("b", "start", 1, "spawn(x);") };
    let entries = vec![entry("b", "start", 1, "spawn(x);"), reasoned, entry("a", "start", 1, "spawn(x);")];
    let text = print(entries);
    insta::assert_snapshot!(text, @r#"
    {
      "version": 1,
      "findings": [
        {"package":"shop","test":"a","kind":"leaked-task","file":"src/lib.rs","function":"start","offset":1,"code":"spawn(x);"},
        {"package":"shop","test":"b","kind":"leaked-task","file":"src/lib.rs","function":"start","offset":1,"code":"spawn(x);","reason":"issue 7"}
      ]
    }
    "#);
    let read = parse(&text, Path::new("b.json")).expect("a baseline");
    assert_eq!(print(read), text);
    assert_eq!(parse(&print(Vec::new()), Path::new("b.json")), Ok(Vec::new()));
}

#[test]
fn broken_file_is_told_with_its_line() {
    let told = |text: &str| parse(text, Path::new("b.json")).expect_err("a broken file").to_string();
    let entry = "{\"test\":\"a\",\"kind\":\"leaked-task\"}";
    let whole = |entry: &str| format!("{{\n\"version\": 1,\n\"findings\": [\n{entry}\n]\n}}");
    assert!(parse(&whole(entry), Path::new("b.json")).is_ok());
    for (text, cause) in [
        ("", "EOF while parsing"),
        ("{\"version\": 9, \"what\": 1}", "version 9"),
        (&whole("<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs"), "merge conflict at line 4"),
        (&whole(&entry.replace("test", "tset")), "unknown field `tset`"),
        (&whole(&entry.replace("leaked-task", "leaked-taks")), "unknown variant `leaked-taks`"),
        (&whole(&entry.replace("leaked-task", "vacuous")), "`a` is `vacuous`"),
        (&whole(&format!("{entry},")), "at line 5"),
    ] {
        let told = told(text);
        assert!(told.starts_with("failed to read baseline `b.json`: ") && told.contains(cause), "{told}");
    }
}
