//! The registry is whole, and its files say what a report must name.

use std::fs;
use std::path::Path;

use corpus::{CASES, Family};

#[test]
fn every_file_of_a_family_is_a_case() {
    for family in Family::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(family.module());
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<_> = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        files.sort();
        let cases: Vec<_> = CASES.iter().filter(|case| case.family() == family).map(|case| case.name()).collect();
        assert_eq!(files, cases);
    }
}

#[test]
fn every_case_marks_what_a_report_must_name() {
    for case in CASES {
        assert!(!case.marks().is_empty(), "{}", case.file);
        assert!(case.origin().contains(": "), "{}: {:?}", case.file, case.origin());
    }
}

#[test]
fn files_are_named_as_the_compiler_names_them() {
    for case in CASES {
        assert_eq!(case.file, format!("tests/corpus/src/{}/{}.rs", case.family().module(), case.name()));
    }
}
