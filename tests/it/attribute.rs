//! What the attribute makes of a function, seen from a library that writes down how it is called.

use std::cell::RefCell;
use std::process::Command;

use rstest::rstest;

use self::recorder::private::{Panic, Seen};

/// Has the shape of `lightsout`, as far as an expansion reaches, and runs no runtime.
mod recorder {
    use std::time::Duration;

    /// Writes down each setting.
    #[derive(Default)]
    pub(crate) struct Check(pub(crate) Vec<String>);

    impl Check {
        pub(crate) fn current_thread(self) -> Self {
            self.with("current_thread".to_owned())
        }

        pub(crate) fn multi_thread(self) -> Self {
            self.with("multi_thread".to_owned())
        }

        pub(crate) fn local(self) -> Self {
            self.with("local".to_owned())
        }

        pub(crate) fn worker_threads(self, count: usize) -> Self {
            self.with(format!("worker_threads {count}"))
        }

        pub(crate) fn start_paused(self, paused: bool) -> Self {
            self.with(format!("start_paused {paused}"))
        }

        pub(crate) fn deadline(self, time: Duration) -> Self {
            self.with(format!("deadline {time:?}"))
        }

        pub(crate) fn grace(self, time: Duration) -> Self {
            self.with(format!("grace {time:?}"))
        }

        pub(crate) fn wait_graph(self, told: bool) -> Self {
            self.with(format!("wait_graph {told}"))
        }

        pub(crate) fn signals<const N: usize>(self, signals: [Signal; N]) -> Self {
            self.with(format!("signals {signals:?}"))
        }

        pub(crate) fn delays(self, most: u32) -> Self {
            self.with(format!("delays {most}"))
        }

        pub(crate) fn seeds(self, count: u32) -> Self {
            self.with(format!("seeds {count}"))
        }

        pub(crate) fn runs(self, most: u64) -> Self {
            self.with(format!("runs {most}"))
        }

        pub(crate) fn explore(self, plans: u32) -> Self {
            self.with(format!("explore {plans}"))
        }

        pub(crate) fn deny_start_up(self, deny: bool) -> Self {
            self.with(format!("deny_start_up {deny}"))
        }

        pub(crate) fn allow(self, rule: String) -> Self {
            self.with(format!("allow {rule}"))
        }

        fn with(mut self, setting: String) -> Self {
            self.0.push(setting);
            self
        }
    }

    /// The signals that these tests name.
    #[derive(Debug)]
    pub(crate) enum Signal {
        Term,
        Int,
    }

    /// A rule that still needs its reason.
    pub(crate) struct Allow(String);

    impl Allow {
        pub(crate) fn spawned_at(glob: &str) -> Self {
            Self(format!("spawned_at {glob}"))
        }

        pub(crate) fn spawned_in(glob: &str) -> Self {
            Self(format!("spawned_in {glob}"))
        }

        pub(crate) fn task(glob: &str) -> Self {
            Self(format!("task {glob}"))
        }

        pub(crate) fn thread(glob: &str) -> Self {
            Self(format!("thread {glob}"))
        }

        pub(crate) fn panic(glob: &str) -> Self {
            Self(format!("panic {glob}"))
        }

        pub(crate) fn because(self, reason: &str) -> String {
            format!("{} because {reason}", self.0)
        }
    }

    pub(crate) mod private {
        use std::pin::pin;
        use std::task::{Context, Poll, Waker};

        use super::Check;

        pub(crate) struct Case {
            pub(crate) module: &'static str,
            pub(crate) name: &'static str,
            pub(crate) package: Option<&'static str>,
            pub(crate) manifest: Option<&'static str>,
            pub(crate) panic: Panic,
        }

        #[derive(Clone, Debug, PartialEq)]
        pub(crate) enum Panic {
            Fails,
            Expected(Option<&'static str>),
        }

        /// What the library was told about a test.
        #[derive(Clone)]
        pub(crate) struct Seen {
            pub(crate) path: String,
            pub(crate) package: Option<&'static str>,
            pub(crate) panic: Panic,
            pub(crate) settings: Vec<String>,
        }

