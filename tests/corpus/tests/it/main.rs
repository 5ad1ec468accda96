//! Every case under lightsout: the buggy form is found out with kind and place, the fixed one is clean.

mod judged;
mod registry;
mod waits;

use corpus::{Family, Form};

/// Claims that each mark of the buggy form is told and nothing else is, and that nothing is told of the fixed form.
fn holds(family: Family, name: &str) {
    let case = corpus::case(family, name).expect("the registry has it");
    let report = judged::report(case, Form::Buggy);
    assert_eq!(judged::said(&report), judged::expected(case), "{}\n{report}", case.origin());
    judged::report(case, Form::Fixed).assert_clean();
}

macro_rules! tests {
    ($($family:ident: $module:ident { $($(#[$of_test:meta])* $name:ident)* })*) => {
        $(mod $module {
            $(
                #[test]
                $(#[$of_test])*
                fn $name() {
                    crate::holds(corpus::Family::$family, stringify!($name));
                }
            )*
        })*
    };
}
corpus::for_each_case!(tests);
