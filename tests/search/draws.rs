//! Plans drawn at random, by the search and by property tests.

use lightsout::{Check, Kind, Signal, plans};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

use crate::alone;
use crate::bodies::{self, Buggy, Fixed};
use crate::claims::only;

#[test]
fn drawn_plans_find_the_second_signal_and_shrink() {
    let _alone = alone();
    let check = Check::new("drawn").signals([Signal::Term, Signal::Term]).explore(200);
    let report = check.run(|| bodies::closes_twice(Buggy));
    let plan = only(&report, Kind::TaskPanic).plan().unwrap().to_string();
    assert!(plan.starts_with("SIGTERM@1 SIGTERM@"), "{report}");
    let searched = report.coverage().searched().unwrap();
    let seed = searched.drawn_with().expect("it draws");
    let said = format!("200 of 200 plans drawn at random, with LIGHTSOUT_SEED={seed}");
    assert!(searched.to_string().starts_with(&said), "{searched}");
    assert!(!searched.is_exhaustive());
    let mended = Check::new("drawn, mended").signals([Signal::Term, Signal::Term]).explore(200);
    mended.run(|| bodies::closes_twice(Fixed)).assert_clean();
}

#[test]
fn plans_are_a_strategy_beside_inputs_of_the_test() {
    let _alone = alone();
    let strategy = (plans([Signal::Term, Signal::Term], 1, 1..=20), 0..3_u32);
    let mut runner = TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
    let failed = runner.run(&strategy, |(plan, _clients)| {
        let check = Check::new("property").signals([Signal::Term, Signal::Term]).drawn_plan(plan);
        let report = check.run(|| bodies::closes_twice(Buggy));
        prop_assert!(report.is_clean(), "{}", report);
        Ok(())
    });
    let Err(TestError::Fail(_, (plan, clients))) = failed else { panic!("{failed:?}") };
    let plan = plan.to_string();
    assert!(plan.starts_with("SIGTERM@1 SIGTERM@") && !plan.contains("delay"), "{plan}");
    assert_eq!(clients, 0);
}