        /// Polls the body once; it finds what was seen in [`crate::attribute::seen`].
        pub(crate) fn test<F: Future<Output: std::fmt::Debug>>(
            case: Case,
            set: fn(Check) -> Check,
            body: impl Fn() -> F,
        ) {
            let Case { module, name, package, manifest, panic } = case;
            assert_eq!(manifest, Some(env!("CARGO_MANIFEST_DIR")));
            let seen = Seen { path: format!("{module}::{name}"), package, panic, settings: set(Check::default()).0 };
            super::super::SEEN.set(Some(seen));
            assert!(matches!(pin!(body()).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(_)));
        }
    }
}

thread_local! {
    /// `None` outside of a test that the recorder runs.
    static SEEN: RefCell<Option<Seen>> = const { RefCell::new(None) };
}

fn seen() -> Seen {
    SEEN.with_borrow(Clone::clone).expect("the recorder runs the body")
}

#[track_caller]
fn check_settings(expected: &[&str]) {
    assert_eq!(seen().settings, expected);
}

#[lightsout::test(crate = self::recorder)]
async fn says_nothing_that_was_not_said() {
    check_settings(&[]);
    assert_eq!(seen().panic, Panic::Fails);
}

#[lightsout::test(crate = self::recorder)]
async fn knows_its_name() {
    assert_eq!(seen().path, concat!(module_path!(), "::knows_its_name"));
    assert_eq!(seen().package, Some("lightsout"));
}

#[lightsout::test(crate = self::recorder, worker_threads = 3, flavor = "multi_thread")]
async fn sets_the_flavor_before_its_threads() {
    check_settings(&["multi_thread", "worker_threads 3"]);
}

#[lightsout::test(crate = self::recorder, flavor = "local", start_paused = true)]
async fn sets_a_paused_local_runtime() {
    check_settings(&["local", "start_paused true"]);
}

#[lightsout::test(crate = self::recorder, flavor = "current_thread", start_paused = false)]
async fn sets_what_is_the_default_too() {
    check_settings(&["current_thread", "start_paused false"]);
}

#[lightsout::test(crate = self::recorder, deadline = "2m", grace = "1500us")]
async fn sets_the_times() {
    check_settings(&["deadline 120s", "grace 1.5ms"]);
}

#[lightsout::test(crate = self::recorder, wait_graph = true, grace = "1s")]
async fn asks_for_the_wait_graph() {
    check_settings(&["grace 1s", "wait_graph true"]);
}

#[lightsout::test(
    crate = self::recorder,
    allow(spawned_at = "src/*.rs:7", reason = "one"),
    allow(reason = "two", spawned_in = "pool::*"),
    allow(task = "t", reason = "three"),
    allow(thread = "t", reason = "four"),
    allow(panic = "p", reason = "five"),
)]
async fn allows_in_the_order_given() {
    check_settings(&[
        "allow spawned_at src/*.rs:7 because one",
        "allow spawned_in pool::* because two",
        "allow task t because three",
        "allow thread t because four",
        "allow panic p because five",
    ]);
}

#[lightsout::test(crate = self::recorder)]
#[should_panic]
async fn should_panic_is_taken_over() {
    assert_eq!(seen().panic, Panic::Expected(None));
}

#[should_panic(expected = "closed twice")]
#[lightsout::test(crate = self::recorder)]
async fn should_panic_is_taken_over_from_above() {
    assert_eq!(seen().panic, Panic::Expected(Some("closed twice")));
}

#[lightsout::test(crate = self::recorder)]
#[cfg_attr(all(), should_panic = "closed twice")]
async fn should_panic_is_taken_over_from_a_condition() {
    assert_eq!(seen().panic, Panic::Expected(Some("closed twice")));
}

#[lightsout::test(crate = self::recorder)]
#[ignore = "is only looked for in the list of ignored tests"]
async fn ignored() {}

#[test]
fn ignored_stays_ignored() {
    let list = Command::new(std::env::current_exe().unwrap()).args(["--list", "--ignored"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("attribute::ignored: test\n"), "{list}");
    assert!(!list.contains("knows_its_name"), "{list}");
}

#[rstest]
#[case(1)]
#[case::named(2)]
#[lightsout::test(crate = self::recorder, grace = "1s")]
async fn composes_with_rstest(#[case] number: u32) {
    check_settings(&["grace 1s"]);
    let case = ["case_1", "case_2_named"][number as usize - 1];
    assert_eq!(seen().path, format!("{}::composes_with_rstest::{case}", module_path!()));
}

#[rstest]
#[case::fails(Panic::Fails)]
#[should_panic(expected = "closed twice")]
#[case::panics(Panic::Expected(Some("closed twice")))]
#[lightsout::test(crate = self::recorder)]
async fn composes_with_rstest_case_by_case(#[case] panic: Panic) {
    assert_eq!(seen().panic, panic);
}

#[lightsout::test(
    crate = self::recorder,
    signals = "SIGTERM,SIGINT",
    runs = 2_000,
    startup = "deny",
    delays = 1,
    seeds = 3,
    explore = 9,
)]
async fn search_is_bounded_by_its_arguments() {
    check_settings(&["signals [Term, Int]", "delays 1", "seeds 3", "runs 2000", "explore 9", "deny_start_up true"]);
}
