//! A stop at any moment of a sequence. Its faults show under every one.

use std::time::Duration;

use services::FAULTY;
use services::sequence::{Config, End, run};
use services::signal::stop_requested;

use crate::{alone, file, search, searched_through};

#[test]
fn sequence_stops_whenever_it_is_told_to() {
    let _alone = alone();
    let (interval, work) = (Duration::from_millis(10), Duration::from_millis(4));
    let config = Config { limit: 5, interval, work, path: file("sequence", "") };
    let report = search("sequence", 1).run(move || {
        let config = config.clone();
        async move {
            let summary = run(config, stop_requested().unwrap()).await.unwrap();
            assert!(summary.last == Some(6) || summary.end == End::Stopped, "{summary:?}");
        }
    });
    if FAULTY {
        assert!(report.findings().iter().all(|finding| finding.plan().unwrap().is_undisturbed()), "{report}");
        assert!(!report.is_clean());
    } else {
        searched_through(&report);
    }
}
