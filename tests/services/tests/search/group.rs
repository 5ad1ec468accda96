//! An interrupt that comes before its actor has begun.

use std::time::Duration;

use lightsout::Kind;
use services::Faults::Only;
use services::group::{Echo, Fault, Group};

use crate::{BOUND, LOOPBACK, alone, file, found_unless_fixed, search};

#[test]
fn signal_before_the_actor_has_begun_is_lost() {
    let _alone = alone();
    let greeting = file("greeting", "hello");
    let report = search("interrupt too early", 1).run(move || {
        let faults = Only(Fault::InterruptTooEarly);
        let echo = Echo::new(LOOPBACK, greeting.clone(), Duration::from_secs(1), faults);
        async move {
            let mut group = Group::new(BOUND, faults);
            group.handle_signals().unwrap();
            let actor = echo.clone();
            // It begins late, on the paused clock: how long its file takes to be read is no plan's to decide.
            let late = async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                echo.execute().await
            };
            group.add("echo", late, move || {
                actor.interrupt();
                async {}
            });
            group.run().await
        }
    });
    found_unless_fixed(&report, Kind::Hang, "group.rs");
}
