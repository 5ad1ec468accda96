//! The text of a plan: what is read and written, and one clear line for everything else.

use lightsout::{Plan, Signal};

#[track_caller]
fn refused(text: &str, why: &str) {
    let error = text.parse::<Plan>().expect_err("it is no plan").to_string();
    assert!(error.contains(why), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(&format!("`{text}`")), "{error}");
}

#[test]
fn text_of_a_plan_reads_back() {
    for text in [
        "undisturbed",
        "SIGTERM@17 SIGTERM@19 delay@23 seed=4",
        "delay@0",
        "SIGINT@3 SIGINT@3",
        "seed=18446744073709551615",
    ] {
        assert_eq!(text.parse::<Plan>().unwrap().to_string(), text);
    }
    for signal in Signal::ALL {
        assert_eq!(signal.name().parse::<Signal>().unwrap(), signal);
    }
    assert_eq!("  SIGHUP@1\tseed=0 ".parse::<Plan>().unwrap().to_string(), "SIGHUP@1");
}

#[test]
fn what_is_no_plan_is_told_in_one_line() {
    refused("SIGTERM", "accepted: `SIGTERM@17`, `delay@23`, `seed=4`");
    refused("SIGTERN@4", "unknown signal `SIGTERN`, accepted: `SIGTERM`, `SIGINT`");
    refused("SIGTERM@-1", "the boundary -1 is negative");
    refused("SIGTERM@4000000000", "the boundary 4000000000 is out of range");
    refused("delay@99999999999999999999999", "is out of range");
    refused("delay@x", "the boundary `x` is not a whole number");
    refused("SIGTERM@", "the boundary `` is not a whole number");
    refused("seed=-1", "`-1` is not a whole number");
    refused("seed=1 seed=2", "a plan has one seed");
    refused("SIGTERM@9 delay@4", "it stands behind `SIGTERM@9`, which comes later");
    refused("SIGTERM @9", "`SIGTERM` is no part of one");
}
