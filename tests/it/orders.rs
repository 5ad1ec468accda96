//! Stated orders of endings.

use lightsout::{Allow, Check, Closable, Kind, Report};

use crate::claims::{clean, only, said};

const ORDER: &str = "listener < connections < database";

fn check() -> Check {
    Check::new("ordered").order(ORDER)
}

/// Runs a body that has one thing of each name, and closes these, one a line of the returned report's file.
fn closing(check: Check, names: &'static [&'static str]) -> Report {
    check.run(move || async move {
        let things = ["listener", "connections", "database"].map(Closable::new);
        for name in names {
            things.iter().find(|thing| thing.name() == *name).unwrap().close();
        }
    })
}

#[test]
fn right_order_is_clean() {
    clean(&closing(check(), &["listener", "connections", "database"]));
}

#[test]
fn wrong_order_is_found_with_both_places() {
    let report = check().run(|| async {
        let [listener, connections, database] = ["listener", "connections", "database"].map(Closable::new);
        listener.close();
        database.close();
        connections.close();
    });
    let finding = only(&report, Kind::OutOfOrder);
    let lines: Vec<_> = finding.sites().iter().map(|site| (&*site.file, site.line)).collect();
    assert_eq!(lines, [(file!(), line!() - 5), (file!(), line!() - 4)], "{report}");
    assert_eq!(finding.summary(), "`database` ended while `connections` was open");
    assert_eq!(said(finding, "order"), ORDER);
}

#[test]
fn what_follows_from_others_is_told_where_the_link_is_missing() {
    let report = closing(Check::new("two").order("listener < gone < database"), &["database", "listener"]);
    let kinds: Vec<Kind> = report.findings().iter().map(lightsout::Finding::kind).collect();
    assert_eq!(kinds, [Kind::OutOfOrder, Kind::Vacuous], "{report}");
    assert_eq!(report.findings()[0].summary(), "`database` ended while `listener` was open");
}

#[test]
fn thing_that_is_never_closed_breaks_the_order() {
    let report = closing(check(), &["connections", "database"]);
    let finding = only(&report, Kind::OutOfOrder);
    assert_eq!(finding.summary(), "`connections` ended while `listener` was open");
    assert!(said(finding, "late").ends_with("was never closed"), "{report}");
}

#[test]
fn every_thing_of_a_name_must_have_ended() {
    let report = Check::new("many").order("connection < listener").run(|| async {
        let connections = [(); 3].map(|()| Closable::new("connection"));
        let listener = Closable::new("listener");
        connections[0].close();
        listener.close();
        connections[1].close();
        connections[2].close();
    });
    assert_eq!(report.findings().len(), 2, "{report}");
}

#[test]
fn thing_that_is_made_after_the_end_is_of_the_next_life() {
    clean(&Check::new("restart").order("listener < database").run(|| async {
        for _ in 0..2 {
            let [listener, database] = ["listener", "database"].map(Closable::new);
            listener.close();
            database.close();
        }
    }));
}

#[test]
fn name_that_nothing_has_is_vacuous() {
    let report = closing(Check::new("slip").order("listner < database"), &["listener", "database"]);
    let vacuous = only(&report, Kind::Vacuous);
    assert_eq!(vacuous.summary(), "`listner` stands in the order, and nothing in the test has this name");
    assert_eq!(said(vacuous, "names"), "`connections`, `database`, `listener`");
}

#[test]
fn order_of_things_that_do_not_end_is_vacuous() {
    let report = closing(check(), &[]);
    assert!(only(&report, Kind::Vacuous).summary().contains("was not checked"), "{report}");
}

#[test]
fn mistakes_in_a_rule_are_errors_before_the_body_runs() {
    let refused = |check: Check| {
        let never = || async { panic!("the body ran") };
        check.try_run(never).unwrap_err().to_string()
    };
    let said = refused(check().order("database < listener"));
    assert!(said.contains("`connections` would have to end before itself"), "{said}");
    let said = refused(Check::new("slip").components(["listener", "database"]).order("listner < database"));
    assert!(said.contains("`listner` is none of the components, which are `listener`, `database`"), "{said}");
    let said = refused(Check::new("half").order("listener <"));
    assert!(said.contains("a name is missing"), "{said}");
}

#[test]
fn disorder_may_be_allowed_by_what_ends_too_early() {
    let rule = Allow::closable("database").because("it is a cache in memory");
    clean(&closing(check().allow(rule), &["listener", "database", "connections"]));
}

#[lightsout::test(components = "listener, database", order = "listener < database")]
async fn attribute_states_an_order() {
    let [listener, database] = ["listener", "database"].map(Closable::new);
    listener.close();
    database.close();
}
