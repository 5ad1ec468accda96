//! On a paused clock: the numbers are virtual milliseconds.

use std::future::{pending, ready};
use std::time::Duration;
use std::{fs, io};

use services::sequence::{Config, End, Summary, run};
use tokio::time::sleep;

use super::{absent, checked};

const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A tick every 10 ms and an idle consumer; the file is named after the test and is not there yet.
fn config(test: &str) -> Config {
    Config { limit: 3, interval: ms(10), work: ms(0), path: absent(&format!("sequence-{test}")) }
}

#[checked(start_paused = true)]
async fn sequence_ends_above_its_limit() {
    let summary = run(config("limit"), pending()).await.unwrap();
    assert_eq!(summary, Summary { last: Some(4), end: End::Limit });
}

#[checked(start_paused = true)]
async fn sequence_can_be_stopped() {
    let summary = run(config("stopped"), sleep(ms(25))).await.unwrap();
    assert_eq!(summary, Summary { last: Some(2), end: End::Stopped });
}

#[checked(start_paused = true)]
async fn stop_before_the_first_value_writes_nothing() {
    let config = config("first");
    let path = config.path.clone();
    let summary = run(config, ready(())).await.unwrap();
    assert_eq!(summary, Summary { last: None, end: End::Stopped });
    assert!(!path.exists());
}

/// When the consumer sees the stop, at 35 ms, the second value is queued and the producer has the third in its hands.
#[checked(start_paused = true)]
async fn sequence_with_a_slow_consumer_can_be_stopped() {
    let config = Config { work: ms(35), ..config("slow-stopped") };
    let summary = run(config, sleep(ms(25))).await.unwrap();
    assert_eq!(summary, Summary { last: Some(1), end: End::Stopped });
}

#[checked(start_paused = true)]
async fn slow_consumer_gets_every_value_up_to_the_limit() {
    let config = Config { work: ms(35), ..config("slow-limit") };
    let summary = run(config, pending()).await.unwrap();
    assert_eq!(summary, Summary { last: Some(4), end: End::Limit });
}

#[checked(start_paused = true)]
#[cfg_attr(feature = "faulty", ignore = "the faulty form loses the write")]
async fn last_value_is_on_disk_when_the_run_returns() {
    let config = config("disk");
    let path = config.path.clone();
    run(config, pending()).await.unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "4\n");
}

#[checked(start_paused = true)]
#[cfg_attr(feature = "faulty", ignore = "the faulty form loses the write")]
async fn value_that_cannot_be_written_is_an_error() {
    let config = config("unwritable");
    let path = config.path.join("below-nothing");
    let error = run(Config { path, ..config }, pending()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::Signal::{SIGINT, SIGTERM};
    use services::FAULTY;

    use super::*;
    use crate::CALLERS;
    use crate::program::Program;

    /// A signal at any moment, also before the parts run; what was taken last is what is written.
    #[checked(signals = "SIGTERM, SIGINT")]
    async fn signal_at_any_moment_stops_the_sequence() {
        let stop = services::signal::stop_requested().unwrap();
        let config = Config { limit: u64::MAX, ..config("any-moment") };
        run(config, stop).await.unwrap();
    }

    #[checked]
    async fn further_signals_are_ignored_and_the_value_is_written_unless_the_faulty_form_loses_it() {
        let path = absent("sequence-signals");
        let mut program =
            Program::start(env!("CARGO_BIN_EXE_sequence"), &["1000000", "1", "100", path.to_str().unwrap()]);
        program.says("counting").await;
        for _ in 0..CALLERS {
            program.signal(SIGTERM);
            program.signal(SIGINT);
        }
        let ended = program.end().await;
        assert!(ended.status.success(), "{ended:?}");
        let [summary] = &ended.rest[..] else { panic!("{ended:?}") };
        let none_taken = summary == "Summary { last: None, end: Stopped }";
        assert_eq!(path.exists(), !FAULTY && !none_taken, "{summary}");
    }

    #[cfg(target_os = "linux")]
    #[checked(start_paused = true)]
    #[cfg_attr(feature = "faulty", ignore = "the faulty form leaves its ticker")]
    async fn sequence_handles_no_signal() {
        run(config("handles"), pending()).await.unwrap();
        assert!(!crate::program::handles(nix::unistd::Pid::this(), SIGTERM));
    }
}
