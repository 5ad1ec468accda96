//! A case in which nothing listens for a signal that would end the program: only a process in which nothing ever did can show it.

#[path = "../it/judged.rs"]
mod judged;

use corpus::{Family, Form};

#[test]
fn fiber_185() {
    let case = corpus::case(Family::Rust, "fiber_185").expect("the registry has it");
    let report = judged::report(case, Form::Buggy);
    assert_eq!(judged::said(&report), judged::expected(case), "{}\n{report}", case.origin());
    judged::report(case, Form::Fixed).assert_clean();
}
